/** Bits of an entry's flags, in memory and on disk. */
export const entryFlag = {
  /** The key is deleted. */
  tombstone: 1 << 0,
  /** The version directly below this one was dropped: what the key was before is not known any more. */
  olderDropped: 1 << 1,
  /** The entry says when it was written. */
  hasTime: 1 << 2
} as const

/** The time of an entry that does not say when it was written. */
export const noTime = -1

const nothing = new Uint8Array(0)

/**
 * A walk over versions of keys in internal order: key up, then sequence down; or the exact reverse of that.
 *
 * The current entry is in plain fields, so that a merge of many sources makes no object per entry. What the byte fields
 * show is valid until the cursor moves.
 */
export abstract class EntryCursor {
  /** False when the walk is over, or has not begun. */
  valid = false
  keyBytes: Uint8Array = nothing
  keyStart = 0
  keyLength = 0
  valueBytes: Uint8Array = nothing
  valueStart = 0
  valueLength = 0
  sequence = 0
  timeMillis = noTime
  flags = 0

  /** Goes to the first entry in the direction of the walk. */
  abstract first(): void
  /**
   * Goes to the first entry in the direction of the walk whose key is `key` or past it; with `past`, whose key is past it.
   */
  abstract seek(key: Uint8Array, past: boolean): void
  /** Goes to the next entry. */
  abstract next(): void
}
