import { batchHeaderBytes, readBatchHeader } from "../log/BatchHeader.ts"
import { logIdSeed } from "../log/LogId.ts"
import type { LogPoint } from "../log/LogPoint.ts"
import { endOf } from "../log/LogPoint.ts"
import type { Segment } from "../log/Segment.ts"
import { segmentHeaderBytes } from "../log/SegmentHeader.ts"
import type { EpochStart } from "./EpochTable.ts"

/** Bytes of a segment's file. */
export type ReadBytes = (segment: Segment, position: number, length: number) => Uint8Array

const stretchBytes = 256 * 1024

/** Calls `visit` with the place before each batch and the batch's epoch, then with the end; stops when it answers false. */
const walk = (
  segment: Segment,
  end: number,
  read: ReadBytes,
  visit: (before: LogPoint, epoch: number | undefined) => boolean
): void => {
  const seed = logIdSeed(segment.header.logId)
  let point: LogPoint = {
    segment: segment.baseSequence,
    position: segmentHeaderBytes,
    sequence: segment.baseSequence,
    chain: segment.header.previousChain
  }
  let stretch = new Uint8Array(0)
  let start = point.position
  while (point.position < end) {
    if (point.position + batchHeaderBytes > start + stretch.length) {
      start = point.position
      stretch = new Uint8Array(read(segment, start, Math.min(stretchBytes, end - start)))
    }
    const view = new DataView(stretch.buffer, stretch.byteOffset, stretch.length)
    const header = readBatchHeader(stretch, view, point.position - start, seed)
    if (header === undefined) return
    if (!visit(point, header.epoch)) return
    point = {
      segment: point.segment,
      position: point.position + header.length,
      sequence: header.baseSequence + header.span,
      chain: header.headerCrc
    }
  }
  visit(point, undefined)
}

/**
 * True when `point` is a place between two batches of these segments, with that sequence and after that batch. Reads the
 * headers of one segment at most.
 */
export const isBoundary = (segments: ReadonlyArray<Segment>, point: LogPoint, read: ReadBytes): boolean => {
  const segment = segments.find((s) => s.baseSequence === point.segment)
  if (segment === undefined || point.position > segment.size) return false
  const same = (other: LogPoint): boolean =>
    other.position === point.position && other.sequence === point.sequence && other.chain === point.chain
  if (point.position === segment.size) return same(endOf(segment))
  let found = false
  walk(segment, segment.size, read, (before) => {
    found = same(before)
    return before.position < point.position
  })
  return found
}

/**
 * Where each epoch of a log begins. A segment's header tells the epoch it began in, so only a segment in which the epoch
 * changed (and the last one) has its batch headers read.
 */
export const readEpochs = (segments: ReadonlyArray<Segment>, read: ReadBytes): ReadonlyArray<EpochStart> => {
  const table: Array<EpochStart> = []
  const note = (epoch: number, start: LogPoint): void => {
    const last = table[table.length - 1]
    if (last === undefined || epoch > last.epoch) table.push({ epoch, start })
  }
  for (const [k, segment] of segments.entries()) {
    const head = segment.header
    const previous = segments[k - 1]
    const start =
      previous === undefined
        ? {
            segment: segment.baseSequence,
            position: 0,
            sequence: segment.baseSequence,
            chain: head.previousChain
          }
        : endOf(previous)
    note(head.epoch, start)
    const after = segments[k + 1]?.header.epoch ?? segment.lastEpoch
    if (after === head.epoch) continue
    walk(segment, segment.size, read, (before, epoch) => {
      if (epoch !== undefined) note(epoch, before)
      return true
    })
  }
  return table
}
