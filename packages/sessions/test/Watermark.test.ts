import { assert, describe, it } from "@effect/vitest"
import { Sessions, Watermark } from "../src/index.ts"
import { history, hitSpec, run } from "./histories.ts"

describe("Watermark", () => {
  it("stays the delay behind the newest event and never falls", () => {
    assert.strictEqual(Watermark.ofPrefix([], 10), Number.NEGATIVE_INFINITY)
    assert.strictEqual(Watermark.ofPrefix([100], 10), 90)
    assert.strictEqual(Watermark.ofPrefix([100, 40, 95], 10), 90)
    assert.strictEqual(Watermark.after(90, 101, 10), 91)
  })

  it("of a step's state is that of the log's prefix, event by event", () => {
    const spec = hitSpec({ delayMillis: 70 })
    const events = history(5, { events: 80, gap: 100, disorder: 300 })
    let state = Sessions.initial<number>()
    events.forEach((event, index) => {
      state = run(spec, [[event]], { state, ends: false }).state
      const prefix = events.slice(0, index + 1).map(({ at }) => at)
      assert.strictEqual(state.watermarkMillis, Watermark.ofPrefix(prefix, 70))
    })
  })
})
