import * as Schema from "effect/Schema"
import { LayeredSession } from "./LayeredSession.ts"
import { OpenReport } from "./OpenReport.ts"

/** An input in its three layers: how many sessions, and some of them from raw events to symbols. */
export const SessionsReport = Schema.Struct({
  input: Schema.String,
  events: Schema.Int,
  /** Rows of the input that are no clicks. */
  rejected: Schema.Int,
  sessions: Schema.Int,
  purchaseSessions: Schema.Int,
  kept: Schema.Int,
  keptBuyers: Schema.Int,
  /** Sessions with a purchase first, of them those that are kept, then the longest. */
  shown: Schema.Array(LayeredSession),
  /** The open sessions of the app that runs in `--data DIR`; null when none was asked. */
  open: Schema.NullOr(OpenReport)
})
export type SessionsReport = typeof SessionsReport.Type
