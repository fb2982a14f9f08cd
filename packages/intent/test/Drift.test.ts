import { assert, describe, it } from "@effect/vitest"
import { Prng } from "@troupe/clickstream"
import { Drift } from "../src/index.ts"

const scores = (seed: number, of: (x: number) => number, count = 5000) => {
  const prng = Prng.make(seed)
  return Array.from({ length: count }, () => of(prng.next()))
}

const watch = (reference: Drift.Reference, seen: ReadonlyArray<number>) => {
  const drift = Drift.make(reference)
  for (const score of seen) drift.observe(score)
  return drift
}

describe("the population stability index", () => {
  const reference = Drift.reference(scores(1, (x) => x * x))

  it("is near 0 for scores of the same kind, and large for others", () => {
    assert.strictEqual(reference.shares.length, 10)
    assert.isBelow(
      watch(
        reference,
        scores(2, (x) => x * x)
      ).psi(),
      0.01
    )
    assert.isAbove(
      watch(
        reference,
        scores(2, (x) => x)
      ).psi(),
      0.1
    )
    assert.isAbove(
      watch(
        reference,
        scores(2, () => 0.99)
      ).psi(),
      1
    )
    assert.strictEqual(Drift.make(reference).psi(), 0)
  })

  it("is Σ (live − reference) · ln(live ÷ reference), by hand", () => {
    const halves: Drift.Reference = { bounds: [0.5], shares: [0.5, 0.5] }
    // 3 below, 1 at or above; with half an event more in each bin: 3.5 / 5 and 1.5 / 5.
    const psi = watch(halves, [0.1, 0.2, 0.3, 0.5]).psi()
    assert.closeTo(psi, (0.7 - 0.5) * Math.log(0.7 / 0.5) + (0.3 - 0.5) * Math.log(0.3 / 0.5), 1e-12)
  })

  it("has fewer bins where scores cannot be told apart, and begins anew after a reset", () => {
    assert.deepStrictEqual(Drift.reference([0.3, 0.3, 0.3]), { bounds: [], shares: [1] })
    assert.deepStrictEqual(Drift.reference([0.1, 0.1, 0.1, 0.9], 4), { bounds: [0.9], shares: [0.75, 0.25] })
    const drift = watch(
      reference,
      scores(2, () => 0.99)
    )
    assert.strictEqual(drift.count(), 5000)
    drift.reset()
    assert.deepStrictEqual([drift.count(), drift.psi()], [0, 0])
  })
})
