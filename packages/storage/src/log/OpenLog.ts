import type { Durability } from "@troupe/broker"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { FileSystem } from "../disk/FileSystem.ts"
import type { BatchView } from "./BatchView.ts"
import { type Compactable, type Compacted, compactByKey, reclaimDeleted } from "./Compaction.ts"
import { isMostlyDeleted } from "./DeleteNote.ts"
import { type FsyncPolicy, GroupCommit } from "./GroupCommit.ts"
import { attempt } from "./LogAttempt.ts"
import { type LogError, LogFailed, logFailed } from "./LogError.ts"
import { inDirectory, indexName } from "./LogFiles.ts"
import { LogReader } from "./LogReader.ts"
import type { LogRecord } from "./LogRecord.ts"
import type { LogWriter } from "./LogWriter.ts"
import type { RawLog } from "./RawLog.ts"
import type {
  CompactOptions,
  RecordAt,
  Retained,
  RetentionBounds,
  SealedSegment,
  WritableLog
} from "./ReadableLog.ts"
import type { RecoveryReport } from "./Recovery.ts"
import { removable } from "./Retention.ts"
import type { Segment } from "./Segment.ts"
import type { SubjectFilter } from "./SubjectFilter.ts"

const followBytes = 256 * 1024
const scanBytes = 1024 * 1024

/** What an open log is made of. */
export interface OpenLogParts {
  readonly fs: FileSystem
  readonly directory: string
  readonly writer: LogWriter
  readonly recovery: RecoveryReport
  readonly durability: Durability
  readonly fsync: FsyncPolicy
  readonly segmentBytes: number
  readonly indexSpacing: number
  readonly archive: ((segment: SealedSegment) => Effect.Effect<void, unknown>) | undefined
}

/** How the log reaches the actors that keep it. */
export interface Keeping {
  /** Tells the keeper that a batch was begun. */
  readonly flushSoon: () => void
  readonly roll: Effect.Effect<void, LogFailed>
  readonly retain: (bounds: RetentionBounds) => Effect.Effect<Retained, LogFailed>
  readonly compact: (options: Required<CompactOptions>) => Effect.Effect<Compacted, LogError>
  /** Tells the keeper of full segments that there may be some of which little is left. */
  readonly reclaimSoon: () => void
}

const tombstoneMillis = 24 * 60 * 60 * 1000
const keysMax = 1024 * 1024

/** The log as `Log.open` answers it: writer, reader and group commit put together. */
export class OpenLog implements WritableLog {
  readonly recovery: RecoveryReport
  readonly commit: GroupCommit
  private readonly parts: OpenLogParts
  private readonly writer: LogWriter
  private readonly reader: LogReader
  private readonly listeners = new Set<() => void>()
  private readonly holds = new Set<() => number | undefined>()
  private advanced: Deferred.Deferred<void> | undefined
  private keeping: Keeping | undefined
  private flushing = false
  private reclaiming = false

  constructor(parts: OpenLogParts) {
    this.parts = parts
    this.writer = parts.writer
    this.recovery = parts.recovery
    this.reader = new LogReader(parts.fs, parts.writer.segments)
    this.commit = new GroupCommit(parts.writer, parts.durability, parts.fsync, () => this.notify())
  }

  get firstSequence(): number {
    return this.reader.firstSequence
  }

  get nextSequence(): number {
    return this.writer.nextSequence
  }

  get endSequence(): number {
    if (this.parts.durability === "disk") return this.commit.settledTo
    return this.parts.durability === "os" ? this.writer.writtenTo : this.writer.nextSequence
  }

  get bytes(): number {
    return this.writer.segments.reduce((sum, segment) => sum + segment.size, 0)
  }

  get lastTimeMillis(): number {
    return this.writer.lastTimeMillis
  }

  get failure(): LogFailed | undefined {
    return this.writer.failure
  }

  get durability(): Durability {
    return this.parts.durability
  }

  get epoch(): number {
    return this.writer.epoch
  }

  get raw(): RawLog {
    return {
      directory: this.parts.directory,
      logId: this.writer.logId,
      segments: this.writer.segments,
      syncedPoint: this.writer.syncedPoint,
      bytesAt: (segment, position, length) => this.reader.rawAt(segment, position, length)
    }
  }

  beginEpoch(epoch: number): void {
    this.plan()
    this.writer.beginEpoch(epoch)
  }

  fence(epoch: number): void {
    this.writer.fence(epoch)
    this.commit.wake()
  }

  hold(keepFrom: () => number | undefined): () => void {
    this.holds.add(keepFrom)
    return () => this.holds.delete(keepFrom)
  }

  append(record: LogRecord): number {
    this.plan()
    return this.writer.append(record)
  }

  appendBatch(records: ReadonlyArray<LogRecord>): number {
    this.plan()
    return this.writer.appendBatch(records)
  }

  appendControl(note: LogRecord): void {
    this.plan()
    this.writer.appendControl(note)
  }

  deleteRecords(first: number, last = first): void {
    this.plan()
    const mostly = this.writer.deleteRecords(first, last)
    this.reader.forgetPoint()
    if (mostly) this.reclaim()
  }

  compact(options: CompactOptions = {}): Effect.Effect<Compacted, LogError> {
    return Effect.suspend(() =>
      (this.keeping as Keeping).compact({
        tombstoneMillis,
        keysMax,
        keepFrom: Number.MAX_SAFE_INTEGER,
        ...options
      })
    )
  }

  durable(sequence: number): Effect.Effect<void, LogFailed> {
    return Effect.suspend(() => this.commit.durable(sequence))
  }

  get flush(): Effect.Effect<void, LogFailed> {
    return Effect.suspend(() => this.commit.flushed())
  }

  read(from: number, maxBytes: number, filter?: SubjectFilter): ReadonlyArray<BatchView> {
    this.expose()
    return this.reader.read(from, maxBytes, this.endSequence, filter)
  }

  lend(from: number, maxBytes: number, filter?: SubjectFilter): ReadonlyArray<BatchView> {
    this.expose()
    return this.reader.lend(from, maxBytes, this.endSequence, filter)
  }

  scan(options?: { readonly from?: number; readonly maxBytes?: number }): Iterable<ReadonlyArray<BatchView>> {
    this.expose()
    return this.reader.scan(options?.from ?? this.firstSequence, options?.maxBytes ?? scanBytes)
  }

  recordAt(sequence: number): RecordAt | undefined {
    this.expose()
    return this.reader.at(sequence, this.endSequence)
  }

  sequenceAt(timeMillis: number): number {
    this.expose()
    return this.reader.sequenceAt(timeMillis, this.endSequence)
  }

  awaitAfter(sequence: number): Effect.Effect<void, LogFailed> {
    return Effect.suspend(() => {
      if (this.endSequence > sequence + 1) return Effect.void
      if (this.writer.failure !== undefined) return Effect.fail(this.writer.failure)
      this.advanced ??= Deferred.makeUnsafe<void>()
      return Effect.andThen(Deferred.await(this.advanced), this.awaitAfter(sequence))
    })
  }

  onAdvance(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  follow(
    from: number,
    options?: { readonly maxBytes?: number; readonly filter?: SubjectFilter }
  ): Stream.Stream<BatchView, LogError> {
    const maxBytes = options?.maxBytes ?? followBytes
    return Stream.paginate(from, (next) =>
      this.awaitAfter(next - 1).pipe(
        Effect.andThen(
          attempt("read", this.parts.directory, () => this.read(next, maxBytes, options?.filter))
        ),
        Effect.map((batches) => {
          const last = batches[batches.length - 1]
          return [batches, Option.some(last === undefined ? next : last.nextSequence)] as const
        })
      )
    )
  }

  get roll(): Effect.Effect<void, LogFailed> {
    return Effect.andThen(
      this.flush,
      Effect.suspend(() => (this.keeping as Keeping).roll)
    )
  }

  retain(bounds: RetentionBounds): Effect.Effect<Retained, LogFailed> {
    return Effect.suspend(() => (this.keeping as Keeping).retain(bounds))
  }

  /** Gives the log its keepers; once, before it is used. */
  keptBy(keeping: Keeping): void {
    this.keeping = keeping
    this.writer.onSealed = (segment) => {
      if (isMostlyDeleted(segment)) this.reclaim()
    }
    if (this.writer.segments.some(isMostlyDeleted)) this.reclaim()
  }

  /** The keeper's part of `append`. */
  flushNow(): void {
    this.flushing = false
    this.commit.wake()
  }

  /** The keeper's part of `roll`. */
  get rollNow(): Effect.Effect<void, LogFailed> {
    return Effect.try({
      try: () => {
        this.writer.roll(this.writer.lastTimeMillis)
        this.commit.wake()
      },
      catch: (cause) => logFailed("roll", this.parts.directory, cause)
    })
  }

  /** The retention actor's part of `retain`. */
  retainNow(bounds: RetentionBounds): Effect.Effect<Retained, LogFailed> {
    return Effect.flatMap(this.commit.sealed(), () => {
      const { segments } = this.writer
      const held = this.heldFrom(bounds.keepFrom)
      const keepFrom = held === undefined ? {} : { keepFrom: held }
      const going = segments.slice(0, removable(segments, { ...bounds, ...keepFrom }))
      const bytes = going.reduce((sum, segment) => sum + segment.size, 0)
      return Effect.forEach(going, (segment) => this.remove(segment), { discard: true }).pipe(
        Effect.map(() => ({ segments: going.length, bytes, firstSequence: this.firstSequence }))
      )
    })
  }

  /** The same actor's part of `compact`. */
  compactNow(options: Required<CompactOptions>): Effect.Effect<Compacted, LogError> {
    return Effect.andThen(
      this.commit.synced(),
      Effect.flatMap(Clock.currentTimeMillis, (nowMillis) =>
        compactByKey(this.compactable, {
          ...options,
          nowMillis,
          keepFrom: this.heldFrom(options.keepFrom) as number
        })
      )
    )
  }

  /** The same actor's part of `deleteRecords`. Nobody waits for it: what stops it is found again by the next read or write. */
  get reclaimNow(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.reclaiming = false
      const keepFrom = this.heldFrom(undefined) ?? Number.MAX_SAFE_INTEGER
      return Effect.ignore(
        Effect.andThen(
          this.commit.synced(),
          Effect.suspend(() => reclaimDeleted(this.compactable, keepFrom))
        )
      )
    })
  }

  private reclaim(): void {
    if (this.reclaiming) return
    this.reclaiming = true
    this.keeping?.reclaimSoon()
  }

  private get compactable(): Compactable {
    const { directory, fs, indexSpacing, segmentBytes } = this.parts
    return { fs, directory, reader: this.reader, writer: this.writer, segmentBytes, indexSpacing }
  }

  private heldFrom(keepFrom: number | undefined): number | undefined {
    const held = [keepFrom, ...[...this.holds].map((hold) => hold())].filter((h) => h !== undefined)
    return held.length === 0 ? undefined : Math.min(...held)
  }

  /** Closes the log once what is open is kept; for the scope that opened it. */
  get close(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.commit.close(() => {
        this.reader.close()
        resume(Effect.void)
      })
    })
  }

  private remove(segment: Segment): Effect.Effect<void, LogFailed> {
    const { archive, directory, fs } = this.parts
    const archived =
      archive === undefined
        ? Effect.void
        : Effect.mapError(
            archive({
              path: segment.path,
              firstSequence: segment.baseSequence,
              lastSequence: segment.nextSequence - 1,
              bytes: segment.size,
              maxTimeMillis: segment.maxTimeMillis
            }),
            (cause) => new LogFailed({ operation: "archive", file: segment.path, code: "ARCHIVE", cause })
          )
    return Effect.andThen(
      archived,
      Effect.try({
        try: () => {
          this.reader.forget(segment)
          fs.remove(segment.path)
          this.writer.segments.splice(this.writer.segments.indexOf(segment), 1)
          fs.remove(inDirectory(directory, indexName(segment.baseSequence)))
          // One name at a time: a crash in the middle of several must not leave a hole.
          fs.syncDirectory(directory)
        },
        catch: (cause) => logFailed("remove", segment.path, cause)
      })
    )
  }

  /** At class `memory` a record is acknowledged before it is written, so a reader gets it written first. */
  private expose(): void {
    if (this.parts.durability === "memory" && this.writer.failure === undefined) this.writer.write()
  }

  private plan(): void {
    if (this.flushing || this.keeping === undefined) return
    this.flushing = true
    this.keeping.flushSoon()
  }

  private notify(): void {
    const { advanced } = this
    this.advanced = undefined
    if (advanced !== undefined) Deferred.doneUnsafe(advanced, Effect.void)
    for (const listener of this.listeners) listener()
  }
}
