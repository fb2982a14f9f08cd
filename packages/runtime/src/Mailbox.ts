/** How many messages wait for an actor, and what happens to the next. */
export interface Mailbox {
  readonly _tag: "Bounded"
  /** Messages that wait, without the one being handled. */
  readonly capacity: number
}

/**
 * At most `capacity` messages wait; a full mailbox suspends the sender until there is room.
 *
 * No message is dropped and memory is bounded by `capacity` plus one message a suspended sender. Throws `RangeError` unless
 * `capacity` is a whole number ≥ 1.
 */
export const bounded = (capacity: number): Mailbox => {
  if (!Number.isSafeInteger(capacity) || capacity < 1) {
    throw new RangeError(`Mailbox.bounded(${capacity}): capacity must be a whole number of at least 1`)
  }
  return { _tag: "Bounded", capacity }
}
