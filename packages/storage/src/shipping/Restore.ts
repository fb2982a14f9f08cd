import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { FileSystem as CurrentFileSystem, type FileSystem } from "../disk/FileSystem.ts"
import { ensureDirectory, readFully, replaceFile } from "../disk/WholeFile.ts"
import {
  type BatchHeader,
  batchHeaderBytes,
  isBodyValid,
  isControl,
  readBatchHeader
} from "../log/BatchHeader.ts"
import { type BatchView, learnSubjects, viewBatch } from "../log/BatchView.ts"
import { Log, type LogOptions } from "../log/Log.ts"
import type { LogError } from "../log/LogError.ts"
import { baseOfSegmentName, inDirectory, segmentName } from "../log/LogFiles.ts"
import { type LogId, logIdSeed } from "../log/LogId.ts"
import type { LogRecord } from "../log/LogRecord.ts"
import { namesSubjects } from "../log/Segment.ts"
import { decodeSegmentHeader, encodeSegmentHeader, segmentHeaderBytes } from "../log/SegmentHeader.ts"
import { squeezeBatch } from "../log/SqueezedBatch.ts"
import { SubjectDictionary } from "../log/SubjectDictionary.ts"
import { ArchiveGap, ShippingError, StoreFailed } from "./ShippingError.ts"

/** What to restore, and to when. */
export interface RestoreOptions extends Omit<LogOptions, "directory" | "durability"> {
  /**
   * Directories with segment files of one log: archives, and where there is one the directory of the log or of a replica, for
   * what is not archived yet. None of them is changed. They must not be written to meanwhile, except at their end.
   */
  readonly from: ReadonlyArray<string>
  /** A directory that is not there, or is empty. */
  readonly into: string
  /** The last sequence to have, or a moment: no record with a later time, nor one after such a record. */
  readonly to: { readonly sequence: number } | { readonly timeMillis: number }
  /**
   * What to do with a batch that the point divides. `record` (default): write the part before the point as a batch of the new
   * epoch. `batch`: leave all of it out, because it was one atomic write: right for the log of a database.
   */
  readonly divide?: "record" | "batch"
}

/** What was restored. */
export interface Restored {
  /** The log, open to write, in an epoch after all that was restored. */
  readonly log: Log
  readonly firstSequence: number
  /** The last sequence there is. */
  readonly restoredTo: number
  /** Files that bytes were taken from. */
  readonly files: number
  /** Bytes taken over as they were. */
  readonly bytes: number
  /** Bytes after the last good batch of the last file, when the point was not reached before: a torn end, or damage. */
  readonly unreadBytes: number
}

interface Source {
  readonly path: string
  readonly base: number
  readonly bytes: number
}

/**
 * Restores a log to a point in time from archived segments, into a directory of its own.
 *
 * Batches before the point are taken byte for byte, every checksum and the chain over all files checked; the log then begins
 * a new epoch, as PostgreSQL begins a timeline, so that it cannot be taken for the log it came from.
 */
export const restore = Effect.fn("restore")(function* (
  options: RestoreOptions
): Effect.fn.Return<Restored, ShippingError | LogError, Scope.Scope> {
  const { divide = "record", from, into, to, ...shape } = options
  const fs = yield* CurrentFileSystem
  const operation =
    "sequence" in to ? `restore to sequence ${to.sequence}` : `restore to time ${to.timeMillis}`
  const gap = (what: string) => new ShippingError({ operation, reason: new ArchiveGap({ what }) })
  const attempt = <A>(run: () => A): Effect.Effect<A, ShippingError> =>
    Log.attempt(run).pipe(
      Effect.mapError((cause) => new ShippingError({ operation, reason: new StoreFailed({ cause }) })),
      Effect.catchDefect((defect) =>
        defect instanceof ShippingError ? Effect.fail(defect) : Effect.die(defect)
      )
    )
  const copied = yield* attempt(() => {
    if ((fs.list(into) ?? []).length > 0) throw gap(`${into} is not empty`)
    ensureDirectory(fs, into)
    const sources = sourcesIn(fs, from)
    if (sources.length === 0) throw gap(`no segment in ${from.join(", ")}`)
    return copyUpTo(fs, sources, into, to, gap)
  })
  if ("sequence" in to && copied.sequence <= to.sequence && copied.divided === undefined) {
    return yield* gap(`the sources end at sequence ${copied.sequence - 1}`)
  }
  const rest = divide === "batch" ? [] : (copied.divided ?? [])
  const log = yield* Log.open({ ...shape, directory: into, durability: "disk" })
  yield* Log.attempt(() => {
    log.beginEpoch(copied.epoch + 1)
    log.appendBatch(rest)
  })
  yield* log.flush
  return {
    log,
    firstSequence: log.firstSequence,
    restoredTo: log.endSequence - 1,
    files: copied.files,
    bytes: copied.bytes,
    unreadBytes: copied.unreadBytes
  }
})

/** The longest file of each segment in the directories, in order. */
const sourcesIn = (fs: FileSystem, directories: ReadonlyArray<string>): ReadonlyArray<Source> => {
  const best = new Map<number, Source>()
  for (const directory of directories) {
    for (const name of fs.list(directory) ?? []) {
      const base = baseOfSegmentName(name)
      if (base === undefined) continue
      const path = inDirectory(directory, name)
      const file = fs.open(path, "read")
      const bytes = fs.size(file)
      fs.close(file)
      if (bytes > (best.get(base)?.bytes ?? -1)) best.set(base, { path, base, bytes })
    }
  }
  return [...best.values()].sort((a, b) => a.base - b.base)
}

interface Copied {
  readonly sequence: number
  readonly epoch: number
  readonly files: number
  readonly bytes: number
  readonly unreadBytes: number
  /** Of a batch with records on both sides of the point: those before it. */
  readonly divided: ReadonlyArray<LogRecord> | undefined
}

const copyUpTo = (
  fs: FileSystem,
  sources: ReadonlyArray<Source>,
  into: string,
  to: RestoreOptions["to"],
  gap: (what: string) => ShippingError
): Copied => {
  let logId: LogId | undefined
  let sequence = 0
  let chain = 0
  let epoch = 0
  let files = 0
  let copiedBytes = 0
  let unread = 0
  for (const source of sources) {
    const content = new Uint8Array(source.bytes)
    const file = fs.open(source.path, "read")
    try {
      readFully(fs, file, content, 0, content.length, 0)
    } finally {
      fs.close(file)
    }
    const head = decodeSegmentHeader(content)
    if (head._tag !== "Valid") throw gap(`${source.path} has a header that is ${head._tag}`)
    const { header } = head
    if (logId === undefined) {
      logId = header.logId
      sequence = header.baseSequence
      chain = header.previousChain
    }
    if (logIdSeed(header.logId) !== logIdSeed(logId)) throw gap(`${source.path} is of another log`)
    if (header.baseSequence !== sequence || header.previousChain !== chain) {
      throw gap(
        `after sequence ${sequence - 1} comes ${source.path}: a segment between is missing, or was cut`
      )
    }
    const isRewritten = header.generation > 0
    const begin = { sequence, chain: header.previousChain, epoch: Math.max(epoch, header.epoch) }
    const walked = walkUpTo(content, logIdSeed(logId), begin, to, isRewritten)
    ;({ sequence, chain, epoch } = walked)
    files++
    copiedBytes += walked.end
    // Zeroes that a file has ahead are nothing that was not read.
    unread = content.subarray(walked.end).some((byte) => byte !== 0) ? source.bytes - walked.end : 0
    let kept: Uint8Array = content.subarray(0, walked.end)
    if (isRewritten) {
      // What is covered may end earlier now; a whole one goes on as what it was before.
      const isWhole = sequence === header.baseSequence + (header.rewrittenSpan ?? 0)
      if (isWhole && walked.tail.length === 0) chain = header.rewrittenTail ?? 0
      kept = new Uint8Array(Buffer.concat([kept, walked.tail]))
      const span = sequence - header.baseSequence
      kept.set(encodeSegmentHeader({ ...header, rewrittenSpan: span, rewrittenTail: chain }))
    }
    replaceFile(fs, inDirectory(into, segmentName(source.base)), kept)
    if (walked.stopped !== "end") {
      const divided = walked.stopped === "divided" ? walked.part : undefined
      return { sequence, epoch, files, bytes: copiedBytes, unreadBytes: 0, divided }
    }
  }
  return { sequence, epoch, files, bytes: copiedBytes, unreadBytes: unread, divided: undefined }
}

interface Walked {
  readonly end: number
  readonly sequence: number
  readonly chain: number
  readonly epoch: number
  /** The bytes ended, the next batch is all past the point, or a part of it is. */
  readonly stopped: "end" | "past" | "divided"
  readonly part: ReadonlyArray<LogRecord>
  /** The batch that covers a part of a divided one, in a segment where sequences are missing. */
  readonly tail: Uint8Array
}

const nothing = new Uint8Array(0)

/** Walks the good batches of a segment up to the point. A bad batch ends it, as a torn tail does. */
const walkUpTo = (
  content: Uint8Array,
  seed: number,
  begin: { readonly sequence: number; readonly chain: number; readonly epoch: number },
  to: RestoreOptions["to"],
  isRewritten: boolean
): Walked => {
  const view = new DataView(content.buffer, content.byteOffset, content.length)
  let { sequence, chain, epoch } = begin
  let at = segmentHeaderBytes
  const subjects = new SubjectDictionary()
  const done = (stopped: Walked["stopped"], part: Walked["part"] = []): Walked => ({
    end: at,
    sequence,
    chain,
    epoch,
    stopped,
    part,
    tail: nothing
  })
  while (at + batchHeaderBytes <= content.length) {
    const header = readBatchHeader(content, view, at, seed)
    const isGood =
      header !== undefined &&
      header.chain === chain &&
      header.baseSequence === sequence &&
      isBodyValid(content, at, header)
    if (!isGood) return done("end")
    const batch = viewBatch(content, view, at, header, subjects, 0)
    if (typeof batch === "string") return done("end")
    if (namesSubjects(header)) learnSubjects(batch, header, subjects)
    const side = sideOf(header, to)
    if (side === "divided" && isRewritten) {
      const part = divide(batch, header, subjects, to, seed)
      return { ...done("past"), sequence: part.sequence, chain: part.chain, tail: part.bytes }
    }
    if (side !== "before") return done(side, side === "divided" ? partOf(batch, to) : [])
    at += header.length
    sequence = header.baseSequence + header.span
    chain = header.headerCrc
    epoch = Math.max(epoch, header.epoch)
  }
  return done("end")
}

/** The part of a batch with missing sequences that comes before the point, as a batch that covers just that. */
const divide = (
  batch: BatchView,
  header: BatchHeader,
  subjects: SubjectDictionary,
  to: RestoreOptions["to"],
  seed: number
): { readonly bytes: Uint8Array; readonly sequence: number; readonly chain: number } => {
  const rows = partOf(batch, to).length
  const end = "sequence" in to ? to.sequence + 1 : batch.sequence(rows)
  const part = squeezeBatch(batch, header, subjects, 0, (sequence) => sequence >= end, {
    seed,
    span: end - header.baseSequence
  })
  if (typeof part === "string") throw new Error(part)
  const view = new DataView(part.bytes.buffer, part.bytes.byteOffset, part.bytes.length)
  return { bytes: part.bytes, sequence: end, chain: view.getUint32(0, true) }
}

const sideOf = (header: BatchHeader, to: RestoreOptions["to"]): "before" | "past" | "divided" => {
  if ("sequence" in to) {
    if (header.baseSequence > to.sequence) return "past"
    return header.baseSequence + header.span - 1 <= to.sequence ? "before" : "divided"
  }
  if (isControl(header)) return "before"
  if (header.baseTimeMillis > to.timeMillis) return "past"
  return header.baseTimeMillis + header.maxTimeDeltaMillis <= to.timeMillis ? "before" : "divided"
}

/** The records of a divided batch that come before the point. */
const partOf = (batch: BatchView, to: RestoreOptions["to"]): ReadonlyArray<LogRecord> => {
  const records: Array<LogRecord> = []
  for (let row = 0; row < batch.count; row++) {
    const isPast =
      "sequence" in to ? batch.sequence(row) > to.sequence : batch.timeMillis(row) > to.timeMillis
    if (isPast) break
    records.push(recordOf(batch, row))
  }
  return records
}

const recordOf = (batch: BatchView, row: number): LogRecord => ({
  value: batch.value(row),
  timeMillis: batch.timeMillis(row),
  subject: batch.subject(row),
  key: batch.key(row),
  headers: batch.headers(row),
  tombstone: batch.isTombstone(row),
  mark: batch.mark(row)
})
