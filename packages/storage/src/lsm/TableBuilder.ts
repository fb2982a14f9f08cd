import type { FileSystem } from "../disk/FileSystem.ts"
import { writeFully } from "../disk/WholeFile.ts"
import { crc32c } from "../log/Crc32c.ts"
import { BlockBuilder, storedCrc } from "./Block.ts"
import { BloomFilter } from "./BloomFilter.ts"
import { hashBytes } from "./Bytes.ts"
import { type EntryCursor, entryFlag } from "./EntryCursor.ts"
import { encodeTableFooter, footerCrcOf } from "./TableFooter.ts"
import { encodeTableIndex } from "./TableIndex.ts"
import type { TableMeta } from "./TableMeta.ts"

/** How tables are laid out. */
export interface TableShape {
  /** Bytes that a data block does not pass unless one entry alone does; default 4 096. */
  readonly blockBytes: number
  /** Bits of the filter for each key; default 10. */
  readonly filterBitsPerKey: number
}

/** What all entries of a table to be have in common. */
export interface TableBases {
  /** What every key begins with. */
  readonly prefix: Uint8Array
  /** No sequence is below it. */
  readonly sequenceBase: number
  /** No time is below it; times are left out when `undefined`. */
  readonly timeBase: number | undefined
}

const bufferBytes = 256 * 1024
/** Positions have 32 bits. */
const tableBytesMax = 0xffff_ffff

/**
 * Writes one sorted table: entries in internal order in, a synced file out. The name of the file is durable only after
 * its directory is synced, and the table counts only once the manifest names it.
 */
export class TableBuilder {
  private readonly fs: FileSystem
  private readonly id: number
  private readonly shape: TableShape
  private readonly bases: TableBases
  private readonly file: number
  private readonly block: BlockBuilder
  private readonly buffer = new Uint8Array(bufferBytes)
  private buffered = 0
  private written = 0
  private readonly blockEnds: Array<number> = []
  private readonly blockCrcs: Array<number> = []
  private readonly lastKeys: Array<Uint8Array> = []
  private hashes = new Int32Array(4096)
  private keys = 0
  private smallest: Uint8Array | undefined
  private last = new Uint8Array(64)
  private lastLength = -1
  private entries = 0
  private tombstones = 0
  private sequenceMin = Number.POSITIVE_INFINITY
  private sequenceMax = 0

  constructor(fs: FileSystem, path: string, id: number, shape: TableShape, bases: TableBases) {
    this.fs = fs
    this.id = id
    this.shape = shape
    this.bases = bases
    this.block = new BlockBuilder(shape.blockBytes)
    this.file = fs.open(path, "create")
  }

  /** Bytes of data so far. */
  get bytes(): number {
    return this.written + this.buffered + this.block.bytesClosed
  }

  /** Copies in the entry at a cursor; `newKey` says that the entry before has another key. */
  add(entry: EntryCursor, newKey: boolean): void {
    const { bases, block, shape } = this
    const { prefix, timeBase } = bases
    const sequenceDelta = entry.sequence - bases.sequenceBase
    const timeDelta =
      timeBase === undefined || (entry.flags & entryFlag.hasTime) === 0 ? -1 : entry.timeMillis - timeBase
    const suffixLength = entry.keyLength - prefix.length
    const size = BlockBuilder.entryBytes(suffixLength, sequenceDelta, timeDelta, entry.valueLength)
    if (!block.takes(size, shape.blockBytes)) this.closeBlock()
    block.add(entry, prefix.length, sequenceDelta, timeDelta)
    if (newKey) this.noteKey(entry)
    this.entries++
    if ((entry.flags & entryFlag.tombstone) !== 0) this.tombstones++
    if (entry.sequence < this.sequenceMin) this.sequenceMin = entry.sequence
    if (entry.sequence > this.sequenceMax) this.sequenceMax = entry.sequence
  }

  /** Sets a flag of the entry that was added last. */
  markLast(flag: number): void {
    this.block.markLast(flag)
  }

  /** Writes what is left, syncs and closes the file. */
  finish(): TableMeta {
    this.closeBlock()
    const filterStart = this.written + this.buffered
    const filter = BloomFilter.of(this.hashes, this.keys, this.shape.filterBitsPerKey).bytes
    this.put(filter)
    const indexStart = this.written + this.buffered
    const index = encodeTableIndex({
      prefix: this.bases.prefix,
      smallest: this.smallest as Uint8Array,
      sequenceBase: this.bases.sequenceBase,
      timeBase: this.bases.timeBase ?? 0,
      blockEnds: this.blockEnds,
      blockCrcs: this.blockCrcs,
      lastKeys: this.lastKeys
    })
    this.put(index)
    const footer = encodeTableFooter({
      filterStart,
      indexStart,
      filterCrc: crc32c(filter),
      indexCrc: crc32c(index),
      entries: this.entries,
      tombstones: this.tombstones,
      tableId: this.id,
      sequenceMin: this.sequenceMin,
      sequenceMax: this.sequenceMax
    })
    this.put(footer)
    this.drain()
    this.fs.sync(this.file)
    this.fs.close(this.file)
    return {
      id: this.id,
      bytes: this.written,
      entries: this.entries,
      tombstones: this.tombstones,
      sequenceMin: this.sequenceMin,
      sequenceMax: this.sequenceMax,
      crc: footerCrcOf(footer),
      smallest: this.smallest as Uint8Array,
      largest: this.last.slice(0, this.lastLength)
    }
  }

  /** Gives the handle back after a failure; the file is nobody's and goes when the store is opened again. */
  abandon(): void {
    this.fs.close(this.file)
  }

  private noteKey(entry: EntryCursor): void {
    const { keyBytes, keyStart, keyLength } = entry
    if (this.keys === this.hashes.length) {
      const wider = new Int32Array(this.keys * 2)
      wider.set(this.hashes)
      this.hashes = wider
    }
    this.hashes[this.keys++] = hashBytes(keyBytes, keyStart, keyLength)
    if (keyLength > this.last.length) this.last = new Uint8Array(keyLength * 2)
    const { last } = this
    if (keyLength > 32) last.set(keyBytes.subarray(keyStart, keyStart + keyLength))
    else for (let i = 0; i < keyLength; i++) last[i] = keyBytes[keyStart + i] as number
    this.lastLength = keyLength
    this.smallest ??= last.slice(0, keyLength)
  }

  private closeBlock(): void {
    if (this.block.rows === 0) return
    const bytes = this.block.finish()
    this.put(bytes)
    this.blockEnds.push(this.written + this.buffered)
    this.blockCrcs.push(storedCrc(bytes, 0, bytes.length))
    this.lastKeys.push(this.last.slice(0, this.lastLength))
  }

  private put(bytes: Uint8Array): void {
    if (this.written + this.buffered + bytes.length > tableBytesMax) {
      throw Object.assign(new Error("a sorted table ends at 4 GiB"), { code: "EFBIG", syscall: "write" })
    }
    if (this.buffered + bytes.length > bufferBytes) this.drain()
    if (bytes.length > bufferBytes) {
      writeFully(this.fs, this.file, bytes, 0, bytes.length, this.written)
      this.written += bytes.length
      return
    }
    this.buffer.set(bytes, this.buffered)
    this.buffered += bytes.length
  }

  private drain(): void {
    if (this.buffered === 0) return
    writeFully(this.fs, this.file, this.buffer, 0, this.buffered, this.written)
    this.written += this.buffered
    this.buffered = 0
  }
}
