import { assert, describe, it } from "@effect/vitest"
import * as Progress from "../src/Progress.ts"

const samples = (...points: ReadonlyArray<readonly [number, number, number]>) =>
  points.map(([timeMillis, done, total]) => ({ timeMillis, done, total }))

describe("Progress", () => {
  it("says when it will have caught up, at the speed at which the lag shrinks", () => {
    // 1 000 folded a second while 500 come: the lag of 1 000 shrinks by 500 a second.
    const estimate = Progress.estimate(samples([0, 0, 1500], [1000, 1000, 2000]))
    assert.deepStrictEqual(estimate, { done: 1000, total: 2000, ratePerSecond: 1000, etaMillis: 2000 })
  })

  it("says never when the input grows as fast as the view folds", () => {
    assert.strictEqual(Progress.estimate(samples([0, 0, 100], [1000, 50, 150])).etaMillis, "never")
    assert.strictEqual(Progress.estimate(samples([0, 0, 100], [1000, 0, 100])).etaMillis, "never")
  })

  it("does not guess from one sample, and says 0 once it has caught up", () => {
    assert.strictEqual(Progress.estimate(samples([0, 0, 100])).etaMillis, undefined)
    assert.strictEqual(Progress.estimate(samples([0, 100, 100])).etaMillis, 0)
  })

  it("forgets samples of long ago", () => {
    let kept: ReadonlyArray<Progress.Sample> = []
    for (let at = 0; at < 100; at++) kept = Progress.record(kept, { timeMillis: at, done: at, total: 1000 })
    assert.strictEqual(kept.length, 16)
    assert.strictEqual(kept.at(-1)?.timeMillis, 99)
  })
})
