import * as Schema from "effect/Schema"

/** How far reprocessing is. */
export const ReprocessProgress = Schema.Struct({
  /**
   * `idle`: nothing is being reprocessed · `measuring`: the live latency is looked at first · `folding`: version 2 folds the history ·
   * `proving`: compared with version 1, and with DuckDB.
   */
  phase: Schema.Literals(["idle", "measuring", "folding", "proving"]),
  /** Sequences of the raw topic that version 2 has folded, of those that were there at the start. */
  done: Schema.Int,
  total: Schema.Int,
  /** Sequences a second now, and the time until the history is folded at that rate; null while nobody can say. */
  ratePerSecond: Schema.Number,
  etaMillis: Schema.NullOr(Schema.Number)
})
export type ReprocessProgress = typeof ReprocessProgress.Type

/** Where the feed, its editions and the alias stand. */
export const SocialStatus = Schema.Struct({
  /** Names the feed. */
  feed: Schema.String,
  /** Records of the raw topic, and how many come in a second now. */
  records: Schema.Int,
  perSecond: Schema.Number,
  editions: Schema.Array(
    Schema.Struct({
      version: Schema.Int,
      rules: Schema.String,
      /** True while it runs. */
      isRunning: Schema.Boolean,
      /** Records of the raw topic that its first stage has folded. */
      folded: Schema.Int,
      /** Sequences of the raw topic that its first stage has not folded yet. */
      behind: Schema.Int,
      /** Changes of rows that its second stage has committed. */
      changes: Schema.Int
    })
  ),
  /** What the alias says: which version readers are told to read. */
  alias: Schema.Struct({
    current: Schema.Int,
    previous: Schema.NullOr(Schema.Int),
    revision: Schema.Int,
    change: Schema.Literals(["begin", "promote", "rollback"]),
    changedAtMillis: Schema.Int
  }),
  reprocess: ReprocessProgress
})
export type SocialStatus = typeof SocialStatus.Type

/** A served row that changed. */
export const RowChanged = Schema.Struct({
  version: Schema.Int,
  /** Of the served topic of this version. */
  sequence: Schema.Int,
  /** Sequence, in the raw topic, of the event that changed the row. */
  raw: Schema.Int,
  key: Schema.String,
  table: Schema.Literals(["hour", "month"]),
  /** Hour or month (UTC). */
  time: Schema.String,
  partition: Schema.Int,
  /** The topic, or the author. */
  name: Schema.String,
  /** Null for a row that was retracted. */
  row: Schema.NullOr(Schema.Record(Schema.String, Schema.Int))
})
export type RowChanged = typeof RowChanged.Type
