import * as Schema from "effect/Schema"

/** What came of the story. Sizes in bytes. */
export const StorageReport = Schema.Struct({
  seed: Schema.Number,
  kills: Schema.Number,
  writers: Schema.Number,
  /** Acknowledged puts, deletes, and puts of a key that was put before. */
  puts: Schema.Number,
  deletes: Schema.Number,
  overwrites: Schema.Number,
  /** Bytes on disk before and after everything that nobody can ask for was compacted away. */
  bytesBefore: Schema.Number,
  bytesAfter: Schema.Number,
  /** Bytes of keys and values that a reader of the present sees. */
  liveBytes: Schema.Number,
  reclaimedBytes: Schema.Number,
  /** Likes that went away together with the like that was taken back, and old versions. */
  droppedPairs: Schema.Number,
  droppedVersions: Schema.Number,
  /** Tables and files of the write-ahead log that were ended because they were full, in runs that ended by themselves. */
  filesRolled: Schema.Number,
  filesArchived: Schema.Number,
  /** Questions about the past that were answered, wrong answers among them, and those whose answer is not kept any more. */
  asOfChecked: Schema.Number,
  asOfWrong: Schema.Number,
  asOfGone: Schema.Number,
  /** Acknowledged writes that the store does not have: checked after every kill and at the end, against a model outside the store. */
  acknowledgedLost: Schema.Number,
  /** A snapshot taken before the compaction reads the same after it. */
  snapshotUnchanged: Schema.Boolean
})
export type StorageReport = typeof StorageReport.Type
