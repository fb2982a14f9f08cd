/** The pure core of a served table: what arrives is coalesced by key, newest revision first, until it is taken to be written. */
import type { AppendRequest } from "@troupe/broker"
import * as ServedRecord from "./ServedRecord.ts"
import type { TableSpec } from "./Table.ts"

/** What was collected while the batch before was on its way. */
export interface Generation {
  /** One record a key that changed. */
  readonly rows: ReadonlyArray<AppendRequest>
  /** Last output sequence in it, and the chain of that commit. */
  readonly through: number
  readonly chain: string
}

/** Changes on their way into a table. */
export interface ServedChanges<Output> {
  /** Takes the outputs of a commit. Throws what the table's functions throw, and `TypeError` for a row that cannot be held. */
  readonly offer: (outputs: Iterable<Output>, through: number, chain: string) => void
  /** Keys collected. */
  readonly size: () => number
  /** Last output sequence offered. */
  readonly offered: () => number
  /** What was collected, taken out; `undefined` when nothing was offered since. */
  readonly take: () => Generation | undefined
}

/**
 * Begins behind output sequence `through`, with the revision of every key that the table holds.
 *
 * The same rule as `Table`: the highest revision of a key wins, and the later output among equal ones.
 */
export const make = <Output>(
  spec: TableSpec<Output>,
  start: { readonly through: number; readonly revisions: Map<string, number> }
): ServedChanges<Output> => {
  const { revisions } = start
  let pending = new Map<string, Output>()
  let offered = { through: start.through, chain: "" }
  let taken = start.through

  return {
    offer: (outputs, through, chain) => {
      for (const output of outputs) {
        const key = spec.key(output)
        if (key === undefined) continue
        const revision = spec.revision(output)
        const held = revisions.get(key)
        if (held !== undefined && held > revision) continue
        revisions.set(key, revision)
        pending.set(key, output)
      }
      offered = { through, chain }
    },
    size: () => pending.size,
    offered: () => offered.through,
    take: () => {
      if (offered.through === taken) return undefined
      const rows: Array<AppendRequest> = []
      for (const [key, output] of pending) {
        rows.push(ServedRecord.ofRow({ key, row: spec.row(output), revision: spec.revision(output) }))
      }
      pending = new Map()
      taken = offered.through
      return { rows, ...offered }
    }
  }
}

/** Cuts rows into batches of at most `rowsMax` rows and, where one row is not more alone, `bytesMax` bytes; no rows make one empty batch. */
export const cut = (
  rows: ReadonlyArray<AppendRequest>,
  limits: { readonly rowsMax: number; readonly bytesMax: number }
): Array<Array<AppendRequest>> => {
  const batches: Array<Array<AppendRequest>> = [[]]
  let bytes = 0
  for (const row of rows) {
    const batch = batches.at(-1)
    if (
      batch === undefined ||
      batch.length >= limits.rowsMax ||
      (batch.length > 0 && bytes + row.data.length > limits.bytesMax)
    ) {
      batches.push([row])
      bytes = row.data.length
    } else {
      batch.push(row)
      bytes += row.data.length
    }
  }
  return batches
}
