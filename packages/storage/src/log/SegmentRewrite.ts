import type { FileSystem } from "../disk/FileSystem.ts"
import { replaceFile, syncParent, writeFully } from "../disk/WholeFile.ts"
import { controlKind } from "./BatchHeader.ts"
import type { BatchView } from "./BatchView.ts"
import { encodeIndexFile } from "./IndexFile.ts"
import { inDirectory, indexName, segmentName } from "./LogFiles.ts"
import { logIdSeed } from "./LogId.ts"
import { type BatchPlace, type BatchRoom, controlBatch, OpenBatch } from "./OpenBatch.ts"
import { Segment } from "./Segment.ts"
import { encodeSegmentHeader, type SegmentHeader } from "./SegmentHeader.ts"
import { recordOfRow } from "./SqueezedBatch.ts"
import type { SubjectDictionary } from "./SubjectDictionary.ts"

const room: BatchRoom = { records: 8192, valueBytes: 1024 * 1024, heapBytes: 256 * 1024 }

/**
 * Writes what is to be kept of one or more sealed segments that follow one another into a file aside, to be put in their
 * place: the same sequences covered, the same controls, and the name of the last batch there was, so that the segment
 * after it still follows.
 *
 * A state machine without Effect; `finish` syncs on the pool. Throws what the file system throws.
 */
export class SegmentRewrite {
  readonly segment: Segment
  private readonly fs: FileSystem
  private readonly directory: string
  private readonly aside: string
  private readonly file: number
  private readonly end: number
  private readonly seed: number
  private readonly ordinary = new OpenBatch(room)
  private open = this.ordinary
  private epoch: number
  /** The first subject number that no batch names yet. */
  private unnamed = 1
  private ids: { readonly from: SubjectDictionary; readonly to: Array<number> } | undefined
  private swapped = false

  constructor(fs: FileSystem, directory: string, header: SegmentHeader, indexSpacing: number) {
    this.fs = fs
    this.directory = directory
    const path = inDirectory(directory, segmentName(header.baseSequence))
    this.aside = `${path}.tmp`
    this.segment = new Segment(path, header, indexSpacing)
    this.end = header.baseSequence + (header.rewrittenSpan ?? 0)
    this.seed = logIdSeed(header.logId)
    this.epoch = header.epoch
    this.file = fs.open(this.aside, "create")
    const bytes = encodeSegmentHeader(header)
    writeFully(fs, this.file, bytes, 0, bytes.length, 0)
  }

  /** Keeps one record. */
  keep(batch: BatchView, row: number): void {
    const sequence = batch.sequence(row)
    const record = recordOfRow(batch, row)
    const { value, key, headers, timeMillis } = record
    const keyBytes = key?.length ?? 0
    const headerBytes = headers?.length ?? 0
    if (batch.epoch !== this.epoch || !this.open.fits(value.length, keyBytes, headerBytes, timeMillis))
      this.write(sequence)
    this.epoch = batch.epoch
    if (!this.open.fits(value.length, keyBytes, headerBytes, timeMillis))
      this.open = new OpenBatch({
        records: 1,
        valueBytes: value.length,
        heapBytes: Math.max(keyBytes, headerBytes)
      })
    this.open.addAt(record, this.idOf(batch, row), sequence - this.segment.nextSequence)
  }

  /** Keeps rows of a control batch, all of them or those that are named. */
  keepControl(kind: number, batch: BatchView, rows?: ReadonlyArray<number>): void {
    this.write(batch.baseSequence)
    this.epoch = batch.epoch
    const kept = rows ?? Array.from({ length: batch.count }, (_, row) => row)
    const bytes = batch.bytes.length
    const copy = new OpenBatch({ records: Math.max(1, kept.length), valueBytes: bytes, heapBytes: bytes })
    for (const row of kept) copy.add(recordOfRow(batch, row), this.idOf(batch, row))
    this.nameSubjects()
    const sealed = copy.seal(this.place(), kind)
    this.put(sealed.bytes)
    this.segment.note(sealed.header)
  }

  /** Covers everything up to `sequence`, whether it is there or not. */
  coverTo(sequence: number): void {
    this.write(sequence)
  }

  /** Writes the rest and syncs it; `done` is called once, with what went wrong. */
  finish(done: (error: unknown) => void): void {
    try {
      this.write(this.end)
      this.fs.syncData(this.file, done)
    } catch (error) {
      done(error)
    }
  }

  /** The same at once. */
  finishNow(): void {
    this.write(this.end)
    this.fs.sync(this.file)
  }

  /** Puts the file in the place of the first old segment: from here on it is the segment. */
  swap(): void {
    this.fs.rename(this.aside, this.segment.path)
    this.swapped = true
    this.segment.sealed = true
  }

  /** Makes the swap durable and writes the index; the other old segments can go after it. */
  settle(): void {
    syncParent(this.fs, this.segment.path)
    const index = inDirectory(this.directory, indexName(this.segment.baseSequence))
    replaceFile(this.fs, index, encodeIndexFile(this.segment))
  }

  /** Gives the handle back, and takes the file away when it was not swapped in. */
  close(): void {
    this.fs.close(this.file)
    if (this.swapped) return
    try {
      this.fs.remove(this.aside)
    } catch {
      // Opening the log again removes it.
    }
  }

  private write(until: number): void {
    const { open, segment } = this
    if (open.count === 0 && until === segment.nextSequence) return
    this.nameSubjects()
    const sealed = open.seal(this.place(), undefined, until - segment.nextSequence)
    const position = segment.size
    this.put(sealed.bytes)
    segment.subjects.note(open.subjectIds, open.subjectIds.length === 0 ? 0 : open.count, position)
    segment.note(sealed.header)
    open.clear()
    this.open = this.ordinary
  }

  private nameSubjects(): void {
    const { names } = this.segment.subjects
    if (this.unnamed === names.length) return
    const naming = controlBatch(controlKind.subjects, names.slice(this.unnamed), this.place())
    this.put(naming.bytes)
    this.segment.note(naming.header)
    this.unnamed = names.length
  }

  private put(bytes: Uint8Array): void {
    writeFully(this.fs, this.file, bytes, 0, bytes.length, this.segment.size)
  }

  private place(): BatchPlace {
    return {
      chain: this.segment.tailChain,
      baseSequence: this.segment.nextSequence,
      epoch: this.epoch,
      syncedTo: this.end,
      seed: this.seed
    }
  }

  /** The number here of a row's subject: looked up once for each subject of a source. */
  private idOf(batch: BatchView, row: number): number {
    const id = batch.subjectIds?.[row] ?? 0
    if (id === 0) return 0
    if (this.ids?.from !== batch.dictionary) this.ids = { from: batch.dictionary, to: [0] }
    const { to } = this.ids
    const known = to[id] ?? this.segment.subjects.idOf(batch.dictionary.names[id] as string)
    to[id] = known
    return known
  }
}
