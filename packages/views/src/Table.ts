import type { Json } from "./CanonicalJson.ts"

/** One row: named JSON fields. */
export type Row = { readonly [field: string]: Json }

/** Rows by key: what a table shows, and what digests and diffs compare. */
export type Rows = ReadonlyMap<string, Row>

/** How outputs become rows: upsert by key, the highest revision wins, `undefined` as row retracts. */
export interface TableSpec<Output> {
  /** The key of the row that an output is about; `undefined` for an output that is not about this table. */
  readonly key: (output: Output) => string | undefined
  /** Rises with every output about the same key. Among equal revisions the later output wins. */
  readonly revision: (output: Output) => number
  /** The row now; `undefined` removes it. */
  readonly row: (output: Output) => Row | undefined
}

/** A table that outputs are applied to: reading the same outputs twice, or in another order of keys, changes nothing. */
export interface Table<Output> {
  /** Applies outputs in the order given. */
  readonly apply: (outputs: Iterable<Output>) => void
  /** The rows now: a live view, in no particular order. */
  readonly rows: Rows
}

/** An empty table. It keeps the revision of retracted keys, so that an older output cannot bring them back. */
export const make = <Output>(spec: TableSpec<Output>): Table<Output> => {
  const rows = new Map<string, Row>()
  const revisions = new Map<string, number>()
  return {
    rows,
    apply: (outputs) => {
      for (const output of outputs) {
        const key = spec.key(output)
        if (key === undefined) continue
        const revision = spec.revision(output)
        const held = revisions.get(key)
        if (held !== undefined && held > revision) continue
        revisions.set(key, revision)
        const row = spec.row(output)
        if (row === undefined) rows.delete(key)
        else rows.set(key, row)
      }
    }
  }
}

/** The rows that these outputs leave. */
export const rowsOf = <Output>(spec: TableSpec<Output>, outputs: Iterable<Output>): Rows => {
  const table = make(spec)
  table.apply(outputs)
  return table.rows
}
