import * as Schema from "effect/Schema"

const Row = Schema.NullOr(Schema.Record(Schema.String, Schema.Int))

/** A row that two editions do not have alike, and some of the events that made the difference. */
const Example = Schema.Struct({
  key: Schema.String,
  before: Row,
  after: Row,
  /** Sequences, in the raw topic, of all events that did something else to the row. */
  sequences: Schema.Array(Schema.Int),
  /** The first of those events, as text. */
  because: Schema.String
})

/** What is different between two editions at one sequence of the raw topic. */
export const DiffReport = Schema.Struct({
  from: Schema.Int,
  to: Schema.Int,
  /** Both editions had folded the raw topic up to here. */
  through: Schema.Int,
  v1Digest: Schema.String,
  v2Digest: Schema.String,
  same: Schema.Int,
  added: Schema.Int,
  removed: Schema.Int,
  changed: Schema.Int,
  /** Changed rows by field. */
  fields: Schema.Record(Schema.String, Schema.Int),
  /** Differences that some event outside of what the new edition is meant to read otherwise has a part in, or that no event explains. */
  unexplained: Schema.Int,
  unexplainedExamples: Schema.Array(Schema.Struct({ key: Schema.String, reason: Schema.String })),
  examples: Schema.Array(Example)
})
export type DiffReport = typeof DiffReport.Type
