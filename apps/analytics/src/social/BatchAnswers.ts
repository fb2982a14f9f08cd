import { TableDigest } from "@troupe/views"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as BatchProof from "./BatchProof.ts"
import * as EditionRows from "./EditionRows.ts"
import { SocialRun } from "./SocialRun.ts"

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

/**
 * Archives what the raw topic holds, reads it back, and proves that the current edition's rows at that sequence are what DuckDB computes from it.
 */
export const run = Effect.fn("BatchAnswers.run")(function* () {
  const social = yield* SocialRun
  const archive = yield* social.archive
  const { archived, through } = yield* archive.run()
  const verifiedThrough = yield* archive.verify
  const edition = yield* social.current
  yield* (yield* social.pipeline(edition)).caughtUp(through)
  const rows = yield* EditionRows.at(edition, through)
  const proved = yield* BatchProof.prove(edition, rows, archive.directory, through)
  const files = (yield* archive.manifest).segments.flatMap((segment) => segment.files)
  return {
    version: edition.version,
    archived,
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    through,
    verifiedThrough,
    ...proved,
    digest: TableDigest.canonical(rows)
  } satisfies BatchReport
})
