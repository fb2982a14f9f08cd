import * as Schema from "effect/Schema"

/** What scoring live left, for one order in which the clicks came. */
const Order = Schema.Struct({
  /** The row that the topic's last record named when this began; 0 for a fresh run. */
  resumedFrom: Schema.Int,
  /** Events with a score, silent ones included. */
  scores: Schema.Int,
  /** Scores told again because an earlier event came later. */
  corrected: Schema.Int,
  /** Sessions that late events merged into others. */
  retracted: Schema.Int,
  /** Clicks that are in no session: too late, or quarantined. */
  leftOut: Schema.Int,
  onlineEqualsOffline: Schema.Boolean,
  /** SHA-256 of all scores as the topic of the view holds them, in canonical order. */
  digest: Schema.String,
  /** The same of the scores computed from the topic of clicks at once. */
  offlineDigest: Schema.String
})

const ModelUsed = Schema.Struct({
  model: Schema.String,
  checksum: Schema.String,
  revision: Schema.Int,
  /** Where it comes from. */
  from: Schema.String
})

/** Scores of one input, live and offline. */
export const ScoreReport = Schema.Struct({
  /** Clicks of the input. */
  events: Schema.Int,
  /** In order, and when some come late: the live scores are those computed offline, bit for bit. */
  onlineEqualsOffline: Schema.Boolean,
  /** Of the scores that the clicks left that came in order. */
  digest: Schema.String,
  /** True when late clicks leave the same scores; null when none were late. */
  sameDigestDelayed: Schema.NullOr(Schema.Boolean),
  /** A model's own step, on one core. */
  microsecondsPerEvent: Schema.Record(Schema.String, Schema.Number),
  input: Schema.String,
  rejected: Schema.Int,
  broker: Schema.String,
  durability: Schema.String,
  models: Schema.Struct({ champion: ModelUsed, challenger: ModelUsed }),
  /** Models say nothing before this event of a session. */
  fromClicks: Schema.Int,
  inOrder: Order,
  delayed: Schema.NullOr(
    Schema.Struct({
      ...Order.fields,
      /** Share of the clicks that came late, as asked for, and how many that were. */
      share: Schema.Number,
      late: Schema.Int,
      latestMinutes: Schema.Number
    })
  ),
  /** From the first click's append until the last score was committed, in order. */
  eventsPerSecond: Schema.Int
})
export type ScoreReport = typeof ScoreReport.Type
