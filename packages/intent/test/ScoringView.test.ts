import { assert, describe, it } from "@effect/vitest"
import { ClickEvent, Simulator } from "@troupe/clickstream"
import { Control } from "@troupe/sessions"
import { ChunkLaw } from "@troupe/views"
import * as Schema from "effect/Schema"
import { Logistic, Lstm, ScoreTable, Scoring, Training, view } from "../src/index.ts"
import { walk } from "./two-chains.ts"

const set = walk({ seed: 11, sessions: 200, least: 1 })
const logistic = Training.now(Logistic.train(set))
const lstm = Training.now(Lstm.train(set, { hidden: 4, epochs: 1 }))
const decodeEvent = Schema.decodeUnknownSync(Schema.fromJsonString(ClickEvent))

const scores = (scoring: Scoring.Scoring) =>
  view({
    name: "scores",
    version: 1,
    scoring,
    decode: (record) => decodeEvent(new TextDecoder().decode(record.data))
  })

/** Simulated clicks as records of one partition, a fifth of them late; the last record ends the input. */
const events = [
  ...Simulator.events({
    seed: 2,
    events: 800,
    outOfOrder: { fraction: 0.2, minDelayMillis: 1000, maxDelayMillis: 3_600_000 }
  })
]
const record = (sequence: number, data: Uint8Array, headers: Record<string, string>, timeMillis: number) => ({
  sequence,
  subject: "clicks.0",
  data,
  headers,
  timeMillis
})
const records = [
  ...events.map((event, i) =>
    record(i + 1, new TextEncoder().encode(JSON.stringify(event)), {}, event.timeMillis + 3_600_000)
  ),
  record(events.length + 1, new Uint8Array(), { ...Control.toHeaders({ _tag: "EndOfInput" }) }, 0)
]

describe("a view of scores", () => {
  it("leaves the table of batch, and closes every session at the end of input", () => {
    const scoring = Scoring.define({ champion: logistic, challenger: lstm })
    const definition = scores(scoring)
    const { outputs } = definition.fold(definition.initial(0), records, 0)
    const table = ScoreTable.make()
    ScoreTable.apply(
      table,
      outputs.map((output) => definition.output.decode(definition.output.encode(output)))
    )
    const sort = (rows: ReadonlyMap<string, unknown>) => [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
    assert.deepStrictEqual(
      sort(ScoreTable.toRows(table)),
      sort(ScoreTable.toRows(ScoreTable.ofRows(Scoring.batch(scoring, events))))
    )
    assert.isAbove(outputs.filter((output) => output._tag === "Closed").length, 50)
  })

  it("does not depend on where chunks are cut", () => {
    const definition = scores(Scoring.define({ champion: logistic, challenger: lstm }))
    assert.isUndefined(
      ChunkLaw.check(definition, records.slice(0, 200), { partition: 0, cuts: [[1], [7, 1, 30], [64]] })
    )
  })

  it("quarantines what is too far ahead of its record's time, as any view of sessions", () => {
    const definition = scores(Scoring.define({ champion: logistic }))
    const early = records.slice(0, 1).map((first) => ({ ...first, timeMillis: 0 }))
    const { outputs } = definition.fold(definition.initial(0), early, 0)
    assert.deepStrictEqual(
      outputs.map(({ _tag }) => _tag),
      ["Quarantined"]
    )
  })

  it("has a digest of its own for every model, bit for bit, and for every setting", () => {
    const digests = [
      Scoring.define({ champion: logistic }),
      Scoring.define({ champion: lstm }),
      Scoring.define({ champion: logistic, challenger: lstm }),
      Scoring.define({ champion: logistic, fromClicks: 5 }),
      Scoring.define({ champion: logistic, sessions: { gapMillis: 60_000 } }),
      Scoring.define({ champion: Training.now(Logistic.train(set, { l2: 31 })) })
    ].map((scoring) => scores(scoring).digest)
    assert.strictEqual(new Set(digests).size, digests.length)
    assert.strictEqual(scores(Scoring.define({ champion: logistic })).digest, digests[0])
  })
})
