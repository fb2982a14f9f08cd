import { assert, describe, it } from "@effect/vitest"
import { Broker, type TopicRecord } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { startChild } from "./ChildProcess.ts"
import { randomFrom } from "./Seeded.ts"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

const text = (record: TopicRecord) => new TextDecoder().decode(record.data)

/** What the killed processes said: which record waits for which moment, and which were cancelled. */
class Told {
  readonly moments = new Map<string, number>()
  readonly cancelling = new Set<string>()
  readonly cancelled = new Set<string>()

  take(lines: ReadonlyArray<string>): void {
    for (const line of lines) {
      const [kind, id = "", moment] = line.split(" ")
      if (kind === "S") this.moments.set(id, Number(moment))
      if (kind === "c") this.cancelling.add(id)
      if (kind === "X") this.cancelled.add(id)
    }
  }
}

/** Waits until nothing waits any more, and answers what came. */
const settled = Effect.gen(function* () {
  const topic = yield* (yield* Broker).topic({ name: "later" })
  for (;;) {
    const waiting = yield* Stream.runCollect(topic.read({ from: "first", filters: ["later.>"] }))
    for (const record of waiting) assert.strictEqual(record.schedule?.subject, "now")
    if (waiting.length === 0) break
    yield* Effect.sleep("5 millis")
  }
  // What took the last one's place may still be on its way to the disk, and is shown after that; `info` waits for it.
  yield* topic.info
  return yield* Stream.runCollect(topic.read({ from: "first", filters: ["now"] }))
})

describe("records that wait in a process that is killed with SIGKILL", () => {
  for (const durability of ["os", "disk"] as const) {
    it.live(
      `come exactly once, none early, none that was cancelled (durability ${durability})`,
      () =>
        Effect.gen(function* () {
          const directory = yield* temporaryDirectory
          const random = randomFrom(firstSeed())
          const told = new Told()
          const kills = count({ quick: 3, long: 50 })
          for (let round = 0; round < kills; round++) {
            yield* Effect.scoped(
              Effect.gen(function* () {
                const child = yield* startChild("schedule-writer.ts", [directory, durability, String(round)])
                yield* child.line("S")
                yield* Effect.sleep(40 + random() * 120)
                yield* child.kill
                told.take(child.lines)
              })
            )
          }
          const records = yield* Effect.provide(settled, Embedded.layer({ directory, durability }), {
            local: true
          })
          const times = new Map<string, number>()
          for (const record of records) {
            const id = text(record)
            assert.deepStrictEqual(record.headers, { id })
            assert.isFalse(times.has(id), `${id} came twice`)
            assert.isFalse(told.cancelled.has(id), `${id} was cancelled and came`)
            assert.isAtLeast(record.timeMillis, told.moments.get(id) ?? 0, `${id} came early`)
            times.set(id, record.timeMillis)
          }
          for (const id of told.moments.keys()) {
            if (!told.cancelling.has(id))
              assert.isTrue(times.has(id), `${id} was acknowledged and never came`)
          }
          assert.isAbove(told.moments.size, kills, "the killed processes did some work")
          assert.isAbove(told.cancelled.size, 0)
        }).pipe(Effect.onError(() => Effect.logError(`seed ${firstSeed()}`))),
      count({ quick: 60_000, long: 600_000 })
    )
  }
})
