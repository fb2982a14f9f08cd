import { batchColumn, columnLayout } from "./BatchColumns.ts"
import { type BatchHeader, batchAttribute, type controlKind, writeBatchHeader } from "./BatchHeader.ts"
import { recordFlag } from "./BatchView.ts"
import { align8 } from "./LittleEndian.ts"
import type { LogRecord } from "./LogRecord.ts"

/** Room of an open batch; it is written when the next record does not fit. */
export interface BatchRoom {
  readonly records: number
  readonly valueBytes: number
  /** Room for keys, and the same again for headers. */
  readonly heapBytes: number
}

/** What the writer puts into the header of a batch when it is sealed. */
export interface BatchPlace {
  readonly chain: number
  readonly baseSequence: number
  readonly epoch: number
  readonly syncedTo: number
  readonly seed: number
}

const none = new Uint32Array(0)

const maxTimeSpanMillis = 0xffff_ffff

/**
 * The batch that is being filled. `add` copies and returns.
 *
 * Values are copied once, to where they stay: the buffer has room before them for the largest header, columns, keys and
 * headers there can be, and those are laid down just before the values when the batch is sealed.
 */
export class OpenBatch {
  count = 0
  readonly room: BatchRoom
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private readonly valueStart: number
  private values = 0
  private keyBytes = 0
  private headerBytes = 0
  private hasKeys = false
  private hasHeaders = false
  private readonly ends: Uint32Array
  private readonly times: Float64Array
  private readonly keyEnds: Uint32Array
  private readonly ids: Uint32Array
  private readonly headerEnds: Uint32Array
  private readonly flags: Uint8Array
  private readonly keys: Uint8Array
  private readonly headers: Uint8Array
  /** Offset of each row after the first of the batch: only where rows are missing. */
  private deltas: Uint32Array | undefined
  private hasDeltas = false
  private largestId = 0
  private anyFlags = 0
  private minTimeMillis = Number.POSITIVE_INFINITY
  private maxTimeMillis = Number.NEGATIVE_INFINITY

  constructor(room: BatchRoom) {
    this.room = room
    const { records, valueBytes, heapBytes } = room
    const columns = columnLayout(0xff, records).heapStart
    this.valueStart = align8(columns + 2 * heapBytes)
    // A batch begins where its columns, keys and headers need it to: up to 7 bytes of padding may come after a full heap.
    this.bytes = new Uint8Array(this.valueStart + align8(valueBytes) + 8)
    this.view = new DataView(this.bytes.buffer)
    this.ends = new Uint32Array(records)
    this.times = new Float64Array(records)
    this.keyEnds = new Uint32Array(records)
    this.ids = new Uint32Array(records)
    this.headerEnds = new Uint32Array(records)
    this.flags = new Uint8Array(records)
    this.keys = new Uint8Array(heapBytes)
    this.headers = new Uint8Array(heapBytes)
  }

  /** Subject number of each row, for the segment's summary. */
  get subjectIds(): Uint32Array {
    return this.largestId === 0 ? none : this.ids
  }

  /** True when a record of these sizes and this time can still be added. */
  fits(valueBytes: number, keyBytes: number, headerBytes: number, timeMillis: number): boolean {
    return (
      this.count < this.room.records &&
      this.values + valueBytes <= this.room.valueBytes &&
      this.keyBytes + keyBytes <= this.room.heapBytes &&
      this.headerBytes + headerBytes <= this.room.heapBytes &&
      timeMillis - this.minTimeMillis <= maxTimeSpanMillis &&
      this.maxTimeMillis - timeMillis <= maxTimeSpanMillis
    )
  }

  /** Copies a record in; `fits` must have said yes. */
  add(record: LogRecord, subjectId: number): void {
    const i = this.count
    const { value, key, headers, tombstone, mark } = record
    const begin = this.values
    this.bytes.set(value, this.valueStart + begin)
    const end = begin + value.length
    this.values = end
    this.ends[i] = end
    // What records seldom have costs nothing while none of the batch has it: its column is begun with the first.
    if (this.hasKeys || (key !== undefined && key.length > 0)) this.addKey(i, key)
    if (this.hasHeaders || (headers !== undefined && headers.length > 0)) this.addHeaders(i, headers)
    if (subjectId > 0 || this.largestId > 0) this.addSubject(i, subjectId)
    if (tombstone === true || mark !== undefined || this.anyFlags > 0) this.addFlags(i, tombstone, mark)
    const time = Math.floor(record.timeMillis)
    this.times[i] = time
    if (time < this.minTimeMillis) this.minTimeMillis = time
    if (time > this.maxTimeMillis) this.maxTimeMillis = time
    this.count = i + 1
  }

  /** The same in a batch that does not have every sequence: this one is `delta` after the first. */
  addAt(record: LogRecord, subjectId: number, delta: number): void {
    this.deltas ??= new Uint32Array(this.room.records)
    this.deltas[this.count] = delta
    this.hasDeltas ||= delta !== this.count
    this.add(record, subjectId)
  }

  private addSubject(row: number, subjectId: number): void {
    if (this.largestId === 0) this.ids.fill(0, 0, row)
    this.ids[row] = subjectId
    if (subjectId > this.largestId) this.largestId = subjectId
  }

  private addFlags(row: number, tombstone: boolean | undefined, mark: number | undefined): void {
    const flags =
      (tombstone === true ? recordFlag.tombstone : 0) |
      (mark === undefined ? 0 : mark << recordFlag.markShift)
    if (this.anyFlags === 0) this.flags.fill(0, 0, row)
    this.flags[row] = flags
    this.anyFlags |= flags
  }

  private addKey(row: number, key: Uint8Array | undefined): void {
    if (!this.hasKeys) this.keyEnds.fill(0, 0, row)
    this.hasKeys = true
    if (key !== undefined) {
      this.keys.set(key, this.keyBytes)
      this.keyBytes += key.length
    }
    this.keyEnds[row] = this.keyBytes
  }

  private addHeaders(row: number, headers: Uint8Array | undefined): void {
    if (!this.hasHeaders) this.headerEnds.fill(0, 0, row)
    this.hasHeaders = true
    if (headers !== undefined) {
      this.headers.set(headers, this.headerBytes)
      this.headerBytes += headers.length
    }
    this.headerEnds[row] = this.headerBytes
  }

  /**
   * Lays the batch down and answers its bytes (a view, valid until the next `add`) and its header. `span` is for a batch
   * of records that does not have every sequence.
   */
  seal(
    place: BatchPlace,
    control: number | undefined,
    span = this.count
  ): { readonly bytes: Uint8Array; readonly header: BatchHeader } {
    const { count } = this
    const columns =
      batchColumn.end |
      batchColumn.timeDelta |
      (this.keyBytes > 0 ? batchColumn.keyEnd : 0) |
      (this.largestId > 0 ? batchColumn.subjectId : 0) |
      (this.headerBytes > 0 ? batchColumn.headerEnd : 0) |
      (this.hasDeltas ? batchColumn.offsetDelta : 0) |
      (this.anyFlags !== 0 ? batchColumn.flags : 0) |
      (this.largestId > 0xffff ? batchColumn.wideSubjectIds : 0)
    const layout = columnLayout(columns, count)
    const at = this.valueStart - layout.heapStart - this.keyBytes - this.headerBytes
    const { bytes, view } = this
    const baseTimeMillis = count === 0 ? 0 : this.minTimeMillis
    bytes.fill(0, at, at + layout.heapStart)
    putWords(bytes, at + layout.end, this.ends, count)
    for (let i = 0, to = at + layout.timeDelta; i < count; i++, to += 4) {
      view.setUint32(to, (this.times[i] as number) - baseTimeMillis, true)
    }
    if (layout.keyEnd >= 0) putWords(bytes, at + layout.keyEnd, this.keyEnds, count)
    if (layout.subjectId >= 0) this.putIds(at + layout.subjectId)
    if (layout.headerEnd >= 0) putWords(bytes, at + layout.headerEnd, this.headerEnds, count)
    if (layout.offsetDelta >= 0) putWords(bytes, at + layout.offsetDelta, this.deltas as Uint32Array, count)
    if (layout.flags >= 0) bytes.set(this.flags.subarray(0, count), at + layout.flags)
    bytes.set(this.keys.subarray(0, this.keyBytes), at + layout.heapStart)
    bytes.set(this.headers.subarray(0, this.headerBytes), at + layout.heapStart + this.keyBytes)
    const end = this.valueStart + this.values
    const length = align8(end - at)
    bytes.fill(0, end, at + length)
    const header = {
      length,
      chain: place.chain,
      baseSequence: place.baseSequence,
      count,
      span: control === undefined ? span : 0,
      baseTimeMillis,
      maxTimeDeltaMillis: count === 0 ? 0 : this.maxTimeMillis - baseTimeMillis,
      epoch: place.epoch,
      syncedTo: place.syncedTo,
      attributes:
        (control === undefined ? 0 : batchAttribute.control | (control << 12)) |
        (this.keyBytes > 0 ? batchAttribute.hasKeys : 0) |
        (this.largestId > 0 ? batchAttribute.hasSubjects : 0) |
        (this.headerBytes > 0 ? batchAttribute.hasHeaders : 0) |
        ((this.anyFlags & recordFlag.tombstone) !== 0 ? batchAttribute.hasTombstones : 0),
      columns,
      heapStart: layout.heapStart
    }
    const headerCrc = writeBatchHeader(bytes, view, at, header, place.seed)
    return {
      bytes: bytes.subarray(at, at + length),
      header: { ...header, headerCrc, bodyCrc: view.getUint32(at + 4, true), version: 1 }
    }
  }

  /** Empties the batch; its room is used again. */
  clear(): void {
    this.count = 0
    this.values = 0
    this.keyBytes = 0
    this.headerBytes = 0
    this.hasKeys = false
    this.hasHeaders = false
    this.hasDeltas = false
    this.largestId = 0
    this.anyFlags = 0
    this.minTimeMillis = Number.POSITIVE_INFINITY
    this.maxTimeMillis = Number.NEGATIVE_INFINITY
  }

  private putIds(at: number): void {
    const { bytes, ids, count } = this
    if (this.largestId > 0xffff) {
      putWords(bytes, at, ids, count)
      return
    }
    for (let i = 0, to = at; i < count; i++, to += 2) {
      const id = ids[i] as number
      bytes[to] = id
      bytes[to + 1] = id >>> 8
    }
  }
}

const putWords = (bytes: Uint8Array, at: number, column: Uint32Array, count: number): void =>
  bytes.set(new Uint8Array(column.buffer, column.byteOffset, count * 4), at)

const utf8 = new TextEncoder()

/** A batch of these values, standing alone: subjects being named, or (without values) a checkpoint. */
export const controlBatch = (
  kind: (typeof controlKind)[keyof typeof controlKind],
  texts: ReadonlyArray<string>,
  place: BatchPlace
): { readonly bytes: Uint8Array; readonly header: BatchHeader } => {
  const values = texts.map((text) => utf8.encode(text))
  const valueBytes = values.reduce((sum, value) => sum + value.length, 0)
  const batch = new OpenBatch({ records: values.length, valueBytes, heapBytes: 0 })
  for (const value of values) batch.add({ value, timeMillis: 0 }, 0)
  return batch.seal(place, kind)
}
