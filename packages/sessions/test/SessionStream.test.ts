import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Sessions } from "../src/index.ts"
import { history, hitSpec, run } from "./histories.ts"

describe("Sessions.changes", () => {
  it.effect("tells what step tells, and the end of the stream is the end of the input", () =>
    Effect.gen(function* () {
      const spec = hitSpec()
      const events = history(9, { events: 100, gap: 100, disorder: 300 })
      const { changes } = run(spec, [events])
      const told = Stream.fromIterable(events, { chunkSize: 7 }).pipe(Sessions.changes(spec))
      assert.deepStrictEqual(yield* Stream.runCollect(told), changes)
      // Each run of the stream begins anew.
      assert.deepStrictEqual(yield* Stream.runCollect(told), changes)
    })
  )

  it.effect("a failing stream ends no session", () =>
    Effect.gen(function* () {
      const told: Array<unknown> = []
      const failing = Stream.concat(
        Stream.fromIterable([{ id: "x", key: "a", at: 1, value: 1 }]),
        Stream.fail("broken")
      )
      const error = yield* failing.pipe(
        Sessions.changes(hitSpec()),
        Stream.runForEach((change) => Effect.sync(() => told.push(change))),
        Effect.flip
      )
      assert.strictEqual(error, "broken")
      assert.deepStrictEqual(told, [])
    })
  )
})
