import { compareKeys } from "./Bytes.ts"
import type { TableMeta } from "./TableMeta.ts"

/** Levels of a store: 0 takes what memory flushes, each other one is ten times the one above. */
export const levelCount = 7

/**
 * Which tables a store consists of at one moment; never changes.
 *
 * Level 0 holds tables that may overlap, newest first; each other level holds disjoint tables in the order of their keys.
 */
export interface Version {
  readonly levels: ReadonlyArray<ReadonlyArray<TableMeta>>
}

/** A change of the tables. */
export interface TableChanges {
  readonly add: ReadonlyArray<{ readonly level: number; readonly table: TableMeta }>
  /** Numbers of tables. One that is also added moves to another level. */
  readonly remove: ReadonlyArray<number>
}

/** A store without tables. */
export const emptyVersion: Version = { levels: Array.from({ length: levelCount }, () => []) }

/** The version after a change. */
export const applyChanges = (version: Version, { add, remove }: TableChanges): Version => {
  const gone = new Set(remove)
  return {
    levels: version.levels.map((tables, level) => {
      const added = add.filter((one) => one.level === level).map((one) => one.table)
      if (added.length === 0 && !tables.some((table) => gone.has(table.id))) return tables
      const next = [...tables.filter((table) => !gone.has(table.id)), ...added]
      return next.sort((a, b) =>
        level === 0 ? b.sequenceMax - a.sequenceMax : compareKeys(a.smallest, b.smallest)
      )
    })
  }
}

/** All tables of a version. */
export const tablesOf = (version: Version): ReadonlyArray<TableMeta> => version.levels.flat()

/** Bytes of tables. */
export const bytesOf = (tables: ReadonlyArray<TableMeta>): number =>
  tables.reduce((sum, table) => sum + table.bytes, 0)

/** The tables that have keys from `smallest` to `largest`, both included. */
export const overlapping = (
  tables: ReadonlyArray<TableMeta>,
  smallest: Uint8Array,
  largest: Uint8Array
): ReadonlyArray<TableMeta> =>
  tables.filter(
    (table) => compareKeys(table.largest, smallest) >= 0 && compareKeys(table.smallest, largest) <= 0
  )

/** What is wrong with a version: levels below 0 must be disjoint and sorted. `undefined` when nothing is. */
export const disorderIn = (version: Version): string | undefined => {
  for (const [level, tables] of version.levels.entries()) {
    for (const [i, table] of tables.entries()) {
      const previous = tables[i - 1]
      if (compareKeys(table.smallest, table.largest) > 0) return `table ${table.id} ends before it begins`
      if (level === 0 || previous === undefined) continue
      if (compareKeys(previous.largest, table.smallest) >= 0) {
        return `tables ${previous.id} and ${table.id} of level ${level} overlap`
      }
    }
  }
  return undefined
}
