import { assert, describe, it } from "@effect/vitest"
import { LatencyWindow } from "../src/index.ts"

describe("a latency window", () => {
  it("gives nearest-rank quantiles of what is recent", () => {
    const window = LatencyWindow.make({ windowMillis: 100 })
    assert.isUndefined(window.quantile(0, 0.99))
    for (let latency = 1; latency <= 100; latency++) window.record(10, (latency * 37) % 101)
    assert.deepStrictEqual(
      [0, 0.01, 0.5, 0.99, 1].map((q) => window.quantile(10, q)),
      [1, 1, 50, 99, 100]
    )
  })

  it("forgets what ended before the window", () => {
    const window = LatencyWindow.make({ windowMillis: 100 })
    window.record(0, 500)
    window.record(60, 5)
    assert.strictEqual(window.quantile(99, 1), 500)
    assert.strictEqual(window.quantile(100, 1), 5)
    assert.isUndefined(window.quantile(160, 1))
  })

  it("keeps the newest samples where there are more than it holds", () => {
    const window = LatencyWindow.make({ windowMillis: 100, samplesMax: 3 })
    for (const latency of [9, 8, 1, 2, 3]) window.record(1, latency)
    assert.deepStrictEqual([window.quantile(1, 0), window.quantile(1, 0.5), window.quantile(1, 1)], [1, 2, 3])
  })

  it("refuses a window that cannot hold anything", () => {
    assert.throws(() => LatencyWindow.make({ windowMillis: 0 }), RangeError, /windowMillis/)
    assert.throws(() => LatencyWindow.make({ samplesMax: 0 }), RangeError, /samplesMax/)
  })
})
