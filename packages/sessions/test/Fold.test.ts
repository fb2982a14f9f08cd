import { assert, describe, it } from "@effect/vitest"
import { Fold } from "../src/index.ts"

const foldAll = <V, A>(fold: Fold.Fold<V, A>, values: ReadonlyArray<V>): A => {
  let state = fold.init()
  values.forEach((value, index) => {
    state = fold.add(state, value, index)
  })
  return fold.done(state)
}

describe("Fold", () => {
  const all = Fold.struct({
    count: Fold.count,
    big: Fold.countWhere((n: number) => n > 2),
    parity: Fold.countBy((n: number) => (n % 2 === 0 ? "even" : "odd")),
    sum: Fold.sum((n: number) => n),
    first: Fold.first((n: number) => n),
    last: Fold.last((n: number) => n),
    path: Fold.collect((n: number) => n)
  })

  it("folds several things at once", () => {
    assert.deepStrictEqual(foldAll(all, [3, 1, 4, 2]), {
      count: 4,
      big: 2,
      parity: { odd: 2, even: 2 },
      sum: 10,
      first: 3,
      last: 2,
      path: [3, 1, 4, 2]
    })
    assert.deepStrictEqual(foldAll(all, []), {
      count: 0,
      big: 0,
      parity: {},
      sum: 0,
      first: null,
      last: null,
      path: []
    })
  })

  it("keeps a first value that is undefined or null", () => {
    const first = Fold.first((value: { readonly url?: string }) => value.url ?? null)
    assert.isNull(foldAll(first, [{}, { url: "a" }]))
  })

  it("a result does not change when folding goes on", () => {
    const state = all.add(all.init(), 3, 0)
    const before = all.done(state)
    all.add(state, 4, 1)
    assert.deepStrictEqual(before, {
      count: 1,
      big: 1,
      parity: { odd: 1 },
      sum: 3,
      first: 3,
      last: 3,
      path: [3]
    })
  })

  it("takes a fold of one's own, with the event's time", () => {
    const span = Fold.make<number, number, { from: number; to: number } | undefined>({
      init: () => undefined,
      add: (state, _value, timeMillis) => ({ from: state?.from ?? timeMillis, to: timeMillis }),
      done: (state) => (state === undefined ? 0 : state.to - state.from)
    })
    assert.strictEqual(foldAll(span, [7, 7, 7]), 2)
  })
})
