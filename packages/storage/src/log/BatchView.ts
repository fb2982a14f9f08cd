import { batchColumn, type ColumnLayout, checkLayout, type HeapLayout } from "./BatchColumns.ts"
import { type BatchHeader, controlKind, controlKindOf, isControl } from "./BatchHeader.ts"
import type { SubjectDictionary } from "./SubjectDictionary.ts"
import type { SubjectFilter } from "./SubjectFilter.ts"

/** Bits of a record's `flags`: 0 is a tombstone, 4 to 7 are the owner's mark. */
export const recordFlag = { tombstone: 1, markShift: 4 } as const

const utf8 = new TextDecoder()
const nothing: Uint8Array = new Uint8Array(0)
/** Where `select` notes rows before it knows how many there are. */
let chosen = new Uint32Array(0)

/**
 * One batch of records as it lies in the file: typed arrays over the bytes, and accessors by row.
 *
 * Rows are `0 … count − 1`; those before `start` come before the sequence that was asked for. No object is made for a
 * record: loop over the rows and take what is needed. Views stay valid for as long as they are held.
 *
 * What compaction or a delete took out leaves a gap in the sequences, and a batch may have no rows at all: take a row's
 * sequence from `sequence(row)`, and go on from `nextSequence`.
 */
export class BatchView {
  /** Sequence of row 0. A control batch has the sequence of the record that comes after it. */
  readonly baseSequence: number
  /** Rows. */
  readonly count: number
  /** The sequence after the last row: where to read on. */
  readonly nextSequence: number
  /** The first row at or after the sequence that was asked for. */
  readonly start: number
  /** True when the rows are what `appendControl` was given, not records. */
  readonly isControl: boolean
  /** The whole batch as it is in the file, header and padding too. */
  readonly bytes: Uint8Array
  /** Epoch of the writer. */
  readonly epoch: number
  /** Time of the earliest row, in milliseconds since 1970. */
  readonly baseTimeMillis: number
  private readonly columns: number
  private readonly layout: ColumnLayout
  private readonly heaps: HeapLayout
  /** Names of the subject numbers. */
  readonly dictionary: SubjectDictionary
  private endsColumn: Uint32Array | undefined
  private deltasColumn: Uint32Array | undefined
  private keyEnds: Uint32Array | undefined
  private headerEnds: Uint32Array | undefined
  private missingColumn: Uint32Array | undefined
  private subjectsColumn: Uint16Array | Uint32Array | undefined

  constructor(
    bytes: Uint8Array,
    header: BatchHeader,
    parts: { readonly columns: ColumnLayout; readonly heaps: HeapLayout },
    dictionary: SubjectDictionary,
    from: number
  ) {
    this.bytes = bytes
    this.baseSequence = header.baseSequence
    this.count = header.count
    this.nextSequence = header.baseSequence + header.span
    this.isControl = isControl(header)
    this.epoch = header.epoch
    this.baseTimeMillis = header.baseTimeMillis
    this.columns = header.columns
    this.layout = parts.columns
    this.heaps = parts.heaps
    this.dictionary = dictionary
    this.start = this.isControl ? 0 : this.firstAtOrAfter(from)
  }

  /** End of each value in `values`; the first begins at 0. */
  get ends(): Uint32Array {
    this.endsColumn ??= this.words(this.layout.end)
    return this.endsColumn
  }

  /** Milliseconds of each row after `baseTimeMillis`. */
  get timeDeltas(): Uint32Array {
    this.deltasColumn ??= this.words(this.layout.timeDelta)
    return this.deltasColumn
  }

  /** Number of each row's subject in its segment, 0 for none; `undefined` when no row has one. */
  get subjectIds(): Uint16Array | Uint32Array | undefined {
    if (this.layout.subjectId < 0) return undefined
    this.subjectsColumn ??=
      (this.columns & batchColumn.wideSubjectIds) === 0
        ? new Uint16Array(this.bytes.buffer, this.bytes.byteOffset + this.layout.subjectId, this.count)
        : this.words(this.layout.subjectId)
    return this.subjectsColumn
  }

  /** All values, one after the other. */
  get values(): Uint8Array {
    return this.bytes.subarray(this.heaps.valueStart, this.heaps.valueStart + this.heaps.valueBytes)
  }

  /** Sequence of a row; for the row after the last one `nextSequence`. */
  sequence(row: number): number {
    if (this.isControl) return this.baseSequence
    if (row >= this.count) return this.nextSequence
    return this.baseSequence + (this.layout.offsetDelta < 0 ? row : (this.offsetDeltas[row] as number))
  }

  /** The row with this sequence, or −1 when the batch does not have it. */
  rowOf(sequence: number): number {
    const row = this.firstAtOrAfter(sequence)
    return row < this.count && this.sequence(row) === sequence ? row : -1
  }

  /** Time of a row, in milliseconds since 1970. */
  timeMillis(row: number): number {
    return this.baseTimeMillis + (this.timeDeltas[row] as number)
  }

  /** Value of a row: a view, not a copy. */
  value(row: number): Uint8Array {
    const { valueStart } = this.heaps
    const begin = row === 0 ? 0 : (this.ends[row - 1] as number)
    return this.bytes.subarray(valueStart + begin, valueStart + (this.ends[row] as number))
  }

  /** Key of a row; empty when it has none. */
  key(row: number): Uint8Array {
    if (this.layout.keyEnd < 0) return nothing
    this.keyEnds ??= this.words(this.layout.keyEnd)
    return this.slice(this.keyEnds, this.layout.heapStart, row)
  }

  /** Bytes of a row's value, key and headers; no view is made for it. */
  rowBytes(row: number): number {
    let bytes = lengthAt(this.ends, row)
    if (this.layout.keyEnd >= 0) {
      this.keyEnds ??= this.words(this.layout.keyEnd)
      bytes += lengthAt(this.keyEnds, row)
    }
    if (this.layout.headerEnd >= 0) {
      this.headerEnds ??= this.words(this.layout.headerEnd)
      bytes += lengthAt(this.headerEnds, row)
    }
    return bytes
  }

  /** Headers of a row, as its writer encoded them; empty when it has none. */
  headers(row: number): Uint8Array {
    if (this.layout.headerEnd < 0) return nothing
    this.headerEnds ??= this.words(this.layout.headerEnd)
    return this.slice(this.headerEnds, this.heaps.headerStart, row)
  }

  /** Subject of a row, or `undefined` when it has none. */
  subject(row: number): string | undefined {
    const id = this.subjectIds?.[row] ?? 0
    return id === 0 ? undefined : this.dictionary.names[id]
  }

  /** True when the row says that its key is deleted. */
  isTombstone(row: number): boolean {
    return (this.flags(row) & recordFlag.tombstone) !== 0
  }

  /** The owner's four bits of a row, 0 to 15. */
  mark(row: number): number {
    return this.flags(row) >>> recordFlag.markShift
  }

  /** The rows from `start` on whose subject the filter takes. */
  select(filter: SubjectFilter): Uint32Array {
    const wanted = filter.idsIn(this.dictionary)
    const ids = this.subjectIds
    // Number 0, no subject, is wanted by no filter.
    if (ids === undefined) return new Uint32Array(0)
    if (chosen.length < this.count) chosen = new Uint32Array(this.count)
    const rows = chosen
    const { count } = this
    let taken = 0
    for (let row = this.start; row < count; row++) {
      // The write is unconditional and the step is not: no branch to mispredict.
      rows[taken] = row
      taken += wanted[ids[row] as number] as number
    }
    return rows.slice(0, taken)
  }

  private get offsetDeltas(): Uint32Array {
    this.missingColumn ??= this.words(this.layout.offsetDelta)
    return this.missingColumn
  }

  private firstAtOrAfter(sequence: number): number {
    const wanted = sequence - this.baseSequence
    if (wanted <= 0) return 0
    if (this.layout.offsetDelta < 0) return Math.min(wanted, this.count)
    const deltas = this.offsetDeltas
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((deltas[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }

  private flags(row: number): number {
    return this.layout.flags < 0 ? 0 : (this.bytes[this.layout.flags + row] as number)
  }

  private words(at: number): Uint32Array {
    return at < 0
      ? new Uint32Array(0)
      : new Uint32Array(this.bytes.buffer, this.bytes.byteOffset + at, this.count)
  }

  private slice(ends: Uint32Array, heap: number, row: number): Uint8Array {
    const begin = row === 0 ? 0 : (ends[row - 1] as number)
    return this.bytes.subarray(heap + begin, heap + (ends[row] as number))
  }
}

const lengthAt = (ends: Uint32Array, row: number): number =>
  (ends[row] as number) - (row === 0 ? 0 : (ends[row - 1] as number))

/** A view of a batch whose checksums hold, or a sentence that says why it is not built as the format says. */
export const viewBatch = (
  bytes: Uint8Array,
  view: DataView,
  at: number,
  header: BatchHeader,
  dictionary: SubjectDictionary,
  from: number
): BatchView | string => {
  const parts = checkLayout(header, view, at)
  if (typeof parts === "string") return parts
  return new BatchView(bytes.subarray(at, at + header.length), header, parts, dictionary, from)
}

/** Adds the subjects that a control batch names to the dictionary. */
export const learnSubjects = (batch: BatchView, header: BatchHeader, dictionary: SubjectDictionary): void => {
  if (!batch.isControl || controlKindOf(header) !== controlKind.subjects) return
  for (let row = 0; row < batch.count; row++) dictionary.idOf(utf8.decode(batch.value(row)))
}
