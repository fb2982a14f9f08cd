import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { InvalidSpec, Sessions } from "../src/index.ts"
import { type Hit, hitSpec, type Result } from "./histories.ts"

const options = (numbers: Partial<Parameters<typeof Sessions.define<Hit, number, Result>>[0]>) => ({
  key: (hit: Hit) => hit.key,
  eventId: (hit: Hit) => hit.id,
  timeMillis: (hit: Hit) => hit.at,
  value: (hit: Hit) => hit.value,
  fold: hitSpec().fold,
  gapMillis: 1_800_000,
  ...numbers
})

describe("Sessions.define", () => {
  it("has the documented defaults", () => {
    const spec = Sessions.define(options({}))
    assert.strictEqual(spec.boundary, "inclusive")
    assert.strictEqual(spec.delayMillis, 120_000)
    assert.strictEqual(spec.latenessMillis, 86_400_000)
    assert.strictEqual(spec.maxFutureMillis, 300_000)
    assert.strictEqual(spec.maxEvents, 10_000)
    assert.isFalse(spec.early)
  })

  it("refuses numbers that cannot be, naming the field, the value and the rule", () => {
    for (const [bad, pattern] of [
      [{ gapMillis: 0 }, /gapMillis is 0, and must be a whole number of at least 1/],
      [{ gapMillis: -5 }, /gapMillis is -5/],
      [{ gapMillis: 1.5 }, /gapMillis is 1.5/],
      [{ latenessMillis: -1 }, /latenessMillis is -1, and must be a whole number of at least 0/],
      [{ delayMillis: Number.NaN }, /delayMillis is NaN/],
      [{ maxEvents: 0 }, /maxEvents is 0/],
      [{ maxFutureMillis: -1 }, /maxFutureMillis is -1/]
    ] as const) {
      assert.throws(() => Sessions.define(options(bad)), InvalidSpec, pattern)
    }
    assert.strictEqual(
      Sessions.define(options({ maxFutureMillis: Number.POSITIVE_INFINITY })).maxFutureMillis,
      Number.POSITIVE_INFINITY
    )
  })

  it.effect("make fails with the same error", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Sessions.make(options({ gapMillis: 0 })))
      assert.strictEqual(error._tag, "InvalidSpec")
      assert.strictEqual(error.field, "gapMillis")
      assert.strictEqual((yield* Sessions.make(options({}))).gapMillis, 1_800_000)
    })
  )
})
