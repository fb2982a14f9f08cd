import type { FileSystem } from "../disk/FileSystem.ts"
import { replaceFile, replaceFileLater, writeFully } from "../disk/WholeFile.ts"
import { type BatchHeader, controlKind } from "./BatchHeader.ts"
import { deleteNoteBytes, encodeDeleteNote, markDeleted } from "./DeleteNote.ts"
import { encodeIndexFile } from "./IndexFile.ts"
import { LogCorrupt, LogFailed, logFailed } from "./LogError.ts"
import { inDirectory, indexName, segmentName, stateName } from "./LogFiles.ts"
import { type LogId, logIdSeed } from "./LogId.ts"
import { endOf, type LogPoint } from "./LogPoint.ts"
import type { LogRecord } from "./LogRecord.ts"
import { type Cleaned, type LogState, noState } from "./LogState.ts"
import { type BatchPlace, type BatchRoom, controlBatch, OpenBatch } from "./OpenBatch.ts"
import { checkRecord, roomFor } from "./RecordLimits.ts"
import { Segment } from "./Segment.ts"
import { encodeSegmentHeader, segmentHeaderBytes } from "./SegmentHeader.ts"
import { StateKeeper } from "./StateKeeper.ts"

/** How a writer lays its files out. */
export interface WriterShape {
  readonly directory: string
  readonly segmentBytes: number
  readonly segmentMillis: number
  readonly room: BatchRoom
  readonly indexSpacing: number
  /** The most by which the active segment's file grows ahead of what is written, in bytes; 0: not at all. */
  readonly preallocateBytes: number
}

/** The least by which a file grows ahead: small logs stay small. */
const growBytesMin = 64 * 1024

interface Unsealed {
  readonly segment: Segment
  readonly file: number
}

/**
 * The writing half of a log: one open batch, one active segment, and what is still to be sealed.
 *
 * A state machine without Effect: every call is synchronous but `sync`, which answers once. After the first failure of
 * the file system it throws that failure for ever.
 */
export class LogWriter {
  /** In order; the last is the active one. Shared with the reader. */
  readonly segments: Array<Segment>
  /** The sequence the next record gets. */
  nextSequence: number
  /** The sequence below which everything is known to be synced. */
  syncedTo: number
  /** The same line in the files, with controls. */
  syncedPoint: LogPoint
  /** Written into each batch: counts the writers this log had. */
  epoch: number
  /** Largest record time so far; −∞ in an empty log. */
  lastTimeMillis: number
  /** Counts appends of every kind: a place in the order of all that was appended. */
  mark = 0
  failure: LogFailed | undefined
  private readonly fs: FileSystem
  private readonly shape: WriterShape
  readonly logId: LogId
  private readonly seed: number
  private readonly ordinary: OpenBatch
  private open: OpenBatch
  /** What kind of control the open batch is; `undefined` for records. */
  private openKind: number | undefined
  /** The first subject number of the active segment that no batch names yet. */
  private unnamed: number
  private file: number
  /** Bytes of the active segment's file: what is written, and zeroes that were put there ahead. */
  private fileBytes: number
  private readonly unsealed: Array<Unsealed> = []
  private readonly state: StateKeeper
  /** Called with each segment that was sealed. */
  onSealed: (segment: Segment) => void = () => {}
  /** Everything appended before this mark is synced. */
  syncedMark = 0
  private writtenMark = 0
  private writes = 0
  private syncedWrites = 0

  constructor(
    fs: FileSystem,
    shape: WriterShape,
    segments: Array<Segment>,
    logId: LogId,
    nowMillis: number,
    state: LogState = noState
  ) {
    this.fs = fs
    this.shape = shape
    this.segments = segments
    this.state = new StateKeeper(state)
    this.logId = segments[0]?.header.logId ?? logId
    this.seed = logIdSeed(this.logId)
    const last = segments[segments.length - 1]
    this.epoch = last?.lastEpoch ?? 0
    if (last !== undefined && !last.isWhole)
      throw new LogCorrupt({
        file: last.path,
        from: last.size,
        to: last.size,
        expected: `${last.header.rewrittenSpan} sequences in a rewritten segment`,
        found: `${last.records}`
      })
    if (last === undefined || last.sealed || last.header.generation > 0) this.addSegment(last, nowMillis)
    const active = this.active
    this.file = fs.open(active.path, "write")
    this.fileBytes = active.size
    this.unnamed = active.subjects.names.length
    this.nextSequence = active.nextSequence
    this.syncedTo = active.nextSequence
    this.syncedPoint = endOf(active)
    this.lastTimeMillis = Math.max(...segments.map((segment) => segment.maxTimeMillis))
    this.ordinary = new OpenBatch(shape.room)
    this.open = this.ordinary
  }

  /** The segment that is written to. */
  get active(): Segment {
    return this.segments[this.segments.length - 1] as Segment
  }

  /** The sequence after the last record that is in the file. */
  get writtenTo(): number {
    return this.active.nextSequence
  }

  /** True when something written is not known to be synced, or a segment waits for its seal. */
  get needsSync(): boolean {
    return this.writes !== this.syncedWrites || this.unsealed.length > 0
  }

  /** True when a full segment waits to be synced and sealed. */
  get needsSeal(): boolean {
    return this.unsealed.length > 0
  }

  /** True when something is appended that is not in the file. */
  get hasOpen(): boolean {
    return this.open.count > 0
  }

  /** Copies one record into the open batch; answers its sequence. */
  append(record: LogRecord): number {
    this.check(record)
    const { open } = this
    const { headers, key, timeMillis, value } = record
    const keyBytes = key === undefined ? 0 : key.length
    const headerBytes = headers === undefined ? 0 : headers.length
    if (
      open.count === 0 ||
      this.openKind !== undefined ||
      !open.fits(value.length, keyBytes, headerBytes, timeMillis)
    )
      this.makeRoom(1, value.length, keyBytes, headerBytes, undefined, timeMillis)
    return this.add(record)
  }

  /** Copies records into one batch, so that a crash keeps all of them or none; answers the sequence of the first. */
  appendBatch(records: ReadonlyArray<LogRecord>): number {
    const first = this.nextSequence
    if (records.length === 0) return first
    if (this.failure !== undefined) throw this.failure
    const { earliest, headers, keys, latest, values } = roomFor(records)
    this.makeRoom(records.length, values, keys, headers, undefined, latest, earliest)
    for (const record of records) this.add(record)
    return first
  }

  /** Copies a note of the owner's into a control batch: it takes no sequence, and `read` does not show it. */
  appendControl(record: LogRecord): void {
    this.check(record)
    this.makeRoom(
      1,
      record.value.length,
      record.key?.length ?? 0,
      record.headers?.length ?? 0,
      controlKind.owner,
      record.timeMillis
    )
    this.open.add(record, record.subject === undefined ? 0 : this.active.subjects.idOf(record.subject))
    this.mark++
  }

  /** Takes the records `first` to `last` away from readers, with a note in the log; true when a segment is mostly deleted now. */
  deleteRecords(first: number, last: number): boolean {
    if (this.failure !== undefined) throw this.failure
    if (!(Number.isSafeInteger(first) && Number.isSafeInteger(last) && first <= last))
      throw new RangeError(`not a range of sequences: ${first} to ${last}`)
    const from = Math.max(first, (this.segments[0] as Segment).baseSequence)
    const to = Math.min(last, this.nextSequence - 1)
    if (from > to) return false
    this.makeRoom(1, deleteNoteBytes, 0, 0, controlKind.deletes, 0)
    this.open.add({ value: encodeDeleteNote(from, to), timeMillis: 0 }, 0)
    this.mark++
    // Room for a control means that all records are written: each is in a segment.
    const at = this.active.baseSequence
    return markDeleted(this.segments, from, to, (a, b) => this.state.noteDelete(at, a, b))
  }

  /** Writes the open batch, after the batch that names its new subjects; rolls when the segment is full. */
  write(): void {
    const { open } = this
    if (open.count === 0) return
    this.attempt("write", this.active.path, () => {
      this.nameSubjects()
      const sealed = open.seal(this.place(), this.openKind)
      const position = this.put(sealed.bytes, sealed.header)
      if (this.openKind === undefined)
        this.active.subjects.note(open.subjectIds, open.subjectIds.length === 0 ? 0 : open.count, position)
    })
    open.clear()
    this.open = this.ordinary
    this.writtenMark = this.mark
    const { active, shape } = this
    const isOld = active.maxTimeMillis - active.firstTimeMillis >= shape.segmentMillis
    if (active.size >= shape.segmentBytes || isOld) this.roll(active.maxTimeMillis)
  }

  /** Writes the batch that begins a new epoch: everything after it has that epoch. Throws `RangeError` unless it is larger. */
  beginEpoch(epoch: number): void {
    if (!(Number.isInteger(epoch) && epoch > this.epoch && epoch <= 0xffff_ffff))
      throw new RangeError(`an epoch after ${this.epoch} must be larger, not ${epoch}`)
    this.write()
    this.epoch = epoch
    this.mark++
    this.attempt("write", this.active.path, () => {
      const note = controlBatch(controlKind.epoch, [], this.place())
      this.put(note.bytes, note.header)
    })
    this.writtenMark = this.mark
  }

  /** Refuses every later append: another writer has begun `epoch`. */
  fence(epoch: number): void {
    this.failure ??= new LogFailed({
      operation: `append in epoch ${this.epoch}, while ${epoch} has begun, to`,
      file: this.active.path,
      code: "FENCED"
    })
  }

  /** Ends the active segment and begins the next; nothing when it has no records. */
  roll(nowMillis: number): void {
    this.write()
    const old = this.active
    // The name of the next segment is its first sequence: without a record it would be the name of this one.
    if (old.records === 0) return
    this.attempt("roll", old.path, () => {
      this.trim()
      const file = this.beginSegment(old, Number.isFinite(nowMillis) ? nowMillis : 0)
      this.unsealed.push({ segment: old, file: this.file })
      this.file = file
      this.fileBytes = this.active.size
    })
    this.unnamed = 1
  }

  /**
   * Makes durable what is in the files now: full segments first, then the active one. A full segment gets its index when
   * the segment after it is there for good, header and name: recovery takes the index for the proof of that.
   * `done` is called once; one `sync` at a time.
   */
  sync(done: (failure: LogFailed | undefined) => void): void {
    const target = this.writtenTo
    const { writes, writtenMark } = this
    const { active, file } = this
    const point = endOf(active)
    const waiting = this.unsealed.slice()
    const next = (): void => {
      const full = waiting.shift()
      if (full !== undefined) {
        this.syncOne(full.file, full.segment.path, done, () => {
          this.syncBegun(waiting[0] ?? { segment: active, file }, done, () => {
            this.sealLater(full, done, next)
          })
        })
        return
      }
      this.syncOne(file, active.path, done, () => {
        if (this.failure === undefined) {
          this.syncedTo = Math.max(this.syncedTo, target)
          this.syncedPoint = point
          this.syncedWrites = writes
          this.syncedMark = writtenMark
        }
        done(this.failure)
      })
    }
    next()
  }

  /** Writes, syncs and seals everything, notes so in the file, and gives the handles back. Throws `LogFailed`. */
  close(): void {
    try {
      if (this.failure !== undefined) return
      this.write()
      this.attempt("sync", this.active.path, () => {
        for (const [i, full] of this.unsealed.slice().entries()) {
          this.fs.sync(full.file)
          this.fs.sync(this.unsealed[i + 1]?.file ?? this.file)
          this.fs.syncDirectory(this.shape.directory)
          this.seal(full)
        }
        this.trim()
        this.fs.sync(this.file)
        this.syncedTo = this.writtenTo
        this.syncedPoint = endOf(this.active)
        const { active } = this
        if (active.size === segmentHeaderBytes || active.endsInCheckpoint) return
        const note = controlBatch(controlKind.checkpoint, [], this.place())
        this.put(note.bytes, note.header, false)
        this.fs.sync(this.file)
      })
    } finally {
      const path = this.active.path
      for (const full of this.unsealed) this.fs.close(full.file)
      this.fs.close(this.file)
      this.failure ??= new LogFailed({ operation: "append", file: path, code: "CLOSED" })
    }
  }

  /** Up to where the log is compacted, and since when. */
  get compacted(): ReadonlyArray<Cleaned> {
    return this.state.cleaned
  }

  /** Puts the state file there anew: how far the log is compacted, and what the sealed segments say is deleted. */
  writeState(cleaned: ReadonlyArray<Cleaned>): void {
    const path = inDirectory(this.shape.directory, stateName)
    this.attempt("write", path, () =>
      replaceFile(this.fs, path, this.state.encode(this.segments, cleaned, this.logId))
    )
    this.state.cleaned = cleaned
  }

  private add(record: LogRecord): number {
    this.open.add(record, record.subject === undefined ? 0 : this.active.subjects.idOf(record.subject))
    if (record.timeMillis > this.lastTimeMillis) this.lastTimeMillis = Math.floor(record.timeMillis)
    this.mark++
    return this.nextSequence++
  }

  private check(record: LogRecord): void {
    if (this.failure !== undefined) throw this.failure
    checkRecord(record)
  }

  private makeRoom(
    records: number,
    values: number,
    keys: number,
    headers: number,
    kind: number | undefined,
    latest: number,
    earliest = latest
  ): void {
    const { open } = this
    if (open.count > 0) {
      const room = open.room
      const fits =
        kind === this.openKind &&
        open.count + records <= room.records &&
        open.fits(values, keys, headers, latest) &&
        open.fits(values, keys, headers, earliest)
      if (fits) return
      this.write()
    }
    const { active, shape } = this
    if (latest - active.firstTimeMillis >= shape.segmentMillis) this.roll(latest)
    this.openKind = kind
    const { room } = shape
    if (
      records > room.records ||
      values > room.valueBytes ||
      keys > room.heapBytes ||
      headers > room.heapBytes
    ) {
      // Too large for the pooled batch: one of its own, just large enough.
      this.open = new OpenBatch({ records, valueBytes: values, heapBytes: Math.max(keys, headers) })
    }
  }

  private nameSubjects(): void {
    const { names } = this.active.subjects
    if (this.unnamed === names.length) return
    const naming = controlBatch(controlKind.subjects, names.slice(this.unnamed), this.place())
    this.put(naming.bytes, naming.header)
    this.unnamed = names.length
  }

  private place(): BatchPlace {
    const { active } = this
    return {
      chain: active.tailChain,
      baseSequence: active.nextSequence,
      epoch: this.epoch,
      syncedTo: this.syncedTo,
      seed: this.seed
    }
  }

  /** Grows the file ahead: a sync that need not write its size as well is a third cheaper. */
  private growTo(end: number): void {
    const { preallocateBytes, segmentBytes } = this.shape
    if (end <= this.fileBytes || preallocateBytes === 0) return
    const step = Math.min(Math.max(growBytesMin, this.fileBytes), preallocateBytes)
    const ahead = Math.min(this.fileBytes + step, segmentBytes)
    if (ahead > end) this.fs.truncate(this.file, ahead)
    this.fileBytes = Math.max(ahead, end)
  }

  /** Takes off what the active segment's file has ahead. */
  private trim(): void {
    const { size } = this.active
    if (this.fileBytes > size) this.fs.truncate(this.file, size)
    this.fileBytes = size
  }

  private put(bytes: Uint8Array, header: BatchHeader, grow = true): number {
    const { active } = this
    const position = active.size
    if (position + bytes.length > 0xffff_ffff) {
      throw Object.assign(new Error("a segment of controls only cannot roll"), { code: "EFBIG" })
    }
    if (grow) this.growTo(position + bytes.length)
    writeFully(this.fs, this.file, bytes, 0, bytes.length, position)
    active.note(header)
    this.writes++
    return position
  }

  private addSegment(previous: Segment | undefined, nowMillis: number): void {
    const next = this.segmentAfter(previous, nowMillis)
    replaceFile(this.fs, next.path, encodeSegmentHeader(next.header))
    this.segments.push(next)
  }

  /** The same without a sync: `sync` does that, before the segment before is sealed. Answers the handle to write to. */
  private beginSegment(previous: Segment, nowMillis: number): number {
    const next = this.segmentAfter(previous, nowMillis)
    const aside = `${next.path}.tmp`
    const begun = this.fs.open(aside, "create")
    try {
      writeFully(this.fs, begun, encodeSegmentHeader(next.header), 0, segmentHeaderBytes, 0)
    } finally {
      this.fs.close(begun)
    }
    // Readers in other processes see it with its header or not at all.
    this.fs.rename(aside, next.path)
    const file = this.fs.open(next.path, "write")
    this.segments.push(next)
    return file
  }

  private segmentAfter(previous: Segment | undefined, nowMillis: number): Segment {
    const { directory, indexSpacing } = this.shape
    const header = {
      logId: this.logId,
      baseSequence: previous?.nextSequence ?? 1,
      epoch: this.epoch,
      generation: 0,
      createdMillis: Math.max(0, Math.floor(nowMillis)),
      previousChain: previous?.endChain ?? 0
    }
    return new Segment(inDirectory(directory, segmentName(header.baseSequence)), header, indexSpacing)
  }

  private seal(full: Unsealed): void {
    replaceFile(this.fs, this.indexPath(full.segment), encodeIndexFile(full.segment))
    this.sealed(full)
  }

  /** The same without a sync on this thread. */
  private sealLater(full: Unsealed, done: (failure: LogFailed | undefined) => void, then: () => void): void {
    const { segment } = full
    replaceFileLater(this.fs, this.indexPath(segment), encodeIndexFile(segment), (error) => {
      try {
        if (error !== undefined) throw error
        this.sealed(full)
      } catch (cause) {
        done(this.fail("seal", segment.path, cause))
        return
      }
      then()
    })
  }

  private indexPath(segment: Segment): string {
    return inDirectory(this.shape.directory, indexName(segment.baseSequence))
  }

  private sealed(full: Unsealed): void {
    const { segment } = full
    segment.sealed = true
    this.unsealed.splice(this.unsealed.indexOf(full), 1)
    if (segment.hasDeletes) this.writeState(this.compacted)
    this.onSealed(segment)
    this.syncedTo = Math.max(this.syncedTo, segment.nextSequence)
    this.fs.close(full.file)
  }

  /** Syncs one file, then goes on with `then`, or ends in `done` with the failure. */
  private syncOne(
    file: number,
    path: string,
    done: (failure: LogFailed | undefined) => void,
    then: () => void
  ): void {
    this.syncing(path, done, then, (answer) => this.fs.syncData(file, answer))
  }

  private syncing(
    path: string,
    done: (failure: LogFailed | undefined) => void,
    then: () => void,
    begin: (answer: (error: unknown) => void) => void
  ): void {
    try {
      begin((error) => {
        if (error === undefined) then()
        else done(this.fail("sync", path, error))
      })
    } catch (cause) {
      done(this.fail("sync", path, cause))
    }
  }

  /** Makes a begun segment durable, header and name. */
  private syncBegun(begun: Unsealed, done: (failure: LogFailed | undefined) => void, then: () => void): void {
    const { path } = begun.segment
    this.syncOne(begun.file, path, done, () => {
      this.syncing(path, done, then, (answer) => this.fs.syncDirectoryLater(this.shape.directory, answer))
    })
  }

  private attempt(operation: string, path: string, run: () => void): void {
    if (this.failure !== undefined) throw this.failure
    try {
      run()
    } catch (cause) {
      throw this.fail(operation, path, cause)
    }
  }

  /** Poisons the log with what the disk said. */
  fail(operation: string, path: string, cause: unknown): LogFailed {
    this.failure ??= logFailed(operation, path, cause)
    return this.failure
  }
}
