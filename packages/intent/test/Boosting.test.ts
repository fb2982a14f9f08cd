import { assert, describe, it } from "@effect/vitest"
import { Prng } from "@troupe/clickstream"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as PrefixCounts from "../src/PrefixCounts.ts"
import { groundOf, grow } from "../src/Trees.ts"

const seeds = Array.from({ length: count({ quick: 40, long: 1000 }) }, (_, i) => firstSeed() + i)

const ended = <A>(steps: Generator<void, A, void>): A => {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

describe("a tree", () => {
  it("splits where the gain is highest of all splits, and its leaves are Newton steps", () => {
    for (const seed of seeds) {
      const prng = Prng.make(seed)
      const rows = 60
      const columns = Uint8Array.from({ length: rows * PrefixCounts.width }, () =>
        Math.floor(prng.next() * 5)
      )
      const ground = groundOf(columns, rows)
      const { bends, gradients } = ground
      for (let row = 0; row < rows; row++) {
        gradients[row] = prng.next() - 0.5
        bends[row] = 0.05 + prng.next() / 5
      }
      const tree = ended(grow(ground, { depth: 1, l2: 2, leastBend: 1 }))
      const sums = (inside: (row: number) => boolean) => {
        let g = 0
        let h = 0
        for (let row = 0; row < rows; row++) {
          if (!inside(row)) continue
          g += gradients[row] as number
          h += bends[row] as number
        }
        return { g, h, worth: (g * g) / (h + 2) }
      }
      let best = { gain: 0, feature: -1, threshold: -1 }
      for (let feature = 0; feature < PrefixCounts.width; feature++) {
        for (let threshold = 0; threshold < 31; threshold++) {
          const right = (row: number) => (columns[feature * rows + row] as number) > threshold
          const [a, b] = [sums((row) => !right(row)), sums(right)]
          const gain = a.worth + b.worth - sums(() => true).worth
          if (a.h >= 1 && b.h >= 1 && gain > best.gain + 1e-12) best = { gain, feature, threshold }
        }
      }
      assert.deepStrictEqual(
        [tree.features[0], tree.thresholds[0]],
        [best.feature, best.threshold],
        `seed ${seed}`
      )
      for (const leaf of [0, 1]) {
        const { g, h } = sums((row) => ground.places[row] === leaf)
        assert.closeTo(tree.leaves[leaf] as number, -g / (h + 2), 1e-12, `seed ${seed}`)
      }
    }
  })

  it("sends everybody to the left where no split is worth it", () => {
    const rows = 10
    const ground = groundOf(new Uint8Array(rows * PrefixCounts.width), rows)
    ground.gradients.fill(0.5)
    ground.bends.fill(0.25)
    const tree = ended(grow(ground, { depth: 3, l2: 1, leastBend: 1 }))
    assert.deepStrictEqual(new Set(ground.places), new Set([0]))
    assert.closeTo(tree.leaves[0] as number, -5 / 3.5, 1e-12)
    assert.deepStrictEqual([...tree.leaves.subarray(1)], [0, 0, 0, 0, 0, 0, 0])
  })
})

describe("what trees look at", () => {
  it("are the counts of a session's symbols and pairs, stopping at 31", () => {
    for (const seed of seeds) {
      const prng = Prng.make(seed)
      const walked = Array.from({ length: 1 + Math.floor(prng.next() * 80) }, () =>
        Math.floor(prng.next() * 3)
      )
      const state = PrefixCounts.initial()
      for (const code of walked) PrefixCounts.step(state, code)
      const expected = Array.from({ length: PrefixCounts.width }, (_, j) => {
        const pair = j - 5
        if (j < 5) return walked.filter((code) => code === j).length
        if (j < 30) {
          return walked.filter(
            (code, i) => i > 0 && walked[i - 1] === Math.floor(pair / 5) && code === pair % 5
          ).length
        }
        return [walked.length, walked[walked.length - 1], walked[walked.length - 2] ?? 5][j - 30] as number
      })
      assert.deepStrictEqual(
        [...state],
        expected.map((value) => Math.min(31, value)),
        `seed ${seed}`
      )
    }
  })
})
