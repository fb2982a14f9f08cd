import type { FileSystem } from "../disk/FileSystem.ts"
import type { BlockCache } from "./BlockCache.ts"
import { type TableMeta, tableName } from "./TableMeta.ts"
import { TableReader } from "./TableReader.ts"
import { tablesOf, type Version } from "./Version.ts"

/** What was removed from the tables' directory. */
export interface RemovedTables {
  readonly files: number
  readonly bytes: number
}

/**
 * The table files of a store: opened when they are first read, and removed once neither the present version nor a
 * running scan needs them.
 */
export class Tables {
  readonly directory: string
  private readonly fs: FileSystem
  private readonly cache: BlockCache
  private readonly readers = new Map<number, TableReader>()
  private readonly known = new Map<number, TableMeta>()
  private readonly pins = new Map<Version, number>()

  constructor(fs: FileSystem, directory: string, cache: BlockCache, version: Version) {
    this.fs = fs
    this.directory = directory
    this.cache = cache
    this.note(version)
  }

  /** The open table. */
  readonly open = (meta: TableMeta): TableReader => {
    const known = this.readers.get(meta.id)
    if (known !== undefined) return known
    const reader = TableReader.open(this.fs, `${this.directory}/${tableName(meta.id)}`, meta)
    this.readers.set(meta.id, reader)
    return reader
  }

  /** Learns the tables of a version, so that `collect` can find out later that they are not needed any more. */
  note(version: Version): void {
    for (const table of tablesOf(version)) this.known.set(table.id, table)
  }

  /** Keeps the files of a version until the answer is called. */
  pin(version: Version): () => void {
    this.pins.set(version, (this.pins.get(version) ?? 0) + 1)
    let pinned = true
    return () => {
      if (!pinned) return
      pinned = false
      const count = (this.pins.get(version) as number) - 1
      if (count === 0) this.pins.delete(version)
      else this.pins.set(version, count)
    }
  }

  /** Removes the files that only past versions had and nobody reads. */
  collect(current: Version): RemovedTables {
    const needed = new Set<number>()
    for (const version of [current, ...this.pins.keys()]) {
      for (const table of tablesOf(version)) needed.add(table.id)
    }
    let files = 0
    let bytes = 0
    for (const [id, meta] of this.known) {
      if (needed.has(id)) continue
      const reader = this.readers.get(id)
      if (reader !== undefined) {
        this.cache.forget(reader)
        reader.close()
        this.readers.delete(id)
      }
      this.fs.remove(`${this.directory}/${tableName(id)}`)
      this.known.delete(id)
      files++
      bytes += meta.bytes
    }
    return { files, bytes }
  }

  close(): void {
    for (const reader of this.readers.values()) reader.close()
    this.readers.clear()
  }
}
