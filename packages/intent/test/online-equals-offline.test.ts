import { assert, describe, it } from "@effect/vitest"
import { type ClickEvent, Prng, Simulator, Symbols } from "@troupe/clickstream"
import { Sessions } from "@troupe/sessions"
import { count, firstSeed } from "@troupe/vitest/counts"
import {
  Logistic,
  Lstm,
  LstmGenerative,
  Markov,
  ModelBlob,
  ScoreTable,
  Scoring,
  Training
} from "../src/index.ts"
import { walk } from "./two-chains.ts"

const seeds = Array.from({ length: count({ quick: 60, long: 1500 }) }, (_, i) => firstSeed() + i)

const set = walk({ seed: 5, sessions: 400, least: 1 })
const logistic = Training.now(Logistic.train(set))
const lstm = Training.now(Lstm.train(set, { hidden: 8, epochs: 1 }))
const models = [
  logistic,
  lstm,
  Training.now(Markov.train(set, { order: 2 })),
  Training.now(LstmGenerative.train(set, { hidden: 4, epochs: 1 }))
]
const gap = 100

/** A few shoppers whose clicks lie around one gap apart; each click comes up to `disorder` ms late, some twice. */
const history = (seed: number, disorder: number): ReadonlyArray<ClickEvent> => {
  const prng = Prng.make(seed)
  const below = (n: number) => Math.floor(prng.next() * n)
  const distances = [0, 1, 5, 40, gap - 1, gap, gap + 1, 3 * gap]
  const clocks = [0, 1, 2].map(() => 1_000_000 + below(50))
  const arrivals: Array<{ readonly event: ClickEvent; readonly arrives: number }> = []
  for (let row = 1; row <= 90; row++) {
    const shopper = below(3)
    const timeMillis = (clocks[shopper] ?? 0) + (distances[below(distances.length)] ?? 0)
    clocks[shopper] = timeMillis
    const symbol = below(12) === 0 ? 5 : (([1, 2, 3, 4, 6, 1, 2, 6] as const)[below(8)] ?? 1)
    const event: ClickEvent = {
      eventId: `e${below(1_000_000)}-${row}`,
      key: `shopper-${shopper}`,
      sessionIdHash: "s",
      row,
      symbol,
      action: Symbols.toAction(symbol),
      skus: [],
      timeMillis,
      urlHash: ""
    }
    const late = () => (prng.next() < 0.5 ? 0 : below(disorder + 1))
    arrivals.push({ event, arrives: timeMillis + late() })
    if (prng.next() < 0.1) arrivals.push({ event, arrives: timeMillis + late() })
  }
  return arrivals.sort((a, b) => a.arrives - b.arrives).map(({ event }) => event)
}

const scoringOf = (seed: number, sessions: Scoring.ScoringOptions["sessions"] = {}) =>
  Scoring.define({
    champion: models[seed % models.length] ?? logistic,
    ...(seed % 3 === 0 ? {} : { challenger: models[(seed + 1) % models.length] ?? lstm }),
    fromClicks: 1 + (seed % 4),
    sessions: { gapMillis: gap, delayMillis: 0, latenessMillis: 2000, ...sessions }
  })

const runOver = (scoring: Scoring.Scoring, chunks: ReadonlyArray<ReadonlyArray<ClickEvent>>) => {
  let state = Scoring.initial()
  const outputs: Array<Scoring.Output> = []
  for (const chunk of chunks) {
    const [next, told] = Scoring.step(scoring, state, chunk)
    state = next
    outputs.push(...told)
  }
  outputs.push(...Scoring.end(scoring, state)[1])
  const table = ScoreTable.make()
  ScoreTable.apply(table, outputs)
  return { outputs, state, rows: new Map([...ScoreTable.toRows(table)].sort()) }
}

const truthOf = (scoring: Scoring.Scoring, events: ReadonlyArray<ClickEvent>) =>
  new Map([...ScoreTable.toRows(ScoreTable.ofRows(Scoring.batch(scoring, events)))].sort())

describe("online equals offline, bit for bit", () => {
  it("in order, out of order, late and doubled, after sessions merged and lost their names", () => {
    let corrected = 0
    let retracted = 0
    for (const seed of seeds) {
      const scoring = scoringOf(seed)
      const events = history(seed, [0, 50, 400, 2000][seed % 4] ?? 0)
      const { outputs, rows, state } = runOver(scoring, [events])
      assert.strictEqual(state.counts.late, 0, `seed ${seed}`)
      assert.deepStrictEqual(rows, truthOf(scoring, events), `seed ${seed}`)
      corrected += outputs.filter((output) => output._tag === "Scored" && output.corrected).length
      retracted += outputs.filter((output) => output._tag === "Retracted").length
    }
    // The histories do put the hard cases to the test.
    assert.isAbove(corrected, seeds.length)
    assert.isAbove(retracted, seeds.length)
  })

  it("a session over the cap loses its scores, in both", () => {
    let lost = 0
    for (const seed of seeds) {
      const scoring = scoringOf(seed, { maxEvents: 6 })
      const events = history(seed, 300)
      const { outputs, rows } = runOver(scoring, [events])
      assert.deepStrictEqual(rows, truthOf(scoring, events), `seed ${seed}`)
      lost += outputs.filter((output) => output._tag === "Quarantined").length
    }
    assert.isAbove(lost, seeds.length)
  })

  it("where chunks are cut, and going on from a snapshot, changes no output", () => {
    for (const seed of seeds) {
      const scoring = scoringOf(seed)
      const events = history(seed, 500)
      const whole = runOver(scoring, [events])
      assert.deepStrictEqual(
        runOver(
          scoring,
          events.map((event) => [event])
        ).outputs,
        whole.outputs,
        `seed ${seed}`
      )
      const middle = 1 + (seed % 80)
      const codec = Sessions.codec(scoring.spec)
      const [before, told] = Scoring.step(scoring, Scoring.initial(), events.slice(0, middle))
      const [after, more] = Scoring.step(scoring, codec.decode(codec.encode(before)), events.slice(middle))
      assert.deepStrictEqual(
        [...told, ...more, ...Scoring.end(scoring, after)[1]],
        whole.outputs,
        `seed ${seed}`
      )
    }
  })

  it("a simulated shop with 20 % of its events delayed leaves the scores of the one in time", () => {
    const options = { seed: 3, events: 6000, sessionsPerDay: 4000 }
    const delayed = {
      ...options,
      outOfOrder: { fraction: 0.2, minDelayMillis: 1000, maxDelayMillis: 7_200_000 }
    }
    const scoring = Scoring.define({ champion: logistic, challenger: lstm, fromClicks: 5 })
    const inTime = [...Simulator.events(options)]
    const { outputs, rows } = runOver(scoring, [[...Simulator.events(delayed)]])
    assert.isAbove(outputs.filter((output) => output._tag === "Scored" && output.corrected).length, 100)
    assert.deepStrictEqual(rows, truthOf(scoring, inTime))
    assert.deepStrictEqual(runOver(scoring, [inTime]).rows, rows)
    assert.strictEqual(rows.size, inTime.length)
  })
})

describe("a scoring", () => {
  const event = (at: number, symbol: Symbols.ShopSymbol, eventId = `e${at}`): ClickEvent => ({
    eventId,
    key: "ann",
    sessionIdHash: "s",
    row: 1,
    symbol,
    action: Symbols.toAction(symbol),
    skus: [],
    timeMillis: at,
    urlHash: ""
  })

  it("tells a probability after every event, is silent before the first click it may judge, and from the purchase on", () => {
    const scoring = Scoring.define({ champion: logistic, fromClicks: 2 })
    const [, outputs] = Scoring.step(scoring, Scoring.initial(), [
      event(1, 1),
      event(2, 2),
      event(3, 5),
      event(4, 1)
    ])
    const scored = outputs.flatMap((output) => (output._tag === "Scored" ? [output.champion] : []))
    assert.strictEqual(scored.length, 4)
    assert.isNull(scored[0])
    assert.isNumber(scored[1])
    assert.deepStrictEqual(scored.slice(2), [null, null])
  })

  it("a purchase that comes late takes back what was said after it", () => {
    const scoring = Scoring.define({ champion: logistic })
    const [state] = Scoring.step(scoring, Scoring.initial(), [event(1, 1), event(5, 2)])
    const [, outputs] = Scoring.step(scoring, state, [event(3, 5)])
    assert.deepStrictEqual(
      outputs.flatMap((output) =>
        output._tag === "Scored" ? [[output.eventId, output.champion, output.corrected, output.clicks]] : []
      ),
      [
        ["e3", null, false, 2],
        ["e5", null, true, 3]
      ]
    )
  })

  it("shows open sessions, and goes on with another model after a swap as if it had been there before", () => {
    const scoring = Scoring.define({ champion: logistic, challenger: lstm })
    const clicks = [event(1, 1), event(2, 2), event(3, 3)]
    const [state] = Scoring.step(scoring, Scoring.initial(), clicks.slice(0, 2))
    const [shown] = Scoring.open(scoring, state)
    assert.deepStrictEqual(shown?.symbols, [1, 2])
    const swapped = Scoring.swap(scoring, state, { champion: lstm, challenger: logistic })
    const [, outputs] = Scoring.step(swapped, state, clicks.slice(2))
    const expected = Scoring.batch(swapped, clicks)[2]
    const [last] = outputs.flatMap((output) => (output._tag === "Scored" ? [output] : []))
    assert.strictEqual(last?.champion, expected?.champion)
    assert.strictEqual(last?.challenger, expected?.challenger)
    assert.notStrictEqual(last?.champion, last?.challenger)
  })

  it("a decoded model gives the bits of the one that was trained", () => {
    for (const model of models) {
      const again = ModelBlob.decode(ModelBlob.encode(model))
      const clicks = [1, 2, 6, 3, 1, 1, 4].map((symbol, i) => event(i, symbol as Symbols.ShopSymbol))
      assert.deepStrictEqual(
        Scoring.batch(Scoring.define({ champion: again }), clicks),
        Scoring.batch(Scoring.define({ champion: model }), clicks)
      )
    }
  })
})
