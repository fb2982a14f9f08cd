import { assert, describe, it } from "@effect/vitest"
import { type ClickEvent, Simulator, Symbols } from "@troupe/clickstream"
import { type InputSymbol, Logistic, type Scorer, Training, Trajectory } from "../src/index.ts"

const session = (result: ReadonlyArray<Symbols.ShopSymbol>) => ({
  key: "u",
  sessionId: "s",
  startMillis: 1,
  result
})

const click = (at: number, symbol: Symbols.ShopSymbol): ClickEvent => ({
  eventId: `e${at}`,
  key: "u",
  sessionIdHash: "s",
  row: 1,
  symbol,
  action: Symbols.toAction(symbol),
  skus: [],
  timeMillis: at,
  urlHash: ""
})

describe("a trajectory", () => {
  it("is labelled by a purchase anywhere, and ends before the first one", () => {
    assert.deepStrictEqual(Trajectory.ofSession(session([1, 2, 5, 3, 5, 1])), {
      id: "s",
      user: "u",
      startMillis: 1,
      label: 1,
      symbols: [1, 2]
    })
    assert.deepStrictEqual(Trajectory.ofSession(session([5])).symbols, [])
    assert.strictEqual(Trajectory.ofSession(session([1, 2, 3, 4, 6])).label, 0)
  })

  it("is kept by its length after the cut: 5 and 155 are in, 4 and 156 are not", () => {
    const ofLength = (length: number, bought: boolean) =>
      Trajectory.ofSession(
        session([...Array.from({ length }, () => 1 as const), ...(bought ? ([5, 1, 1] as const) : [])])
      )
    const all = [4, 5, 155, 156].flatMap((length) => [ofLength(length, true), ofLength(length, false)])
    assert.deepStrictEqual(
      Trajectory.keep(all).map(({ symbols }) => symbols.length),
      [5, 5, 155, 155]
    )
    assert.strictEqual(Trajectory.countBuyers(Trajectory.keep(all)), 2)
  })

  it("comes from events in any order, cut at gaps of 30 minutes", () => {
    const events = [click(1_800_001 + 5, 5), click(5, 1), click(1_800_005, 2), click(7_000_000, 6)]
    const made = Trajectory.ofEvents(events)
    assert.deepStrictEqual(
      made.map(({ label, symbols }) => [label, symbols]),
      [
        [1, [1, 2]],
        [0, [6]]
      ]
    )
    assert.deepStrictEqual(Trajectory.ofEvents([...events].reverse()), made)
  })

  it("of a simulated shop has the shop's conversion", () => {
    const made = Trajectory.ofEvents(
      Simulator.events({ seed: 1, sessions: 2000, conversion: 0.2, returning: 0 })
    )
    assert.closeTo(Trajectory.countBuyers(made) / made.length, 0.2, 0.03)
  })

  it("can hold no purchase, nor can a model be asked about one: the types say so", () => {
    // @ts-expect-error 5 is what is predicted.
    const symbol: InputSymbol = 5
    const scorer: Scorer = Training.now(Logistic.train([])).scorer()
    // @ts-expect-error the same
    const ask = () => scorer.step(scorer.init(), 5)
    assert.strictEqual(symbol, 5)
    assert.isFunction(ask)
  })
})
