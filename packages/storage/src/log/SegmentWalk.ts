import {
  type BatchHeader,
  batchHeaderBytes,
  batchVersion,
  isBodyValid,
  isControl,
  readBatchHeader
} from "./BatchHeader.ts"
import { learnSubjects, viewBatch } from "./BatchView.ts"
import { eachDelete } from "./DeleteNote.ts"
import type { FileWindow } from "./FileWindow.ts"
import { deletesRecords, isCheckpoint, namesSubjects, type Segment } from "./Segment.ts"
import { segmentHeaderBytes } from "./SegmentHeader.ts"

/** Where and how a walk over a segment ended. */
export type WalkEnd =
  /** At the end of the file: every batch is good. */
  | { readonly _tag: "Clean" }
  /** At a place that is not the next good batch. */
  | {
      readonly _tag: "Bad"
      readonly header: "ok" | "bad" | "zeroes"
      readonly chain: "ok" | "bad"
      readonly body: "ok" | "bad"
      readonly expected: string
      readonly found: string
      /** Bytes of the bad batch, where its header can be trusted. */
      readonly length: number | undefined
    }
  | { readonly _tag: "Unsupported"; readonly version: string }

/**
 * Takes in one good batch after the other from the present end of `segment`, checking both checksums, the chain and the
 * sequences, and says where it stopped: at `segment.size`. `onDelete` hears what its batches delete.
 */
export const walkSegment = (
  segment: Segment,
  window: FileWindow,
  seed: number,
  onDelete: (first: number, last: number) => void
): WalkEnd => {
  while (segment.size < window.size) {
    const position = segment.size
    const head = window.locate(position, batchHeaderBytes)
    if (head < 0) {
      return bad(
        window.isZeroFrom(position) ? "zeroes" : "bad",
        "a batch header",
        `${window.size - position} bytes`
      )
    }
    const header = readBatchHeader(window.bytes, window.view, head, seed)
    if (header === undefined) {
      const zeroes = window.isZeroFrom(position)
      return bad(
        zeroes ? "zeroes" : "bad",
        "a batch header of this log",
        zeroes ? "zeroes" : "another checksum"
      )
    }
    if (header.version !== batchVersion)
      return { _tag: "Unsupported", version: `batch version ${header.version}` }
    if (header.chain !== segment.tailChain || header.baseSequence !== segment.nextSequence) {
      return {
        _tag: "Bad",
        header: "ok",
        chain: "bad",
        body: "ok",
        expected: `sequence ${segment.nextSequence} after batch ${segment.tailChain}`,
        found: `sequence ${header.baseSequence} after batch ${header.chain}`,
        length: header.length
      }
    }
    const at = window.locate(position, header.length)
    if (at < 0 || !isBodyValid(window.bytes, at, header)) {
      const found = at < 0 ? `the end of the file after ${window.size - position}` : "another checksum"
      return badBody(header, `${header.length} bytes with checksum ${header.bodyCrc}`, found)
    }
    const batch = viewBatch(window.bytes, window.view, at, header, segment.subjects, 0)
    if (typeof batch === "string") return badBody(header, "a batch built as the format says", batch)
    if (namesSubjects(header)) learnSubjects(batch, header, segment.subjects)
    if (deletesRecords(header)) eachDelete(batch, onDelete)
    if (!isControl(header))
      segment.subjects.note(
        batch.subjectIds ?? [],
        batch.subjectIds === undefined ? 0 : batch.count,
        position
      )
    segment.note(header)
  }
  return { _tag: "Clean" }
}

/** Hears again what the batches of a segment with an index delete; false when one of its headers is damaged. */
export const findDeletes = (
  segment: Segment,
  window: FileWindow,
  seed: number,
  onDelete: (first: number, last: number) => void
): boolean => {
  for (let position = segmentHeaderBytes; position < segment.size; ) {
    const head = window.locate(position, batchHeaderBytes)
    const header = head < 0 ? undefined : readBatchHeader(window.bytes, window.view, head, seed)
    if (header === undefined) return false
    if (deletesRecords(header)) {
      const at = window.locate(position, header.length)
      if (at < 0 || !isBodyValid(window.bytes, at, header)) return false
      const batch = viewBatch(window.bytes, window.view, at, header, segment.subjects, 0)
      if (typeof batch === "string") return false
      eachDelete(batch, onDelete)
    }
    position += header.length
  }
  return true
}

/** What valid batches of this log there are after a bad place. */
export interface LaterBatches {
  readonly count: number
  /** True when one of them proves that what should be at the place was synced. */
  readonly synced: boolean
}

/** Looks at every multiple of 8 from `position` on for a batch of this log that begins at `sequence` or later. */
export const scanForBatches = (
  window: FileWindow,
  position: number,
  sequence: number,
  seed: number
): LaterBatches => {
  let count = 0
  let synced = false
  for (let at = position; at + batchHeaderBytes <= window.size; ) {
    const head = window.locate(at, batchHeaderBytes)
    if (head < 0) break
    const header = couldBeHeader(window.view, window.bytes, head)
      ? readBatchHeader(window.bytes, window.view, head, seed)
      : undefined
    if (header !== undefined && header.baseSequence >= sequence) {
      count++
      // `syncedTo` counts records, so it cannot tell of a control at the line; a checkpoint vouches for all before it.
      synced ||= header.syncedTo > sequence || isCheckpoint(header)
    }
    at += 8
  }
  return { count, synced }
}

// Cheap tests first: most positions are the middle of somebody's values.
const couldBeHeader = (view: DataView, bytes: Uint8Array, at: number): boolean => {
  const length = view.getUint32(at + 8, true)
  return length >= batchHeaderBytes && length % 8 === 0 && bytes[at + 58] === batchVersion
}

const bad = (header: "bad" | "zeroes", expected: string, found: string): WalkEnd => ({
  _tag: "Bad",
  header,
  chain: "ok",
  body: "ok",
  expected,
  found,
  length: undefined
})

const badBody = (header: BatchHeader, expected: string, found: string): WalkEnd => ({
  _tag: "Bad",
  header: "ok",
  chain: "ok",
  body: "bad",
  expected,
  found,
  length: header.length
})
