import type { FileSystem } from "../disk/FileSystem.ts"
import { commonPrefixLength } from "./Bytes.ts"
import { compactEntries, type Garbage } from "./CompactEntries.ts"
import type { EntryCursor } from "./EntryCursor.ts"
import type { KeepRules } from "./KeepRules.ts"
import { sortKeys } from "./KeyOrder.ts"
import { type MemtableMemory, MemtableView } from "./Memtable.ts"
import { MemtableCursor } from "./MemtableCursor.ts"
import { MergeCursor } from "./MergeCursor.ts"
import { type TableBases, TableBuilder, type TableShape } from "./TableBuilder.ts"
import { chainTables, holderOf } from "./TableList.ts"
import { type TableMeta, tableName } from "./TableMeta.ts"
import { TableReader } from "./TableReader.ts"

/** What goes into new tables: a memtable, or runs of tables of which each is disjoint and ascending. */
export type TableJobInput =
  | { readonly _tag: "Memtable"; readonly memory: MemtableMemory; readonly sequenceMin: number }
  | { readonly _tag: "Tables"; readonly runs: ReadonlyArray<ReadonlyArray<TableMeta>> }

/** The work of a flush or a compaction as plain data, for this thread or a worker. */
export interface TableJob {
  /** Where the tables are. */
  readonly directory: string
  readonly input: TableJobInput
  /** Runs that may hold versions older than all of the input. */
  readonly below: ReadonlyArray<ReadonlyArray<TableMeta>>
  readonly rules: KeepRules
  readonly shape: TableShape
  /** Bytes after which the next table begins. */
  readonly tableBytes: number
  /** Times earlier than all of the input; `undefined` writes no times. */
  readonly timeBase: number | undefined
  /** The number of the next table, counted up by whoever makes one. */
  readonly nextTableId: SharedArrayBuffer
}

/** What a job made. The tables are synced, and so are their names. */
export interface TableJobResult {
  readonly tables: ReadonlyArray<TableMeta>
  readonly garbage: Garbage
}

const readAheadBytes = 256 * 1024

/** Runs a job to its end; throws `TableDamage` and what the file system throws. */
export const runTableJob = (fs: FileSystem, job: TableJob): TableJobResult => {
  const opened = new Map<number, TableReader>()
  const open = (meta: TableMeta): TableReader => {
    const known = opened.get(meta.id)
    if (known !== undefined) return known
    const reader = TableReader.open(fs, `${job.directory}/${tableName(meta.id)}`, meta)
    opened.set(meta.id, reader)
    return reader
  }
  const tables: Array<TableMeta> = []
  let builder: TableBuilder | undefined
  try {
    const source = sourceOf(job.input, open)
    source.cursor.first()
    const bases: TableBases = {
      prefix: source.prefix,
      sequenceBase: source.sequenceMin,
      timeBase: job.timeBase
    }
    const finish = (): void => {
      if (builder !== undefined) tables.push(builder.finish())
      builder = undefined
    }
    const garbage = compactEntries(source.cursor, job.rules, holderOf(job.below, open), {
      add: (entry, newKey) => {
        if (newKey && builder !== undefined && builder.bytes >= job.tableBytes) finish()
        if (builder === undefined) {
          const id = Atomics.add(new Int32Array(job.nextTableId), 0, 1)
          builder = new TableBuilder(fs, `${job.directory}/${tableName(id)}`, id, job.shape, bases)
        }
        builder.add(entry, newKey)
      },
      markLast: (flag) => builder?.markLast(flag)
    })
    finish()
    if (tables.length > 0) fs.syncDirectory(job.directory)
    return { tables, garbage }
  } finally {
    builder?.abandon()
    for (const reader of opened.values()) reader.close()
  }
}

const sourceOf = (
  input: TableJobInput,
  open: (meta: TableMeta) => TableReader
): { readonly cursor: EntryCursor; readonly prefix: Uint8Array; readonly sequenceMin: number } => {
  if (input._tag === "Memtable") {
    const view = new MemtableView(input.memory)
    const order = sortKeys(view, 0, view.keyCount)
    const key = (id: number): Uint8Array =>
      view.arena.slice(view.keyStart(id), view.keyStart(id) + view.keyLength(id))
    return {
      cursor: new MemtableCursor(view, order, false),
      prefix: prefixOf(key(order[0] as number), key(order[order.length - 1] as number)),
      sequenceMin: input.sequenceMin
    }
  }
  const all = input.runs.flat()
  const smallest = all.map((table) => table.smallest).reduce((a, b) => (before(a, b) ? a : b))
  const largest = all.map((table) => table.largest).reduce((a, b) => (before(a, b) ? b : a))
  return {
    cursor: new MergeCursor(
      input.runs.map((run) => chainTables(run, open, false, readAheadBytes)),
      false
    ),
    prefix: prefixOf(smallest, largest),
    sequenceMin: Math.min(...all.map((table) => table.sequenceMin))
  }
}

const before = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) < 0

const prefixOf = (smallest: Uint8Array, largest: Uint8Array): Uint8Array =>
  smallest.slice(0, commonPrefixLength(smallest, largest))
