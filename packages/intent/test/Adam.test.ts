import { assert, describe, it } from "@effect/vitest"
import * as Adam from "../src/Adam.ts"

describe("Adam", () => {
  it("moves weights as its paper says, gradients clipped by their common length", () => {
    const weights = Float32Array.of(1, -2)
    const adam = Adam.make(2, 1)
    const expected = [1, -2]
    const m = [0, 0]
    const v = [0, 0]
    const gradients = [
      [0.3, -0.1],
      [3, 4],
      [0, 0],
      [-0.5, 0.2]
    ] as const
    for (const [t, gradient] of gradients.entries()) {
      const given = Float32Array.of(...gradient)
      adam.step(weights, given, 0.01)
      assert.deepStrictEqual([...given], [0, 0], "the gradient is used up")
      const length = Math.hypot(...gradient)
      for (const j of [0, 1] as const) {
        const g = gradient[j] / Math.max(1, length)
        m[j] = 0.9 * (m[j] ?? 0) + 0.1 * g
        v[j] = 0.999 * (v[j] ?? 0) + 0.001 * g * g
        const first = (m[j] ?? 0) / (1 - 0.9 ** (t + 1))
        const second = (v[j] ?? 0) / (1 - 0.999 ** (t + 1))
        expected[j] = (expected[j] ?? 0) - (0.01 * first) / (Math.sqrt(second) + 1e-8)
      }
      for (const j of [0, 1] as const)
        assert.closeTo(weights[j] as number, expected[j] as number, 1e-6, `step ${t}`)
    }
  })
})
