import { compareBytes, hashBytes } from "./Bytes.ts"
import type { EntryCursor } from "./EntryCursor.ts"
import { ChainCursor } from "./MergeCursor.ts"
import { TableCursor } from "./TableCursor.ts"
import type { TableMeta } from "./TableMeta.ts"
import type { TableReader } from "./TableReader.ts"

/** The first of disjoint ascending tables whose largest key is `key` or after it; with `past`, only after it. */
export const locateTable = (tables: ReadonlyArray<TableMeta>, key: Uint8Array, past: boolean): number => {
  let low = 0
  let high = tables.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const { largest } = tables[middle] as TableMeta
    const order = compareBytes(largest, 0, largest.length, key, 0, key.length)
    if (order < 0 || (past && order === 0)) low = middle + 1
    else high = middle
  }
  return low
}

/** A walk over disjoint ascending tables; each is opened when it is reached. */
export const chainTables = (
  tables: ReadonlyArray<TableMeta>,
  open: (meta: TableMeta) => TableReader,
  reverse: boolean,
  readAheadBytes: number
): EntryCursor =>
  new ChainCursor(
    tables.length,
    (nth) => new TableCursor(open(tables[nth] as TableMeta), reverse, readAheadBytes),
    (key, past) => locateTable(tables, key, past),
    reverse
  )

/**
 * Answers, for keys in ascending order, whether any of these runs of disjoint tables may hold a version of the key:
 * by key range first, then by filter.
 */
export const holderOf = (
  runs: ReadonlyArray<ReadonlyArray<TableMeta>>,
  open: (meta: TableMeta) => TableReader
): ((key: Uint8Array, keyLength: number) => boolean) => {
  const at = runs.map(() => 0)
  return (key, keyLength) => {
    const hash = hashBytes(key, 0, keyLength)
    for (let run = 0; run < runs.length; run++) {
      const tables = runs[run] as ReadonlyArray<TableMeta>
      let nth = at[run] as number
      for (; nth < tables.length; nth++) {
        const { largest } = tables[nth] as TableMeta
        if (compareBytes(largest, 0, largest.length, key, 0, keyLength) >= 0) break
      }
      at[run] = nth
      const table = tables[nth]
      if (table === undefined) continue
      const { smallest } = table
      if (compareBytes(smallest, 0, smallest.length, key, 0, keyLength) > 0) continue
      if (open(table).mayHold(hash)) return true
    }
    return false
  }
}
