import * as Schema from "effect/Schema"
import { kinds } from "./SocialEvent.ts"

/** What one event made of a row. */
const Change = Schema.Struct({
  /** Sequence of the event in the raw topic. */
  raw: Schema.Int,
  kind: Schema.Literals(kinds),
  row: Schema.Record(Schema.String, Schema.Int)
})

/** What a replay from the first event found. */
export const ReplayReport = Schema.Struct({
  version: Schema.Int,
  stages: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      /** Inputs folded again, and outputs compared. */
      inputs: Schema.Int,
      outputs: Schema.Int,
      /** True when every output came out again, byte by byte and in order. */
      replayEqualsLive: Schema.Boolean,
      /** Partitions that came out otherwise. */
      differences: Schema.Array(Schema.Int)
    })
  ),
  replayEqualsLive: Schema.Boolean,
  /** Raw records a second, through all stages. */
  recordsPerSecond: Schema.Int,
  /** The row that was asked for, event by event. */
  steps: Schema.Array(Change)
})
export type ReplayReport = typeof ReplayReport.Type
