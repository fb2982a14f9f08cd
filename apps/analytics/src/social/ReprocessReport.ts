import * as Schema from "effect/Schema"
import { DiffReport } from "./DiffReport.ts"

const Millis = Schema.NullOr(Schema.Number)

/** What reprocessing the history with version 2 beside version 1 found. */
export const ReprocessReport = Schema.Struct({
  ...DiffReport.fields,
  /** True when every row of version 2 is what DuckDB computes from the archived raw events. */
  proved: Schema.Boolean,
  provedRows: Schema.Int,
  notProved: Schema.Int,
  /** Records folded by this run (0 when version 2 was running already), and how long that took under the live latency's budget. */
  reprocessed: Schema.Int,
  reprocessMillis: Schema.Int,
  /** p99 in ms from a record's append until version 1's served rows have it, before and during; null when nothing came in. */
  liveP99Before: Millis,
  liveP99During: Millis,
  /** The p99 that the backfill was held to, and how often it was halved for it. */
  budgetMillis: Schema.Number,
  throttleCuts: Schema.Int
})
export type ReprocessReport = typeof ReprocessReport.Type
