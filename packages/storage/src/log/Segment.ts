import type { BatchHeader } from "./BatchHeader.ts"
import { controlKind, controlKindOf, isControl } from "./BatchHeader.ts"
import type { DeletedRecords } from "./DeletedRecords.ts"
import { type SegmentHeader, segmentHeaderBytes } from "./SegmentHeader.ts"
import { SegmentIndex } from "./SegmentIndex.ts"
import { SubjectDictionary } from "./SubjectDictionary.ts"

/** What is known in memory of one segment file: its bounds, its index and its subjects. */
export class Segment {
  readonly path: string
  readonly header: SegmentHeader
  readonly index: SegmentIndex
  readonly subjects = new SubjectDictionary()
  /** Bytes of it that are valid batches. */
  size = segmentHeaderBytes
  /** The sequence after its last record. */
  nextSequence: number
  /** `headerCrc` of its last batch. */
  tailChain: number
  /** Largest record time in it; −∞ without records. */
  maxTimeMillis = Number.NEGATIVE_INFINITY
  /** Time of its first record; +∞ without records. */
  firstTimeMillis = Number.POSITIVE_INFINITY
  /** Records that are in it, deleted ones too. */
  rows = 0
  /** True when a batch of it says that records are deleted. */
  hasDeletes = false
  /** The deleted records that are still in it, once there are any. */
  deleted: DeletedRecords | undefined
  /** True when its index file is written: it is synced and never changes again. */
  sealed = false
  /** True when its last batch says that all before it is synced. */
  endsInCheckpoint = false
  /** Epoch of its last batch; of a segment known by its index only, the epoch it was made in. */
  lastEpoch: number
  /** Its handle for reading, opened when it is first read. */
  file: number | undefined

  constructor(path: string, header: SegmentHeader, indexSpacing: number) {
    this.path = path
    this.header = header
    this.nextSequence = header.baseSequence
    this.tailChain = header.previousChain
    this.lastEpoch = header.epoch
    this.index = new SegmentIndex(indexSpacing)
  }

  get baseSequence(): number {
    return this.header.baseSequence
  }

  get records(): number {
    return this.nextSequence - this.header.baseSequence
  }

  /** True but for a rewritten segment of which only a part is there: a replica that is getting it. */
  get isWhole(): boolean {
    return this.header.generation === 0 || this.records === (this.header.rewrittenSpan ?? 0)
  }

  /** What the next segment names as the batch before it: of a rewritten segment the last batch that it had at first. */
  get endChain(): number {
    return this.header.generation === 0 ? this.tailChain : (this.header.rewrittenTail ?? 0)
  }

  /** Takes in the next batch, which lies at the present end. */
  note(batch: BatchHeader): void {
    const data = !isControl(batch)
    if (data && batch.count > 0 && this.maxTimeMillis === Number.NEGATIVE_INFINITY) {
      this.index.baseTimeMillis = Math.floor(batch.baseTimeMillis)
      this.firstTimeMillis = batch.baseTimeMillis
    }
    this.index.note(this.size, batch.baseSequence - this.baseSequence, this.maxTimeMillis)
    if (data && batch.count > 0)
      this.maxTimeMillis = Math.max(this.maxTimeMillis, batch.baseTimeMillis + batch.maxTimeDeltaMillis)
    if (data) this.rows += batch.count
    this.hasDeletes ||= deletesRecords(batch)
    this.size += batch.length
    this.nextSequence = batch.baseSequence + batch.span
    this.tailChain = batch.headerCrc
    this.endsInCheckpoint = isCheckpoint(batch)
    this.lastEpoch = batch.epoch
  }
}

/** True for a batch that names subjects. */
export const namesSubjects = (batch: BatchHeader): boolean =>
  isControl(batch) && controlKindOf(batch) === controlKind.subjects

/** True for a batch that says which records are deleted. */
export const deletesRecords = (batch: BatchHeader): boolean =>
  isControl(batch) && controlKindOf(batch) === controlKind.deletes

/** True for a batch that says that everything before it is synced. */
export const isCheckpoint = (batch: BatchHeader): boolean =>
  isControl(batch) && controlKindOf(batch) === controlKind.checkpoint
