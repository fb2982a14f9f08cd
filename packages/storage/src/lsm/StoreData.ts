import type { BlockCache } from "./BlockCache.ts"
import { compareKeys, hashBytes } from "./Bytes.ts"
import type { EntryCursor } from "./EntryCursor.ts"
import { KeyOrder } from "./KeyOrder.ts"
import type { Memtable } from "./Memtable.ts"
import { MemtableCursor } from "./MemtableCursor.ts"
import { TableCursor } from "./TableCursor.ts"
import { chainTables, locateTable } from "./TableList.ts"
import type { TableMeta } from "./TableMeta.ts"
import type { Found } from "./TableReader.ts"
import type { Tables } from "./Tables.ts"
import type { Version } from "./Version.ts"

const scanAheadBytes = 64 * 1024
const nothing = new Uint8Array(0)

/** A memtable, and its order once a scan asked for it. */
interface OrderedMemtable {
  readonly table: Memtable
  readonly order: KeyOrder
}

/**
 * Where the versions of a store are at the moment: the memtable that is written to, those that wait for their flush, and
 * the sorted tables. Newer versions of a key are never below older ones.
 */
export class StoreData {
  version: Version
  readonly tables: Tables
  private readonly cache: BlockCache
  /** Newest first; the first is written to. */
  private memtables: ReadonlyArray<OrderedMemtable>
  private readonly found: Found = { sequence: 0, flags: 0, bytes: nothing, start: 0, end: 0 }

  constructor(version: Version, tables: Tables, cache: BlockCache, memtable: Memtable) {
    this.version = version
    this.tables = tables
    this.cache = cache
    this.memtables = [{ table: memtable, order: new KeyOrder(memtable) }]
  }

  /** The memtable that is written to. */
  get active(): Memtable {
    return (this.memtables[0] as OrderedMemtable).table
  }

  /** Memtables that wait for their flush. */
  get frozenCount(): number {
    return this.memtables.length - 1
  }

  /** The memtable that is flushed next, or `undefined` when none waits. */
  get oldestFrozen(): Memtable | undefined {
    return this.memtables.length === 1 ? undefined : this.memtables[this.memtables.length - 1]?.table
  }

  /** Bytes of keys and values in memory. */
  get memoryBytes(): number {
    return this.memtables.reduce((sum, { table }) => sum + table.bytes, 0)
  }

  /** Begins a new memtable; the one before waits for its flush. */
  rotate(next: Memtable): void {
    this.memtables = [{ table: next, order: new KeyOrder(next) }, ...this.memtables]
  }

  /** Takes in a version; after a flush its oldest memtable goes in the same moment. */
  swap(version: Version, flushed: Memtable | undefined): void {
    this.version = version
    this.tables.note(version)
    if (flushed !== undefined) this.memtables = this.memtables.filter(({ table }) => table !== flushed)
  }

  /**
   * Finds the newest version of `key` with at most `sequence`; `undefined` when there is none. What it answers is valid
   * until the next call.
   */
  find(key: Uint8Array, sequence: number): Found | undefined {
    const hash = hashBytes(key, 0, key.length)
    const { found, memtables } = this
    for (let i = 0; i < memtables.length; i++) {
      const { table } = memtables[i] as OrderedMemtable
      const version = table.find(key, hash, sequence)
      if (version < 0) continue
      found.sequence = table.sequence(version)
      found.flags = table.flags(version)
      found.bytes = table.arena
      found.start = table.valueStart(version)
      found.end = found.start + table.valueLength(version)
      return found
    }
    const { levels } = this.version
    const newest = levels[0] as ReadonlyArray<TableMeta>
    for (let i = 0; i < newest.length; i++) {
      if (this.findIn(newest[i] as TableMeta, key, hash, sequence)) return found
    }
    for (let level = 1; level < levels.length; level++) {
      const tables = levels[level] as ReadonlyArray<TableMeta>
      if (tables.length === 0) continue
      const table = tables[locateTable(tables, key, false)]
      if (table !== undefined && this.findIn(table, key, hash, sequence)) return found
    }
    return undefined
  }

  /** Cursors over all versions of all keys, in one direction. They show what is here now, and nothing that comes later. */
  sources(reverse: boolean): ReadonlyArray<EntryCursor> {
    const out: Array<EntryCursor> = []
    for (const { order, table } of this.memtables) {
      if (table.keyCount === 0) continue
      const { runs, view } = order.runs()
      for (const run of runs) out.push(new MemtableCursor(view, run, reverse))
    }
    const { open } = this.tables
    for (const [level, tables] of this.version.levels.entries()) {
      if (level === 0) {
        for (const table of tables) out.push(new TableCursor(open(table), reverse, scanAheadBytes))
      } else if (tables.length > 0) out.push(chainTables(tables, open, reverse, scanAheadBytes))
    }
    return out
  }

  private findIn(meta: TableMeta, key: Uint8Array, hash: number, sequence: number): boolean {
    if (meta.sequenceMin > sequence) return false
    if (compareKeys(key, meta.smallest) < 0 || compareKeys(key, meta.largest) > 0) return false
    return this.tables.open(meta).get(key, hash, sequence, this.cache, this.found)
  }
}
