import type { LogPoint } from "../log/LogPoint.ts"
import { comparePlaces } from "../log/LogPoint.ts"

/** Where an epoch begins in a log. Of the oldest epoch a log still has: where the log begins. */
export interface EpochStart {
  readonly epoch: number
  readonly start: LogPoint
}

/** Most epochs that a table names; older ones are left out, which costs a snapshot at worst. */
export const epochsMax = 1024

/** Where an epoch ends: where the next one of the table begins, else the end of the log. */
export const epochEnd = (table: ReadonlyArray<EpochStart>, epoch: number, end: LogPoint): LogPoint =>
  table.find((entry) => entry.epoch > epoch)?.start ?? end

/**
 * The furthest point up to which two logs of one id can be the same, or `undefined` when they share no epoch: the largest
 * epoch both know, and the smaller of its two ends. Source: Kafka's leader epochs (KIP-101).
 */
export const commonPoint = (
  ours: { readonly table: ReadonlyArray<EpochStart>; readonly end: LogPoint },
  theirs: { readonly table: ReadonlyArray<EpochStart>; readonly end: LogPoint }
): LogPoint | undefined => {
  for (let i = ours.table.length - 1; i >= 0; i--) {
    const { epoch } = ours.table[i] as EpochStart
    if (!theirs.table.some((entry) => entry.epoch === epoch)) continue
    const a = epochEnd(ours.table, epoch, ours.end)
    const b = epochEnd(theirs.table, epoch, theirs.end)
    return comparePlaces(a, b) <= 0 ? a : b
  }
  return undefined
}
