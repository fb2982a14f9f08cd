import type { FileSystem } from "../disk/FileSystem.ts"
import { readFully } from "../disk/WholeFile.ts"
import { crc32c } from "../log/Crc32c.ts"
import { BlockReader, storedCrc } from "./Block.ts"
import type { BlockCache, CacheOwner } from "./BlockCache.ts"
import { BloomFilter, filterLineBytes } from "./BloomFilter.ts"
import { TableDamage, TableUnsupported } from "./TableDamage.ts"
import { decodeTableFooter, type TableFooter, tableFooterBytes } from "./TableFooter.ts"
import { TableIndex } from "./TableIndex.ts"
import type { TableMeta } from "./TableMeta.ts"

/** What a point read found, without an object per read: valid until the next one of the same store. */
export interface Found {
  sequence: number
  flags: number
  bytes: Uint8Array
  start: number
  end: number
}

/**
 * An open sorted table: index and filter in memory, blocks from the cache or the page cache, every checksum checked.
 *
 * Throws `TableDamage` and what the file system throws.
 */
export class TableReader implements CacheOwner {
  readonly path: string
  readonly footer: TableFooter
  readonly index: TableIndex
  readonly slots: Int32Array
  private readonly fs: FileSystem
  private readonly file: number
  private readonly filter: BloomFilter
  private readonly block: BlockReader

  private constructor(fs: FileSystem, path: string, file: number, meta: TableMeta) {
    this.fs = fs
    this.path = path
    this.file = file
    const size = fs.size(file)
    if (size !== meta.bytes) {
      throw new TableDamage(path, Math.min(size, meta.bytes), meta.bytes, `${meta.bytes} bytes`, `${size}`)
    }
    const footerAt = size - tableFooterBytes
    const read = decodeTableFooter(this.read(Math.max(0, footerAt), Math.min(size, tableFooterBytes)))
    if (read._tag === "Unsupported") throw new TableUnsupported(path, read.version)
    if (read._tag === "Damaged") throw new TableDamage(path, footerAt, size, read.expected, read.found)
    if (read.crc !== meta.crc || read.footer.tableId !== meta.id) {
      throw new TableDamage(
        path,
        footerAt,
        size,
        `table ${meta.id} of the manifest`,
        `table ${read.footer.tableId}`
      )
    }
    this.footer = read.footer
    const { filterStart, indexStart, filterCrc, indexCrc } = read.footer
    const filter = this.section(filterStart, indexStart, filterCrc, "filter")
    if (filter.length === 0 || filter.length % filterLineBytes !== 0) {
      throw new TableDamage(path, filterStart, indexStart, "whole lines of filter", `${filter.length} bytes`)
    }
    this.filter = new BloomFilter(filter)
    const index = TableIndex.decode(this.section(indexStart, footerAt, indexCrc, "index"), filterStart)
    if (typeof index === "string") {
      throw new TableDamage(path, indexStart, footerAt, "an index built as the format says", index)
    }
    this.index = index
    this.slots = new Int32Array(index.blockCount)
    this.block = new BlockReader(filter, index.prefix, index.sequenceBase, index.timeBase)
  }

  /** Opens the table that the manifest describes. */
  static open(fs: FileSystem, path: string, meta: TableMeta): TableReader {
    const file = fs.open(path, "read")
    try {
      return new TableReader(fs, path, file, meta)
    } catch (error) {
      fs.close(file)
      throw error
    }
  }

  close(): void {
    this.fs.close(this.file)
  }

  /** False when the table holds no version of a key with this hash. */
  mayHold(hash: number): boolean {
    return this.filter.mayHold(hash)
  }

  /** Finds the newest version of `key` with at most `sequence`; false when the table has none. */
  get(key: Uint8Array, hash: number, sequence: number, cache: BlockCache, found: Found): boolean {
    if (!this.filter.mayHold(hash) || this.index.comparePrefix(key) !== 0) return false
    const { block, index } = this
    let at = index.find(key, false)
    if (at === index.blockCount) return false
    this.load(at, cache)
    let row = block.lowerBound(key, false)
    for (;;) {
      if (row === block.count) {
        // The versions of one key may go on in the next block.
        if (++at === index.blockCount || !index.endsIn(at - 1, key)) return false
        this.load(at, cache)
        row = 0
      }
      if (block.compareRow(row, key) !== 0) return false
      const there = block.sequenceAt(row)
      if (there <= sequence) {
        found.sequence = there
        found.flags = block.flagsAt(row)
        found.bytes = block.bytes
        found.start = block.valueStart(row)
        found.end = block.valueEnd(row)
        return true
      }
      row++
    }
  }

  /** Reads the blocks from `first` to before `end` into `into`, checks each, and answers how many bytes they have. */
  readBlocks(first: number, end: number, into: Uint8Array): number {
    const { index } = this
    const start = index.blockStart(first)
    const length = index.blockStart(end) - start
    this.fill(into, 0, length, start)
    for (let block = first; block < end; block++) {
      this.check(block, into, index.blockStart(block) - start)
    }
    return length
  }

  private load(block: number, cache: BlockCache): void {
    const { index } = this
    const start = index.blockStart(block)
    const length = index.blockStart(block + 1) - start
    let at = cache.find(this, block)
    if (at < 0) {
      if (length > cache.slotBytes) {
        const bytes = new Uint8Array(length)
        this.fill(bytes, 0, length, start)
        this.check(block, bytes, 0)
        this.block.reset(bytes, 0, length)
        return
      }
      at = cache.place()
      this.fill(cache.bytes, at, length, start)
      this.check(block, cache.bytes, at)
      cache.keep(at, this, block)
    }
    this.block.reset(cache.bytes, at, length)
  }

  private check(block: number, bytes: Uint8Array, at: number): void {
    const { index } = this
    const start = index.blockStart(block)
    const length = index.blockStart(block + 1) - start
    const crc = crc32c(bytes, at, at + length - 4)
    // Twice: the block's own says that it is whole, the index's that it is this block and not an older one.
    const expected = index.blockCrcs[block] as number
    if (crc === expected && storedCrc(bytes, at, length) === crc) return
    throw new TableDamage(this.path, start, start + length, `a block with checksum ${expected}`, `${crc}`)
  }

  private section(from: number, to: number, crc: number, what: string): Uint8Array {
    if (from > to) throw new TableDamage(this.path, to, from, `a ${what}`, "nothing")
    const bytes = this.read(from, to - from)
    const computed = crc32c(bytes)
    if (computed !== crc)
      throw new TableDamage(this.path, from, to, `a ${what} with checksum ${crc}`, `${computed}`)
    return bytes
  }

  private read(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.fill(bytes, 0, length, position)
    return bytes
  }

  private fill(into: Uint8Array, at: number, length: number, position: number): void {
    const got = readFully(this.fs, this.file, into, at, length, position)
    if (got !== length) {
      throw new TableDamage(this.path, position + got, position + length, `${length} bytes`, `${got}`)
    }
  }
}
