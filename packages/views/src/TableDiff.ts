import * as CanonicalJson from "./CanonicalJson.ts"
import type { Row, Rows } from "./Table.ts"

/** How many rows, and the first of their keys in sorted order. */
export interface Difference {
  readonly count: number
  readonly examples: ReadonlyArray<string>
}

/** A field that differs in rows that both tables have. */
export interface FieldDifference extends Difference {
  readonly field: string
}

/** What is different between an old and a new table. */
export interface TableDiff {
  /** True when there is no difference at all. */
  readonly equal: boolean
  /** Rows that both have, with equal fields. */
  readonly same: number
  /** Only in the new table. */
  readonly added: Difference
  /** Only in the old table. */
  readonly removed: Difference
  /** In both, with at least one different field. */
  readonly changed: Difference
  /** The changed rows by field, sorted by field; a row counts in each field that differs. */
  readonly fields: ReadonlyArray<FieldDifference>
}

const changedFields = (before: Row, after: Row): Array<string> => {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].filter((field) => {
    const [a, b] = [before[field], after[field]]
    if (a === undefined || b === undefined) return a !== b
    return a !== b && CanonicalJson.stringify(a) !== CanonicalJson.stringify(b)
  })
}

/** Compares two tables row by row; `examples` (default 5) bounds the keys listed of each kind. */
export const diff = (before: Rows, after: Rows, options?: { readonly examples?: number }): TableDiff => {
  const examples = options?.examples ?? 5
  const added: Array<string> = []
  const removed: Array<string> = []
  const changed: Array<string> = []
  const byField = new Map<string, Array<string>>()
  for (const [key, row] of after) {
    const old = before.get(key)
    if (old === undefined) {
      added.push(key)
      continue
    }
    const fields = changedFields(old, row)
    if (fields.length > 0) changed.push(key)
    for (const field of fields) {
      const keys = byField.get(field)
      if (keys === undefined) byField.set(field, [key])
      else keys.push(key)
    }
  }
  for (const key of before.keys()) if (!after.has(key)) removed.push(key)

  const summary = (keys: Array<string>): Difference => ({
    count: keys.length,
    examples: keys.sort().slice(0, examples)
  })
  const fields = [...byField].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    equal: added.length + removed.length + changed.length === 0,
    same: after.size - added.length - changed.length,
    added: summary(added),
    removed: summary(removed),
    changed: summary(changed),
    fields: fields.map(([field, keys]) => ({ field, ...summary(keys) }))
  }
}

/** The keys of all rows that differ or are in one table only, sorted by UTF-16 code unit. */
export const differingKeys = (before: Rows, after: Rows): Array<string> => {
  const keys: Array<string> = []
  for (const [key, row] of after) {
    const old = before.get(key)
    if (old === undefined || changedFields(old, row).length > 0) keys.push(key)
  }
  for (const key of before.keys()) if (!after.has(key)) keys.push(key)
  return keys.sort()
}
