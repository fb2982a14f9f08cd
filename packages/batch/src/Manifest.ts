import type { ColumnType } from "./Columns.ts"
import type { RecordDigest } from "./RecordDigest.ts"

/** One immutable Parquet file: the records of one partition and one hour (UTC, by the broker's time) in one range of sequences. */
export interface ArchivedFile {
  readonly name: string
  /** Number of the partition; -1 for records on subjects that are not `p.<n>` or `p.<n>.…`. */
  readonly partition: number
  /** Hours since 1970. */
  readonly hour: number
  readonly firstSequence: number
  readonly lastSequence: number
  readonly bytes: number
  readonly digest: RecordDigest
}

/** A range of the topic that was archived at once. */
export interface Segment {
  /** First sequence covered, inclusive. */
  readonly from: number
  /** Last sequence covered, inclusive. Sequences between that have no record were deleted from the topic before. */
  readonly through: number
  readonly rows: number
  readonly files: ReadonlyArray<ArchivedFile>
  /** True once every file was read back from the disk and had the right rows. */
  readonly verified: boolean
}

/** What an archive holds: the only truth about it. A file that no manifest names is not part of it. */
export interface Manifest {
  readonly format: 1
  readonly topic: string
  /** Rises with every process that opened the archive to write. */
  readonly epoch: number
  readonly columns: ReadonlyArray<{ readonly name: string; readonly type: ColumnType }>
  /** Sorted, without a gap: each begins behind the one before. */
  readonly segments: ReadonlyArray<Segment>
  /** Ranges of sequences that were gone before they were archived, accepted with `allowGaps`. */
  readonly gaps: ReadonlyArray<{ readonly from: number; readonly through: number }>
}

/** The manifest of an empty archive. */
export const empty = (topic: string): Manifest => ({
  format: 1,
  topic,
  epoch: 0,
  columns: [],
  segments: [],
  gaps: []
})

/** Last sequence that the archive covers; 0 for none. */
export const through = (manifest: Manifest): number => manifest.segments.at(-1)?.through ?? 0

/** Last sequence up to which everything was read back; 0 for none. */
export const verifiedThrough = (manifest: Manifest): number => {
  let verified = 0
  for (const segment of manifest.segments) {
    if (!segment.verified) break
    verified = segment.through
  }
  return verified
}

/** Records in the archive. */
export const rows = (manifest: Manifest): number =>
  manifest.segments.reduce((sum, segment) => sum + segment.rows, 0)

/** The columns that an archive of `held` has after `added` ones; `undefined` when one of them changed its type. */
export const mergeColumns = (
  held: Manifest["columns"],
  added: Manifest["columns"]
): Manifest["columns"] | undefined => {
  const types = new Map(held.map(({ name, type }) => [name, type]))
  for (const { name, type } of added) {
    if ((types.get(name) ?? type) !== type) return undefined
    types.set(name, type)
  }
  return [...types].map(([name, type]) => ({ name, type }))
}
