import type { FileSystem } from "../disk/FileSystem.ts"
import { readFully } from "../disk/WholeFile.ts"
import {
  type BatchHeader,
  batchHeaderBytes,
  controlKind,
  controlKindOf,
  isBodyValid,
  isControl,
  readBatchHeader
} from "./BatchHeader.ts"
import { type BatchView, viewBatch } from "./BatchView.ts"
import { checksumRoom, releaseRoom } from "./Crc32c.ts"
import { LogCorrupt, LogFailed, logFailed } from "./LogError.ts"
import { logIdSeed } from "./LogId.ts"
import type { Segment } from "./Segment.ts"
import { decodeSegmentHeader, segmentHeaderBytes } from "./SegmentHeader.ts"
import { squeezeBatch } from "./SqueezedBatch.ts"
import type { SubjectFilter } from "./SubjectFilter.ts"

const handlesMax = 64
const pointReadBytes = 64 * 1024

// Not from Node's pool: views of columns need a chunk to begin at a multiple of 8.
const fresh = (length: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)

/** A stretch of one segment, read into memory. */
interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly view: DataView
  /** Where in the file it begins. */
  readonly position: number
}

/**
 * The reading half of a log: chunks from the page cache, synchronously, both checksums of each batch checked.
 *
 * Throws `LogCorrupt` for damaged bytes and `LogFailed` when the disk cannot be read.
 */
export class LogReader {
  private readonly fs: FileSystem
  private readonly segments: Array<Segment>
  private readonly isOther: boolean
  private readonly opened: Array<Segment> = []
  private readonly seed: number
  private lastPoint: BatchView | undefined
  /** Memory of `lend`, one piece for each chunk of a call, and how many the running call has taken. */
  private readonly lent: Array<Uint8Array<ArrayBuffer>> = []
  private lentNow = -1
  /** Length of the batch at the end of the last chunk when it did not fit in whole, else 0. */
  private cutOff = 0

  /** With `isOther` the writer is another process, which may replace a file at any time. */
  constructor(fs: FileSystem, segments: Array<Segment>, isOther = false) {
    this.fs = fs
    this.segments = segments
    this.isOther = isOther
    this.seed = logIdSeed((segments[0] as Segment).header.logId)
  }

  /** The first sequence there is, or the next one when there are no records. */
  get firstSequence(): number {
    return (this.segments[0] as Segment).baseSequence
  }

  /**
   * Batches of records from `from` on and below `end`, about `maxBytes` of them and at least one; none when there are
   * none. With a filter, full segments without any of its subjects are passed over.
   */
  read(from: number, maxBytes: number, end: number, filter?: SubjectFilter): Array<BatchView> {
    const out: Array<BatchView> = []
    let budget = maxBytes
    for (let k = this.segmentOf(from); k < this.segments.length; k++) {
      const segment = this.segments[k] as Segment
      if (segment.baseSequence >= end) break
      // The last batch there is to see is never passed over: the reader goes on from what it was shown.
      const next = this.segments[k + 1]
      const isPassed = next !== undefined && next.baseSequence < end
      if (filter !== undefined && isPassed && !filter.wantsAnyOf(segment.subjects)) continue
      const spent = this.readSegment(segment, from, budget, end, out)
      budget -= spent
      if (budget <= 0) break
    }
    return out
  }

  /** The same as `read`, in memory that the next call uses again. */
  lend(from: number, maxBytes: number, end: number, filter?: SubjectFilter): Array<BatchView> {
    this.lentNow = 0
    try {
      return this.read(from, maxBytes, end, filter)
    } finally {
      this.lentNow = -1
    }
  }

  /** Every batch of records and of the owner's controls, in file order, in groups of about `maxBytes`. */
  *scan(from: number, maxBytes: number): Generator<ReadonlyArray<BatchView>, void, void> {
    // Where the scan is: the next record, and how many of the controls before it were shown.
    let next = from
    let shown = 0
    let skip = 0
    // A control lies between two records: the walk begins at the one before, which may be in the segment before.
    let segment = this.segments[this.segmentOf(from - 1)]
    while (segment !== undefined) {
      const current: Segment = segment
      let position = current.index.locate(next - 1 - current.baseSequence)
      while (position >= 0 && position < current.size && this.segments.includes(current)) {
        const group: Array<BatchView> = []
        const chunk = this.chunk(current, position, maxBytes)
        position = this.each(current, chunk, (header, at) => {
          const begin = next
          if (isControl(header)) {
            if (controlKindOf(header) !== controlKind.owner || header.baseSequence < next) return true
            shown++
            if (skip-- > 0) return true
          } else {
            if (header.baseSequence + header.span <= next) return true
            next = header.baseSequence + header.span
            shown = 0
            skip = 0
          }
          group.push(this.viewOf(current, chunk, at, header, begin))
          return true
        })
        if (group.length > 0) yield group
      }
      // While the consumer had the turn, retention may have taken segments away, and compaction put others in their place.
      if (this.segments.includes(current)) {
        segment = this.segments.find((s) => s !== current && s.baseSequence >= current.nextSequence)
        continue
      }
      segment = this.segments[this.segmentOf(next - 1)]
      skip = shown
      shown = 0
    }
  }

  /** Every batch of one segment as it is in the file, controls and deleted records too, in chunks of about `maxBytes`. */
  *batchesOf(
    segment: Segment,
    maxBytes: number
  ): Generator<ReadonlyArray<{ readonly header: BatchHeader; readonly batch: BatchView }>, void, void> {
    for (let position = segmentHeaderBytes; position < segment.size; ) {
      const group: Array<{ readonly header: BatchHeader; readonly batch: BatchView }> = []
      const chunk = this.chunk(segment, position, maxBytes)
      position = this.each(segment, chunk, (header, at) => {
        group.push({ header, batch: this.plainViewOf(segment, chunk, at, header, 0) })
        return true
      })
      yield group
    }
  }

  /** The batch and row of one record, or `undefined` when the log does not hold it. */
  at(sequence: number, end: number): { readonly batch: BatchView; readonly row: number } | undefined {
    const first = this.segments[0] as Segment
    if (sequence < first.baseSequence || sequence >= end) return undefined
    const known = this.lastPoint
    if (known === undefined || sequence < known.baseSequence || sequence >= known.nextSequence) {
      this.lastPoint = this.read(sequence, pointReadBytes, end)[0]
    }
    const batch = this.lastPoint
    if (batch === undefined || sequence < batch.baseSequence || sequence >= batch.nextSequence)
      return undefined
    const row = batch.rowOf(sequence)
    return row < 0 ? undefined : { batch, row }
  }

  /** The sequence of the first record whose time is `timeMillis` or later; `end` when there is none. */
  sequenceAt(timeMillis: number, end: number): number {
    for (const segment of this.segments) {
      if (segment.maxTimeMillis < timeMillis) continue
      const found = this.sequenceIn(segment, timeMillis)
      // None where the records with that time are deleted.
      if (found >= 0) return Math.min(end, found)
    }
    return end
  }

  private sequenceIn(segment: Segment, timeMillis: number): number {
    let position = segment.index.locateTime(timeMillis)
    let found = -1
    while (position >= 0 && position < segment.size && found < 0) {
      const chunk = this.chunk(segment, position, pointReadBytes)
      position = this.each(segment, chunk, (header, at) => {
        if (isControl(header) || header.baseTimeMillis + header.maxTimeDeltaMillis < timeMillis) return true
        const batch = this.viewOf(segment, chunk, at, header, 0)
        let row = 0
        while (row < batch.count && batch.timeMillis(row) < timeMillis) row++
        if (row === batch.count) return true
        found = batch.sequence(row)
        return false
      })
    }
    return found
  }

  /** Forgets the batch that is kept at hand: some of its records were deleted. */
  forgetPoint(): void {
    this.lastPoint = undefined
  }

  /** Forgets a segment that is about to be removed. */
  forget(segment: Segment): void {
    this.lastPoint = undefined
    const at = this.opened.indexOf(segment)
    if (at >= 0) this.opened.splice(at, 1)
    if (segment.file !== undefined) this.fs.close(segment.file)
    segment.file = undefined
  }

  /** Gives all handles back. */
  close(): void {
    for (const segment of this.opened.slice()) this.forget(segment)
    for (const room of this.lent) releaseRoom(room)
  }

  private segmentOf(sequence: number): number {
    let low = 0
    let high = this.segments.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.segments[middle] as Segment).baseSequence <= sequence) low = middle
      else high = middle - 1
    }
    return low
  }

  private readSegment(
    segment: Segment,
    from: number,
    maxBytes: number,
    end: number,
    out: Array<BatchView>
  ): number {
    let position = segment.index.locate(from - segment.baseSequence)
    let spent = 0
    let more = true
    this.cutOff = 0
    // Asked before each chunk too: one that ends with its last batch would be followed by another for nothing.
    const hasRoom = (): boolean => spent < maxBytes || out.length === 0
    while (more && hasRoom() && position >= 0 && position < segment.size) {
      const wanted = Math.max(this.cutOff, maxBytes - spent, pointReadBytes)
      const readTo = segment.index.endOfRead(position, wanted, segment.size)
      const chunk = this.chunk(segment, position, readTo - position)
      position = this.each(segment, chunk, (header, at) => {
        more = header.baseSequence < end && hasRoom()
        if (!more) return false
        if (isControl(header) || header.baseSequence + header.span <= from) return true
        out.push(this.viewOf(segment, chunk, at, header, from))
        spent += header.length
        return true
      })
    }
    return spent
  }

  /** Calls `visit` for each whole batch of the chunk until it answers false; answers the position to go on from. */
  private each(segment: Segment, chunk: Chunk, visit: (header: BatchHeader, at: number) => boolean): number {
    const { bytes, view } = chunk
    let at = 0
    this.cutOff = 0
    while (at + batchHeaderBytes <= bytes.length) {
      const header = readBatchHeader(bytes, view, at, this.seed)
      if (header === undefined)
        throw this.damaged(segment, chunk, at, "a batch header of this log", "another checksum")
      if (at + header.length > bytes.length && at > 0) {
        this.cutOff = header.length
        break
      }
      // Nobody asks for these bodies, but damage that is passed over is damage nobody hears of.
      if (isControl(header)) this.checkBody(segment, chunk, at, header)
      if (!visit(header, at)) break
      at += header.length
    }
    return chunk.position + at
  }

  /** A batch of the segment without its deleted records. */
  private viewOf(segment: Segment, chunk: Chunk, at: number, header: BatchHeader, from: number): BatchView {
    const batch = this.plainViewOf(segment, chunk, at, header, from)
    const { deleted } = segment
    if (deleted === undefined || batch.isControl || !deleted.anyIn(batch.baseSequence, batch.nextSequence))
      return batch
    const squeezed = squeezeBatch(batch, header, segment.subjects, from, (sequence) => deleted.has(sequence))
    if (typeof squeezed === "string")
      throw this.damaged(segment, chunk, at, "a batch built as the format says", squeezed, header.length)
    return squeezed
  }

  private plainViewOf(
    segment: Segment,
    chunk: Chunk,
    at: number,
    header: BatchHeader,
    from: number
  ): BatchView {
    this.checkBody(segment, chunk, at, header)
    const batch = viewBatch(chunk.bytes, chunk.view, at, header, segment.subjects, from)
    if (typeof batch === "string") {
      throw this.damaged(segment, chunk, at, "a batch built as the format says", batch, header.length)
    }
    return batch
  }

  private checkBody(segment: Segment, chunk: Chunk, at: number, header: BatchHeader): void {
    if (isBodyValid(chunk.bytes, at, header)) return
    const expected = `a body with checksum ${header.bodyCrc}`
    throw this.damaged(segment, chunk, at, expected, "another checksum", header.length)
  }

  private damaged(
    segment: Segment,
    chunk: Chunk,
    at: number,
    expected: string,
    found: string,
    length = batchHeaderBytes
  ): LogCorrupt {
    const from = chunk.position + at
    return new LogCorrupt({
      file: segment.path,
      from,
      to: Math.min(from + length, segment.size),
      expected,
      found
    })
  }

  /** Reads about `wanted` bytes, and at least the whole batch that begins at `position`. */
  private chunk(segment: Segment, position: number, wanted: number): Chunk {
    const rest = segment.size - position
    const chunk = this.bytesAt(segment, position, Math.min(rest, Math.max(wanted, batchHeaderBytes)))
    if (chunk.bytes.length < batchHeaderBytes)
      throw this.damaged(segment, chunk, 0, "a batch header", "the end of the file")
    const header = readBatchHeader(chunk.bytes, chunk.view, 0, this.seed)
    if (header === undefined || header.length <= chunk.bytes.length) return chunk
    return this.bytesAt(segment, position, Math.min(rest, header.length))
  }

  /** Bytes of a segment's file as they are. */
  rawAt(segment: Segment, position: number, length: number): Uint8Array<ArrayBuffer> {
    return this.bytesAt(segment, position, length).bytes
  }

  private bytesAt(segment: Segment, position: number, length: number): Chunk {
    const into = this.lentNow < 0 ? fresh(length) : this.takeLent(length)
    try {
      const got = readFully(this.fs, this.handle(segment), into, 0, length, position)
      return { bytes: into.subarray(0, got), view: new DataView(into.buffer, into.byteOffset, got), position }
    } catch (cause) {
      throw logFailed("read", segment.path, cause)
    }
  }

  private takeLent(length: number): Uint8Array<ArrayBuffer> {
    const at = this.lentNow++
    const known = this.lent[at]
    if (known !== undefined && known.length >= length) return known
    if (known !== undefined) releaseRoom(known)
    const room = checksumRoom(length)
    this.lent[at] = room
    return room
  }

  /** Whether the file is still the one that the segment was found in. */
  private isSame(file: number, segment: Segment): boolean {
    const bytes = new Uint8Array(segmentHeaderBytes)
    readFully(this.fs, file, bytes, 0, segmentHeaderBytes, 0)
    const result = decodeSegmentHeader(bytes)
    return result._tag === "Valid" && result.header.generation === segment.header.generation
  }

  private handle(segment: Segment): number {
    if (segment.file !== undefined) return segment.file
    if (this.opened.length >= handlesMax) this.forget(this.opened[0] as Segment)
    const file = this.fs.open(segment.path, "read")
    if (this.isOther && !this.isSame(file, segment)) {
      this.fs.close(file)
      throw new LogFailed({ operation: "read", file: segment.path, code: "REWRITTEN" })
    }
    segment.file = file
    this.opened.push(segment)
    return file
  }
}
