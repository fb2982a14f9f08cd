import { noTime } from "./EntryCursor.ts"

/** Which old versions a compaction must keep, as plain data that a worker can be given. */
export interface KeepRules {
  /** Sequences that snapshots read at, ascending. */
  readonly snapshots: ReadonlyArray<number>
  /** The newest versions of each key that are kept, at least 1. */
  readonly versions: number
  /** Versions that were current at this time or later are kept; `undefined` keeps none for their age. */
  readonly horizonMillis: number | undefined
}

/**
 * True when somebody may still ask for a version: a snapshot, the history, or (for the newest, `nth` 0) everybody.
 *
 * `successor` and `successorMillis` are of the version directly above it.
 */
export const isNeeded = (
  rules: KeepRules,
  nth: number,
  sequence: number,
  successor: number,
  successorMillis: number
): boolean => {
  if (nth < rules.versions) return true
  const { horizonMillis, snapshots } = rules
  if (horizonMillis !== undefined && (successorMillis === noTime || successorMillis > horizonMillis))
    return true
  for (const snapshot of snapshots) if (snapshot >= sequence && snapshot < successor) return true
  return false
}
