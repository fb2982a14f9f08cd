import { assert, describe, it } from "@effect/vitest"
import { Prng } from "@troupe/clickstream"
import { count, firstSeed } from "@troupe/vitest/counts"
import { symbols } from "../src/InputSymbol.ts"
import * as VisibilityMotifs from "../src/VisibilityMotifs.ts"

const seeds = Array.from({ length: count({ quick: 300, long: 10_000 }) }, (_, i) => firstSeed() + i)

/** The horizontal visibility graph of a whole series, as it is defined: `sees[i][j]`. */
const graphOf = (series: ReadonlyArray<number>) =>
  series.map((height, i) =>
    series.map(
      (other, j) => i < j && series.slice(i + 1, j).every((between) => between < height && between < other)
    )
  )

const names = ["ac", "bd", "ad"] as const
const nodes = { ac: [0, 2], bd: [1, 3], ad: [0, 3] } as const

describe("motifs of horizontal visibility graphs", () => {
  it("counted event by event are those of the whole graph, looked up four nodes at a time", () => {
    for (const seed of seeds) {
      const prng = Prng.make(seed)
      const series = Array.from(
        { length: Math.floor(prng.next() * 30) },
        () => symbols[Math.floor(prng.next() * 5)] ?? 1
      )
      const state = VisibilityMotifs.initial()
      for (const symbol of series) VisibilityMotifs.step(state, symbol)
      const graph = graphOf(series)
      const expected = VisibilityMotifs.motifs.map(() => 0)
      for (let at = 0; at + 3 < series.length; at++) {
        const edges = names.filter((name) => graph[at + nodes[name][0]]?.[at + nodes[name][1]])
        const motif = VisibilityMotifs.motifs.findIndex(
          (known) => known.length === edges.length && known.every((edge) => edges.includes(edge))
        )
        assert.isAtLeast(motif, 0, `seed ${seed}: ${edges.join()} is no motif`)
        expected[motif] = (expected[motif] as number) + 1
      }
      assert.deepStrictEqual([...state.counts], expected, `seed ${seed}: ${series.join("")}`)
      const windows = Math.max(0, series.length - 3)
      assert.deepStrictEqual(
        VisibilityMotifs.frequencies(state),
        expected.map((found) => (windows === 0 ? 0 : found / windows)),
        `seed ${seed}`
      )
    }
  })

  it("each of the six is there, by hand", () => {
    const cases = [
      { values: [1, 1, 1, 1], edges: [] },
      { values: [2, 1, 2, 2], edges: ["ac"] },
      { values: [4, 3, 1, 2], edges: ["bd"] },
      { values: [4, 1, 2, 3], edges: ["ac", "ad"] },
      { values: [3, 2, 1, 4], edges: ["bd", "ad"] },
      { values: [3, 1, 1, 2], edges: ["ad"] }
    ] as const
    for (const { edges, values } of cases) {
      const [a, b, c, d] = values
      assert.deepStrictEqual(
        [...(VisibilityMotifs.motifs[VisibilityMotifs.motifOf(a, b, c, d)] ?? [])],
        [...edges]
      )
    }
  })
})
