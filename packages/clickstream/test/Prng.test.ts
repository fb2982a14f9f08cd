import { assert, describe, it } from "@effect/vitest"
import { Prng } from "../src/index.ts"

describe("Prng", () => {
  it("gives the same numbers for the same seed and stream, for ever", () => {
    const first = (seed: number, stream?: number) => {
      const prng = Prng.make(seed, stream)
      return [prng.nextUint32(), prng.nextUint32(), prng.nextUint32()]
    }
    assert.deepStrictEqual(first(1), first(1, 0))
    assert.notDeepEqual(first(1), first(2))
    assert.notDeepEqual(first(1), first(1, 1))
    assert.notDeepEqual(first(1), first(1, 2 ** 32))
    assert.notDeepEqual(first(1), first(1 + 2 ** 32))
    assert.deepStrictEqual(first(1), [1651302453, 2795804679, 3459454518])
  })

  it("spreads evenly over [0, 1), in streams of neighbouring numbers too", () => {
    for (const stream of [0, 1, 2, -1]) {
      const prng = Prng.make(5, stream)
      const bins = Array.from({ length: 16 }, () => 0)
      for (let i = 0; i < 16_000; i++) {
        const at = Math.floor(prng.next() * 16)
        bins[at] = (bins[at] ?? 0) + 1
      }
      for (const bin of bins) assert.closeTo(bin, 1000, 150)
    }
    const firsts = Array.from({ length: 4000 }, (_, stream) => Prng.make(5, stream).next())
    assert.closeTo(firsts.reduce((sum, n) => sum + n, 0) / 4000, 0.5, 0.03)
  })

  it("picks by weight and never what has none", () => {
    const prng = Prng.make(3)
    const picks = [0, 0, 0, 0]
    for (let i = 0; i < 10_000; i++) {
      const at = Prng.pick(prng, [1, 0, 3, 0])
      picks[at] = (picks[at] ?? 0) + 1
    }
    assert.strictEqual(picks[1], 0)
    assert.strictEqual(picks[3], 0)
    assert.closeTo((picks[2] ?? 0) / 10_000, 0.75, 0.02)
  })
})
