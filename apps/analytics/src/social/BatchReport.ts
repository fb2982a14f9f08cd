import * as Schema from "effect/Schema"

/** A row that a view and DuckDB do not agree on. */
const Difference = Schema.Struct({
  partition: Schema.Int,
  hour: Schema.Int,
  key: Schema.String,
  batch: Schema.optionalKey(Schema.String),
  view: Schema.optionalKey(Schema.String)
})

/** What a batch found. */
export const BatchReport = Schema.Struct({
  version: Schema.Int,
  /** Records that this run added to the archive. */
  archived: Schema.Int,
  /** Parquet files in the archive. */
  files: Schema.Int,
  bytes: Schema.Int,
  /** Last sequence of the raw topic in the archive, and the last one that was read back and found right. */
  through: Schema.Int,
  verifiedThrough: Schema.Int,
  /** Rows that DuckDB computed, and the buckets (partition and hour) that were compared. */
  rows: Schema.Int,
  buckets: Schema.Int,
  unequalBuckets: Schema.Int,
  /** True when the view and DuckDB agree on every row. */
  proved: Schema.Boolean,
  differences: Schema.Array(Difference),
  /** SHA-256 of the view's rows at `through`, in canonical order. */
  digest: Schema.String
})
export type BatchReport = typeof BatchReport.Type
