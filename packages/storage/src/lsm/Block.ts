import { crc32c } from "../log/Crc32c.ts"
import { compareBytes } from "./Bytes.ts"
import { type EntryCursor, entryFlag, noTime } from "./EntryCursor.ts"
import { varintBytes, writeVarint } from "./Varint.ts"

/** Where the fields at the end of a data block are, counted back from its end; `docs/lsm-format.md` is checked against this. */
export const blockTailAt = { count: -8, codec: -6, reserved: -5, crc: -4 } as const

/** Bytes of the tail after the offset table. */
export const blockTailBytes = 8

/** How the entries of a block are stored; only `none` is written so far. */
export const blockCodec = { none: 0 } as const

/** Entries after which a block is closed whatever its size: its rows are counted in 16 bits. */
const rowsMax = 0xffff

/**
 * Fills one data block: entries, then where each begins, then the tail.
 *
 * An entry is flags, the length of its key without the table's prefix, those key bytes, its sequence and time above
 * the table's bases, and the value up to the next entry.
 */
export class BlockBuilder {
  rows = 0
  private bytes: Uint8Array
  private readonly offsets: Uint16Array
  private size = 0
  private lastAt = 0

  constructor(blockBytes: number) {
    this.bytes = new Uint8Array(blockBytes * 2)
    this.offsets = new Uint16Array(Math.min(rowsMax, Math.ceil(blockBytes / 3) + 1))
  }

  /** Bytes of the block if it were closed now. */
  get bytesClosed(): number {
    return this.size + this.rows * 2 + blockTailBytes
  }

  /** Bytes that an entry adds. */
  static entryBytes(
    suffixLength: number,
    sequenceDelta: number,
    timeDelta: number,
    valueLength: number
  ): number {
    return (
      1 +
      varintBytes(suffixLength) +
      suffixLength +
      varintBytes(sequenceDelta) +
      (timeDelta < 0 ? 0 : varintBytes(timeDelta)) +
      valueLength +
      2
    )
  }

  /** True when an entry of so many bytes may still come into a block of at most `blockBytes`. */
  takes(entryBytes: number, blockBytes: number): boolean {
    return (
      this.rows === 0 ||
      (this.bytesClosed + entryBytes <= blockBytes && this.rows < this.offsets.length && this.size < 0xffff)
    )
  }

  /** Copies in the entry at a cursor; `timeDelta` below 0 leaves the time out. */
  add(entry: EntryCursor, prefixLength: number, sequenceDelta: number, timeDelta: number): void {
    const suffixLength = entry.keyLength - prefixLength
    this.reserve(suffixLength + entry.valueLength + 40)
    const { bytes } = this
    this.offsets[this.rows++] = this.size
    this.lastAt = this.size
    let at = this.size
    bytes[at++] = (entry.flags & ~entryFlag.hasTime) | (timeDelta < 0 ? 0 : entryFlag.hasTime)
    at = writeVarint(bytes, at, suffixLength)
    copy(entry.keyBytes, entry.keyStart + prefixLength, suffixLength, bytes, at)
    at = writeVarint(bytes, at + suffixLength, sequenceDelta)
    if (timeDelta >= 0) at = writeVarint(bytes, at, timeDelta)
    copy(entry.valueBytes, entry.valueStart, entry.valueLength, bytes, at)
    this.size = at + entry.valueLength
  }

  /** Sets a flag of the entry that was added last. */
  markLast(flag: number): void {
    this.bytes[this.lastAt] = (this.bytes[this.lastAt] as number) | flag
  }

  /** Closes the block: its bytes with the checksum at the end, valid until the next `add`. The builder is empty again. */
  finish(): Uint8Array {
    const { rows } = this
    this.reserve(rows * 2 + blockTailBytes)
    const { bytes } = this
    let at = this.size
    for (let row = 0; row < rows; row++) {
      const offset = this.offsets[row] as number
      bytes[at++] = offset
      bytes[at++] = offset >>> 8
    }
    bytes[at] = rows
    bytes[at + 1] = rows >>> 8
    bytes[at + 2] = blockCodec.none
    bytes[at + 3] = 0
    const crc = crc32c(bytes, 0, at + 4)
    for (let i = 0; i < 4; i++) bytes[at + 4 + i] = crc >>> (8 * i)
    this.rows = 0
    this.size = 0
    return bytes.subarray(0, at + blockTailBytes)
  }

  private reserve(more: number): void {
    if (this.size + more <= this.bytes.length) return
    const wider = new Uint8Array(Math.max(this.bytes.length * 2, this.size + more + blockTailBytes))
    wider.set(this.bytes.subarray(0, this.size))
    this.bytes = wider
  }
}

/** Short copies by a loop, long ones by `set`: a call into the engine costs as much as twenty bytes. */
const copy = (from: Uint8Array, start: number, length: number, to: Uint8Array, at: number): void => {
  if (length > 24) {
    to.set(from.subarray(start, start + length), at)
    return
  }
  for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number
}

/** The checksum that a block says it has. */
export const storedCrc = (bytes: Uint8Array, base: number, length: number): number => {
  const at = base + length - 4
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  )
}

/**
 * Reads the rows of one block that lies in `bytes` from `base` on. Its checksum holds, so it is built as it should be.
 */
export class BlockReader {
  bytes: Uint8Array
  count = 0
  private base = 0
  private offsetsAt = 0
  private readonly prefix: Uint8Array
  private readonly sequenceBase: number
  private readonly timeBase: number
  private at = 0

  constructor(bytes: Uint8Array, prefix: Uint8Array, sequenceBase: number, timeBase: number) {
    this.bytes = bytes
    this.prefix = prefix
    this.sequenceBase = sequenceBase
    this.timeBase = timeBase
  }

  /** Looks at another block. */
  reset(bytes: Uint8Array, base: number, length: number): void {
    this.bytes = bytes
    this.base = base
    const tail = base + length + blockTailAt.count
    this.count = (bytes[tail] as number) | ((bytes[tail + 1] as number) << 8)
    this.offsetsAt = tail - this.count * 2
  }

  /** The first row whose key is `key` or after it, with `after` only after it; `count` when there is none. */
  lowerBound(key: Uint8Array, after: boolean): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = this.compareRow(middle, key)
      if (order < 0 || (after && order === 0)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The order of a row's key and `key`, both without the table's prefix in `key`'s first bytes. */
  compareRow(row: number, key: Uint8Array): number {
    this.at = this.rowStart(row) + 1
    const length = this.varint()
    const { prefix } = this
    return compareBytes(this.bytes, this.at, length, key, prefix.length, key.length - prefix.length)
  }

  /** Puts a row into the fields of a cursor; `keyBuffer` has the table's prefix and room for the longest key. */
  load(row: number, into: EntryCursor, keyBuffer: Uint8Array): void {
    const { bytes, prefix } = this
    const start = this.rowStart(row)
    const flags = bytes[start] as number
    this.at = start + 1
    const suffixLength = this.varint()
    const from = this.at
    const key = prefix.length
    if (suffixLength > 32) keyBuffer.set(bytes.subarray(from, from + suffixLength), key)
    else for (let i = 0; i < suffixLength; i++) keyBuffer[key + i] = bytes[from + i] as number
    into.keyBytes = keyBuffer
    into.keyStart = 0
    into.keyLength = key + suffixLength
    this.at = from + suffixLength
    into.flags = flags
    into.sequence = this.sequenceBase + this.varint()
    into.timeMillis = (flags & entryFlag.hasTime) === 0 ? noTime : this.timeBase + this.varint()
    into.valueBytes = bytes
    into.valueStart = this.at
    into.valueLength = this.rowStart(row + 1) - this.at
  }

  /** Length of a row's key without the table's prefix. */
  suffixLength(row: number): number {
    this.at = this.rowStart(row) + 1
    return this.varint()
  }

  /** Goes to a row and answers its sequence; then `flagsAt`, `valueStart` and `valueEnd` are about that row. */
  sequenceAt(row: number): number {
    this.at = this.rowStart(row) + 1
    const length = this.varint()
    this.at += length
    return this.sequenceBase + this.varint()
  }

  /** Flags of a row. */
  flagsAt(row: number): number {
    return this.bytes[this.rowStart(row)] as number
  }

  /** After `sequenceAt`: where the value of that row begins. */
  valueStart(row: number): number {
    if ((this.flagsAt(row) & entryFlag.hasTime) !== 0) this.varint()
    return this.at
  }

  /** Where the value of a row ends. */
  valueEnd(row: number): number {
    return this.rowStart(row + 1)
  }

  private rowStart(row: number): number {
    if (row >= this.count) return this.offsetsAt
    const at = this.offsetsAt + row * 2
    return this.base + ((this.bytes[at] as number) | ((this.bytes[at + 1] as number) << 8))
  }

  private varint(): number {
    const { bytes } = this
    let byte = bytes[this.at++] as number
    if (byte < 128) return byte
    let value = byte & 127
    let scale = 128
    do {
      byte = bytes[this.at++] as number
      value += (byte & 127) * scale
      scale *= 128
    } while (byte >= 128)
    return value
  }
}
