import type { FileSystem } from "../disk/FileSystem.ts"
import { ensureDirectory, replaceFile, writeFully } from "../disk/WholeFile.ts"
import { checkLayout } from "../log/BatchColumns.ts"
import {
  type BatchHeader,
  batchHeaderBytes,
  batchVersion,
  isBodyValid,
  isControl,
  readBatchHeader
} from "../log/BatchHeader.ts"
import { type BatchView, learnSubjects, viewBatch } from "../log/BatchView.ts"
import { eachDelete, markDeleted } from "../log/DeleteNote.ts"
import { encodeIndexFile } from "../log/IndexFile.ts"
import { LogCorrupt } from "../log/LogError.ts"
import { inDirectory, indexName, segmentName } from "../log/LogFiles.ts"
import { type LogId, logIdSeed } from "../log/LogId.ts"
import { endOf, type LogPoint } from "../log/LogPoint.ts"
import { LogReader } from "../log/LogReader.ts"
import { recoverLog, surveyReadable } from "../log/Recovery.ts"
import { deletesRecords, namesSubjects, Segment } from "../log/Segment.ts"
import { decodeSegmentHeader, segmentHeaderBytes } from "../log/SegmentHeader.ts"
import type { EpochStart } from "./EpochTable.ts"
import type { Place } from "./Frame.ts"
import { cutAfter, keepAndCut, type LostTail, removeAll } from "./LogTail.ts"
import { isBoundary, readEpochs } from "./SegmentBoundaries.ts"

/** What became of a piece. `unfit` says what does not continue this log; nothing of it was written. */
export type Taken =
  | { readonly _tag: "Taken" }
  | { readonly _tag: "Duplicate" }
  | { readonly _tag: "Gap" }
  | { readonly _tag: "Unfit"; readonly what: string }

const indexSpacing = 32 * 1024
const nothing = new Uint8Array(0)
const start: LogPoint = { segment: 0, position: 0, sequence: 1, chain: 0 }
const noLogId: LogId = { low: 0, high: 0 }

/**
 * A log that only grows by pieces of another one's files, byte for byte.
 *
 * A state machine without Effect: every call is synchronous but `sync`, which answers once. Batches are checked (both
 * checksums, chain, sequence, epoch, build) before a byte of them is written. Throws what the file system throws.
 */
export class ReplicaLog {
  private readonly fs: FileSystem
  private readonly directory: string
  private segments: Array<Segment> = []
  private reader: LogReader | undefined
  private file: number | undefined
  private pending: Uint8Array = nothing
  private seed = 0
  private durableEnd: LogPoint = start
  /** Where the first segment begins, while there is none. */
  private firstBase = 0
  private syncing = false
  private readonly unclosed: Array<number> = []
  private readonly committed: number

  /** `committed`: everything below was acknowledged; a log that is damaged below it is not opened. */
  constructor(fs: FileSystem, directory: string, committed: number) {
    this.fs = fs
    this.directory = directory
    this.committed = committed
    ensureDirectory(fs, directory)
    this.load()
  }

  /** The log's id; both halves 0 while there is none. */
  get logId(): LogId {
    return this.segments[0]?.header.logId ?? noLogId
  }

  /** The place after the last batch that is written. */
  get end(): LogPoint {
    const last = this.segments[this.segments.length - 1]
    return last === undefined ? start : endOf(last)
  }

  /** The place after the last batch that is synced. */
  get durable(): LogPoint {
    return this.durableEnd
  }

  /** The next byte to come: after `end` and the part of a batch that is in memory. */
  get next(): Place {
    if (this.segments.length === 0) return { segment: this.firstBase, position: 0 }
    const { end } = this
    return { segment: end.segment, position: end.position + this.pending.length }
  }

  /** Epoch of the last batch; 0 in an empty log. */
  get epoch(): number {
    return this.segments[this.segments.length - 1]?.lastEpoch ?? 0
  }

  /** The first sequence there is. */
  get firstSequence(): number {
    return this.segments[0]?.baseSequence ?? 1
  }

  /** True when something written is not synced. */
  get needsSync(): boolean {
    const { end, durableEnd } = this
    return end.segment !== durableEnd.segment || end.position !== durableEnd.position
  }

  /** Where each epoch begins. */
  epochs(): ReadonlyArray<EpochStart> {
    const { reader } = this
    if (reader === undefined) return []
    return readEpochs(this.segments, (segment, at, length) => reader.rawAt(segment, at, length))
  }

  /** True when `point` is a place between two batches of this log. */
  has(point: LogPoint): boolean {
    const { reader } = this
    if (reader === undefined) return false
    return isBoundary(this.segments, point, (segment, at, length) => reader.rawAt(segment, at, length))
  }

  /** Batches of records in `[from, to)`, about `maxBytes` of them. */
  read(from: number, maxBytes: number, to: number): ReadonlyArray<BatchView> {
    return this.reader?.read(from, maxBytes, to) ?? []
  }

  /** Takes a piece of a segment file that begins at `at`; writes every batch that is whole with it. */
  take(at: Place, piece: Uint8Array): Taken {
    const { next } = this
    if (this.segments.length === 0) {
      if (at.segment !== this.firstBase || at.position !== 0) return { _tag: "Gap" }
      return piece.length === 0 ? { _tag: "Duplicate" } : this.begin(at.segment, piece)
    }
    const fresh = at.segment === next.segment ? next.position - at.position : -1
    if (fresh >= 0) {
      if (fresh >= piece.length) return { _tag: "Duplicate" }
      return this.grow(piece.subarray(fresh))
    }
    if (at.segment < next.segment) return { _tag: "Duplicate" }
    if (at.position !== 0 || this.pending.length > 0 || at.segment !== this.end.sequence)
      return { _tag: "Gap" }
    return this.begin(at.segment, piece)
  }

  /** Makes durable what is written now. `done` is called once; one `sync` at a time. */
  sync(done: (error: unknown) => void): void {
    const point = this.end
    const { file } = this
    if (file === undefined) {
      done(undefined)
      return
    }
    this.syncing = true
    this.fs.syncData(file, (error) => {
      this.syncing = false
      for (const old of this.unclosed.splice(0)) this.fs.close(old)
      // A roll in the meantime has synced this file itself, and gone on.
      if (error === undefined && this.durableEnd.segment <= point.segment) this.durableEnd = point
      done(error)
    })
  }

  /** Cuts everything after `point`, a place of this log, and keeps a copy of it. */
  cut(point: LogPoint): LostTail {
    this.close()
    const lost = cutAfter(this.fs, this.directory, this.segments, point)
    this.load()
    return lost
  }

  /**
   * Forgets the log to take another from the segment `base` on: keeping a copy of what there was, or (when the primary
   * had it too) not.
   */
  reset(base: number, keepCopy: boolean): LostTail | undefined {
    const { segments } = this
    const first = segments[0]
    this.close()
    let lost: LostTail | undefined
    if (first !== undefined && keepCopy) {
      const point = { segment: first.baseSequence, position: 0, sequence: first.baseSequence, chain: 0 }
      lost = cutAfter(this.fs, this.directory, segments, point)
    } else removeAll(this.fs, this.directory, segments)
    this.firstBase = base
    this.load()
    return lost
  }

  /** Forgets the part of a batch that is in memory. */
  forgetPending(): void {
    this.pending = nothing
  }

  /** Gives the handles back; writes nothing. */
  close(): void {
    this.reader?.close()
    this.reader = undefined
    this.pending = nothing
    if (this.file !== undefined) this.release(this.file)
    this.file = undefined
  }

  /** A handle that a sync is using is closed after it. */
  private release(file: number): void {
    if (this.syncing) this.unclosed.push(file)
    else this.fs.close(file)
  }

  private load(): void {
    this.pending = nothing
    const segments = this.recover()
    this.segments = segments
    const last = segments[segments.length - 1]
    this.durableEnd = last === undefined ? start : endOf(last)
    if (last === undefined) return
    this.seed = logIdSeed(last.header.logId)
    this.reader = new LogReader(this.fs, segments)
    this.file = this.fs.open(last.path, "write")
  }

  /**
   * As a log recovers, but for one thing: `syncedTo` in a batch tells what the primary had synced, not what this disk has.
   * So damage at the end that looks like damage to synced bytes is a torn end here: cut, kept aside, and asked for again.
   */
  private recover(): Array<Segment> {
    try {
      return recoverLog(this.fs, this.directory, indexSpacing).segments
    } catch (error) {
      if (!(error instanceof LogCorrupt)) throw error
      const { segments } = surveyReadable(this.fs, this.directory, indexSpacing)
      const last = segments[segments.length - 1]
      const names = (this.fs.list(this.directory) ?? []).filter((name) => name.endsWith(".log"))
      const isEnd =
        last !== undefined &&
        last.path === error.file &&
        last.size === error.from &&
        names.every((name) => name <= segmentName(last.baseSequence))
      if (!isEnd || last.nextSequence < this.committed) throw error
      keepAndCut(this.fs, this.directory, last)
      return recoverLog(this.fs, this.directory, indexSpacing).segments
    }
  }

  private begin(base: number, piece: Uint8Array): Taken {
    if (piece.length < segmentHeaderBytes) return { _tag: "Gap" }
    const result = decodeSegmentHeader(piece.subarray(0, segmentHeaderBytes))
    if (result._tag !== "Valid") return { _tag: "Unfit", what: `a segment header that is ${result._tag}` }
    const { header } = result
    if (header.baseSequence !== base)
      return { _tag: "Unfit", what: `segment ${base} says ${header.baseSequence}` }
    const last = this.segments[this.segments.length - 1]
    if (last !== undefined) {
      const continues =
        header.previousChain === last.endChain &&
        header.epoch >= last.lastEpoch &&
        logIdSeed(header.logId) === this.seed
      if (!continues)
        return { _tag: "Unfit", what: `segment ${base} does not follow segment ${last.baseSequence}` }
      if (last.records === 0) return { _tag: "Unfit", what: `segment ${base} follows one without records` }
    }
    // Check the rest before the segment is begun: an unfit piece must leave nothing behind.
    this.seed = logIdSeed(header.logId)
    const path = inDirectory(this.directory, segmentName(base))
    const segment = new Segment(path, header, indexSpacing)
    const rest = piece.slice(segmentHeaderBytes)
    const walked = this.walk(segment, rest)
    if (typeof walked === "string") return { _tag: "Unfit", what: walked }
    if (last !== undefined) this.seal(last)
    replaceFile(this.fs, path, piece.subarray(0, segmentHeaderBytes))
    this.segments.push(segment)
    this.reader ??= new LogReader(this.fs, this.segments)
    this.file = this.fs.open(path, "write")
    this.durableEnd = {
      ...endOf(segment),
      position: segmentHeaderBytes,
      sequence: base,
      chain: header.previousChain
    }
    return this.write(segment, rest, walked)
  }

  private grow(piece: Uint8Array): Taken {
    const segment = this.segments[this.segments.length - 1] as Segment
    const bytes = new Uint8Array(this.pending.length + piece.length)
    bytes.set(this.pending)
    bytes.set(piece, this.pending.length)
    const walked = this.walk(segment, bytes)
    if (typeof walked === "string") return { _tag: "Unfit", what: walked }
    return this.write(segment, bytes, walked)
  }

  /** The headers of the whole batches in `bytes`, which lie at the end of `segment`; or what is wrong with one. */
  private walk(segment: Segment, bytes: Uint8Array): ReadonlyArray<BatchHeader> | string {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const headers: Array<BatchHeader> = []
    let chain = segment.tailChain
    let sequence = segment.nextSequence
    let epoch = segment.lastEpoch
    for (let at = 0; at + batchHeaderBytes <= bytes.length; ) {
      const header = readBatchHeader(bytes, view, at, this.seed)
      if (header === undefined) return "a batch header with another checksum"
      if (header.version !== batchVersion) return `batch version ${header.version}`
      if (header.chain !== chain) return `a batch after ${header.chain}, here the last one is ${chain}`
      if (header.baseSequence !== sequence)
        return `sequence ${header.baseSequence} where ${sequence} comes next`
      if (header.epoch < epoch) return `epoch ${header.epoch} after epoch ${epoch}`
      if (at + header.length > bytes.length) break
      if (!isBodyValid(bytes, at, header)) return "a batch body with another checksum"
      const layout = checkLayout(header, view, at)
      if (typeof layout === "string") return `a batch in which ${layout}`
      headers.push(header)
      at += header.length
      chain = header.headerCrc
      sequence = header.baseSequence + header.span
      epoch = header.epoch
    }
    return headers
  }

  private write(segment: Segment, bytes: Uint8Array, headers: ReadonlyArray<BatchHeader>): Taken {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const length = headers.reduce((sum, header) => sum + header.length, 0)
    if (length > 0) writeFully(this.fs, this.file as number, bytes, 0, length, segment.size)
    let at = 0
    for (const header of headers) {
      const batch = viewBatch(bytes, view, at, header, segment.subjects, 0)
      if (typeof batch !== "string") {
        if (namesSubjects(header)) learnSubjects(batch, header, segment.subjects)
        else if (deletesRecords(header))
          eachDelete(batch, (first, last) => markDeleted(this.segments, first, last))
        else if (!isControl(header) && batch.subjectIds !== undefined)
          segment.subjects.note(batch.subjectIds, batch.count, segment.size)
      }
      segment.note(header)
      at += header.length
    }
    this.pending = bytes.slice(length)
    return { _tag: "Taken" }
  }

  /** Syncs a full segment and writes its index. */
  private seal(segment: Segment): void {
    const file = this.file as number
    this.fs.sync(file)
    replaceFile(
      this.fs,
      inDirectory(this.directory, indexName(segment.baseSequence)),
      encodeIndexFile(segment)
    )
    segment.sealed = true
    this.release(file)
    this.file = undefined
  }
}
