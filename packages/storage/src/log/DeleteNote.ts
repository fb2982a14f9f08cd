import type { BatchView } from "./BatchView.ts"
import { DeletedRecords } from "./DeletedRecords.ts"
import { readU64, writeU64 } from "./LittleEndian.ts"
import type { Segment } from "./Segment.ts"

/** Bytes of one row of a batch that deletes: the first and the last sequence. */
export const deleteNoteBytes = 16

/** The value of a row that deletes `first` to `last`. */
export const encodeDeleteNote = (first: number, last: number): Uint8Array => {
  const bytes = new Uint8Array(deleteNoteBytes)
  const view = new DataView(bytes.buffer)
  writeU64(view, 0, first)
  writeU64(view, 8, last)
  return bytes
}

/** Calls `visit` with each range that a batch deletes; rows that are no such range are passed over. */
export const eachDelete = (batch: BatchView, visit: (first: number, last: number) => void): void => {
  for (let row = 0; row < batch.count; row++) {
    const value = batch.value(row)
    if (value.length !== deleteNoteBytes) continue
    const view = new DataView(value.buffer, value.byteOffset, value.length)
    visit(readU64(view, 0), readU64(view, 8))
  }
}

/** Calls `visit` with the part of `[first, last]` that each of these segments covers. */
export const eachPart = (
  segments: ReadonlyArray<Segment>,
  first: number,
  last: number,
  visit: (segment: Segment, first: number, last: number) => void
): void => {
  let low = 0
  let high = segments.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((segments[middle] as Segment).baseSequence <= first) low = middle
    else high = middle - 1
  }
  for (let k = low; k < segments.length; k++) {
    const segment = segments[k] as Segment
    if (segment.baseSequence > last) return
    const end = segments[k + 1]?.baseSequence ?? Number.POSITIVE_INFINITY
    const from = Math.max(first, segment.baseSequence)
    const to = Math.min(last, end - 1)
    if (from <= to) visit(segment, from, to)
  }
}

/**
 * Marks records as deleted in their segments; `fresh` hears each run of those that were not before. Answers whether at
 * least half of one of these segments is deleted now.
 */
export const markDeleted = (
  segments: ReadonlyArray<Segment>,
  first: number,
  last: number,
  fresh?: (first: number, last: number) => void
): boolean => {
  let mostly = false
  eachPart(segments, first, last, (segment, from, to) => {
    segment.deleted ??= new DeletedRecords(segment.baseSequence)
    segment.deleted.add(from, to, fresh)
    mostly ||= isMostlyDeleted(segment)
  })
  return mostly
}

/** A share of deleted records from which on a segment is written anew. */
const deletedShareMax = 0.5

/** True when at least half of the segment's records are deleted, and it is one that can be written anew. */
export const isMostlyDeleted = (segment: Segment): boolean =>
  segment.sealed &&
  segment.deleted !== undefined &&
  segment.deleted.count > 0 &&
  segment.deleted.count >= segment.rows * deletedShareMax

/** True when a record of `[first, last]` is marked as deleted, but for those in `except`. */
export const anyDeleted = (
  segments: ReadonlyArray<Segment>,
  first: number,
  last: number,
  except: ReadonlyMap<Segment, DeletedRecords | undefined>
): boolean => {
  let any = false
  eachPart(segments, first, last, (segment, from, to) => {
    const { deleted } = segment
    if (any || deleted?.anyIn(from, to + 1) !== true) return
    const known = except.get(segment)
    for (let sequence = from; sequence <= to && !any; sequence++)
      any = deleted.has(sequence) && known?.has(sequence) !== true
  })
  return any
}
