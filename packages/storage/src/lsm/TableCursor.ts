import { BlockReader } from "./Block.ts"
import { EntryCursor } from "./EntryCursor.ts"
import type { TableReader } from "./TableReader.ts"

/**
 * A walk over one table, up or down, with a read-ahead that doubles from one block to `readAheadBytes`.
 *
 * It reads past the block cache: a scan must not push out what point reads need.
 */
export class TableCursor extends EntryCursor {
  private readonly table: TableReader
  private readonly reverse: boolean
  private readonly readAheadBytes: number
  private readonly reader: BlockReader
  private keyBuffer: Uint8Array
  private window = new Uint8Array(0)
  private windowFirst = 0
  private windowEnd = 0
  private aheadBytes = 1
  private block = 0
  private row = 0

  constructor(table: TableReader, reverse: boolean, readAheadBytes: number) {
    super()
    this.table = table
    this.reverse = reverse
    this.readAheadBytes = readAheadBytes
    const { prefix, sequenceBase, timeBase } = table.index
    this.reader = new BlockReader(this.window, prefix, sequenceBase, timeBase)
    this.keyBuffer = new Uint8Array(prefix.length + 256)
    this.keyBuffer.set(prefix)
  }

  first(): void {
    if (!this.reverse) {
      this.goTo(0, 0)
      return
    }
    const last = this.table.index.blockCount - 1
    this.loadBlock(last)
    this.goTo(last, this.reader.count - 1)
  }

  seek(key: Uint8Array, past: boolean): void {
    // Up: the first row at or after the key. Down: the row before the first one after it.
    const after = this.reverse ? !past : past
    const { index } = this.table
    const side = index.comparePrefix(key)
    let block = side < 0 ? 0 : side > 0 ? index.blockCount : index.find(key, after)
    let row = 0
    if (side === 0 && block < index.blockCount) {
      this.loadBlock(block)
      row = this.reader.lowerBound(key, after)
    }
    if (this.reverse && --row < 0) {
      if (--block < 0) {
        this.valid = false
        return
      }
      this.loadBlock(block)
      row = this.reader.count - 1
    }
    this.goTo(block, row)
  }

  next(): void {
    if (!this.reverse) {
      if (this.row + 1 < this.reader.count) this.show(this.row + 1)
      else this.goTo(this.block + 1, 0)
      return
    }
    if (this.row > 0) {
      this.show(this.row - 1)
    } else if (this.block === 0) {
      this.valid = false
    } else {
      this.loadBlock(this.block - 1)
      this.show(this.reader.count - 1)
    }
  }

  private goTo(block: number, row: number): void {
    if (block >= this.table.index.blockCount) {
      this.valid = false
      return
    }
    this.loadBlock(block)
    this.show(row)
  }

  private show(row: number): void {
    this.row = row
    const needed = this.table.index.prefix.length + this.reader.suffixLength(row)
    if (needed > this.keyBuffer.length) {
      const wider = new Uint8Array(needed * 2)
      wider.set(this.table.index.prefix)
      this.keyBuffer = wider
    }
    this.reader.load(row, this, this.keyBuffer)
    this.valid = true
  }

  private loadBlock(block: number): void {
    const { index } = this.table
    if (block < this.windowFirst || block >= this.windowEnd) this.loadWindow(block)
    this.block = block
    const from = index.blockStart(block)
    const at = from - index.blockStart(this.windowFirst)
    this.reader.reset(this.window, at, index.blockStart(block + 1) - from)
  }

  private loadWindow(block: number): void {
    const { index } = this.table
    let first = block
    let end = block + 1
    const bytes = (): number => index.blockStart(end) - index.blockStart(first)
    if (this.reverse) while (first > 0 && bytes() < this.aheadBytes) first--
    else while (end < index.blockCount && bytes() < this.aheadBytes) end++
    this.aheadBytes = Math.min(this.readAheadBytes, Math.max(8192, this.aheadBytes * 2))
    if (bytes() > this.window.length) this.window = new Uint8Array(bytes())
    // Whoever holds the entry of the old window must not see the new bytes under it: valid until the cursor moves.
    this.windowEnd = 0
    this.windowFirst = 0
    this.table.readBlocks(first, end, this.window)
    this.windowFirst = first
    this.windowEnd = end
  }
}
