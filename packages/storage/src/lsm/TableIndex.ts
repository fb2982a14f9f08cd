import { readU64, writeU64 } from "../log/LittleEndian.ts"
import { compareBytes } from "./Bytes.ts"

/** Where each field of the index section is; `docs/lsm-format.md` is checked against this. The columns follow. */
export const tableIndexAt = {
  blockCount: 0,
  prefixLength: 4,
  smallestLength: 8,
  reserved: 12,
  sequenceBase: 16,
  timeBase: 24,
  columns: 32
} as const

/** The u32 columns of the index section, in this order, each with one entry a block. */
export const tableIndexColumns = ["blockEnd", "blockCrc", "keyEnd", "word"] as const

/** What the index of a table is made from. */
export interface TableIndexParts {
  /** What every key of the table begins with. */
  readonly prefix: Uint8Array
  readonly smallest: Uint8Array
  readonly sequenceBase: number
  readonly timeBase: number
  readonly blockEnds: ReadonlyArray<number>
  readonly blockCrcs: ReadonlyArray<number>
  /** The last key of each block, whole. */
  readonly lastKeys: ReadonlyArray<Uint8Array>
}

/** Four bytes as a number that sorts as they do; what is missing counts as zero. */
export const wordAt = (bytes: Uint8Array, at: number, end: number): number => {
  if (at + 4 <= end) {
    return (
      (((bytes[at] as number) << 24) |
        ((bytes[at + 1] as number) << 16) |
        ((bytes[at + 2] as number) << 8) |
        (bytes[at + 3] as number)) >>>
      0
    )
  }
  let word = 0
  for (let i = 0; i < 4; i++) word = (word << 8) | (at + i < end ? (bytes[at + i] as number) : 0)
  return word >>> 0
}

/** The bytes of the index section. */
export const encodeTableIndex = (parts: TableIndexParts): Uint8Array => {
  const { prefix, smallest, lastKeys } = parts
  const count = lastKeys.length
  const keys = lastKeys.reduce((sum, key) => sum + key.length - prefix.length, 0)
  const columns = tableIndexAt.columns
  const prefixAt = columns + count * 16
  const bytes = new Uint8Array(prefixAt + smallest.length + keys)
  const view = new DataView(bytes.buffer)
  view.setUint32(tableIndexAt.blockCount, count, true)
  view.setUint32(tableIndexAt.prefixLength, prefix.length, true)
  view.setUint32(tableIndexAt.smallestLength, smallest.length - prefix.length, true)
  writeU64(view, tableIndexAt.sequenceBase, parts.sequenceBase)
  view.setFloat64(tableIndexAt.timeBase, parts.timeBase, true)
  bytes.set(smallest, prefixAt)
  let heap = prefixAt + smallest.length
  let end = 0
  for (let i = 0; i < count; i++) {
    const key = lastKeys[i] as Uint8Array
    bytes.set(key.subarray(prefix.length), heap)
    heap += key.length - prefix.length
    end += key.length - prefix.length
    view.setUint32(columns + i * 4, parts.blockEnds[i] as number, true)
    view.setUint32(columns + (count + i) * 4, parts.blockCrcs[i] as number, true)
    view.setUint32(columns + (2 * count + i) * 4, end, true)
    view.setUint32(columns + (3 * count + i) * 4, wordAt(key, prefix.length, key.length), true)
  }
  return bytes
}

/** The index of a table in memory: which block a key would be in, by search over whole numbers. */
export class TableIndex {
  readonly blockCount: number
  readonly prefix: Uint8Array
  readonly smallest: Uint8Array
  readonly sequenceBase: number
  readonly timeBase: number
  readonly blockEnds: Uint32Array
  readonly blockCrcs: Uint32Array
  private readonly keyEnds: Uint32Array
  private readonly words: Uint32Array
  private readonly heap: Uint8Array

  private constructor(bytes: Uint8Array, view: DataView, count: number) {
    const { columns } = tableIndexAt
    const column = (nth: number): Uint32Array => {
      const out = new Uint32Array(count)
      for (let i = 0; i < count; i++) out[i] = view.getUint32(columns + (nth * count + i) * 4, true)
      return out
    }
    this.blockCount = count
    this.sequenceBase = readU64(view, tableIndexAt.sequenceBase)
    this.timeBase = view.getFloat64(tableIndexAt.timeBase, true)
    this.blockEnds = column(0)
    this.blockCrcs = column(1)
    this.keyEnds = column(2)
    this.words = column(3)
    const prefixAt = columns + count * 16
    const prefixEnd = prefixAt + view.getUint32(tableIndexAt.prefixLength, true)
    const smallestEnd = prefixEnd + view.getUint32(tableIndexAt.smallestLength, true)
    this.prefix = bytes.slice(prefixAt, prefixEnd)
    this.smallest = bytes.slice(prefixAt, smallestEnd)
    this.heap = bytes.slice(smallestEnd)
  }

  /** Reads an index section whose checksum holds; a sentence when its parts do not fit into each other. */
  static decode(bytes: Uint8Array, dataBytes: number): TableIndex | string {
    if (bytes.length < tableIndexAt.columns) return "too few bytes for an index"
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const count = view.getUint32(tableIndexAt.blockCount, true)
    if (count === 0 || tableIndexAt.columns + count * 16 > bytes.length) return "columns pass the end"
    const index = new TableIndex(bytes, view, count)
    if (index.keyEnds[count - 1] !== index.heap.length) return "keys do not fill the section"
    if (index.blockEnds[count - 1] !== dataBytes) return "blocks do not fill the data"
    for (let i = 1; i < count; i++) {
      if ((index.blockEnds[i] as number) <= (index.blockEnds[i - 1] as number)) return "blocks out of order"
      if ((index.keyEnds[i] as number) < (index.keyEnds[i - 1] as number)) return "keys out of order"
    }
    return index
  }

  /** Where a block begins in the file. */
  blockStart(block: number): number {
    return block === 0 ? 0 : (this.blockEnds[block - 1] as number)
  }

  /** The largest key of the table. */
  get largest(): Uint8Array {
    const last = this.blockCount - 1
    const suffix = this.heap.subarray(last === 0 ? 0 : (this.keyEnds[last - 1] as number))
    const key = new Uint8Array(this.prefix.length + suffix.length)
    key.set(this.prefix)
    key.set(suffix, this.prefix.length)
    return key
  }

  /** How `key` compares with the table's prefix: 0 when it begins with it, else before or after all keys. */
  comparePrefix(key: Uint8Array): number {
    const { prefix } = this
    for (let i = 0; i < prefix.length; i++) {
      // A key that ends within the prefix comes before all that go on.
      if (i === key.length) return -1
      const difference = (key[i] as number) - (prefix[i] as number)
      if (difference !== 0) return difference
    }
    return 0
  }

  /**
   * The first block whose last key is `key` or after it (with `after`, only after it); `blockCount` when there is none.
   * `key` begins with the prefix.
   */
  find(key: Uint8Array, after: boolean): number {
    const { words } = this
    const word = wordAt(key, this.prefix.length, key.length)
    let low = 0
    let high = this.blockCount
    while (low < high) {
      const middle = (low + high) >>> 1
      const there = words[middle] as number
      let before = there < word
      if (there === word) {
        const order = this.compareLast(middle, key)
        before = order < 0 || (after && order === 0)
      }
      if (before) low = middle + 1
      else high = middle
    }
    return low
  }

  /** True when the last key of a block is `key`. */
  endsIn(block: number, key: Uint8Array): boolean {
    return this.compareLast(block, key) === 0
  }

  private compareLast(block: number, key: Uint8Array): number {
    const start = block === 0 ? 0 : (this.keyEnds[block - 1] as number)
    const from = this.prefix.length
    return compareBytes(
      this.heap,
      start,
      (this.keyEnds[block] as number) - start,
      key,
      from,
      key.length - from
    )
  }
}
