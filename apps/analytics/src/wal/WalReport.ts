import * as Schema from "effect/Schema"

/** What came of the story. */
export const WalReport = Schema.Struct({
  seed: Schema.Number,
  /** Records that the killed primary had acknowledged: on its disk and on one replica's. */
  acknowledged: Schema.Number,
  /** Of those, the ones that the promoted replica does not have. */
  acknowledgedLost: Schema.Number,
  promoted: Schema.String,
  promotedEpoch: Schema.Number,
  /** Records that the new primary acknowledged. */
  acknowledgedAfter: Schema.Number,
  /** Records cut from the deposed primary because only it had them, and the files that keep them. */
  deposedTruncated: Schema.Number,
  deposedKeptIn: Schema.Array(Schema.String),
  /** From the primary's disk to a replica's, in milliseconds, as the primary last said. */
  lagMillisP99: Schema.Number,
  archivedFiles: Schema.Number,
  /** The last sequence of the restored log. */
  restoredTo: Schema.Number,
  /** Acknowledged records up to there that the restored log does not have as they were. */
  restoreWrong: Schema.Number
})
export type WalReport = typeof WalReport.Type
