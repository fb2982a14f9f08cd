import type * as Message from "./Message.ts"

/** How many messages wait for an actor, in which order, and what happens to one that finds no room. */
export interface Mailbox<in M extends Message.Any = Message.Any> {
  readonly _tag: "Bounded" | "Dropping" | "Sliding" | "Unbounded" | "Priority"
  /** Messages that wait, without the one being handled; `Infinity` where there is no bound. */
  readonly capacity: number
  /** The rank of a message: lower ones are handled first. Without it, in the order of arrival. */
  readonly rank?: (message: M) => number
}

const checked = (name: string, capacity: number): number => {
  if (!Number.isSafeInteger(capacity) || capacity < 1) {
    throw new RangeError(`Mailbox.${name}(${capacity}): capacity must be a whole number of at least 1`)
  }
  return capacity
}

/**
 * At most `capacity` messages wait; a full mailbox suspends the sender until there is room.
 *
 * No message is dropped and memory is bounded by `capacity` plus one message a suspended sender. Throws `RangeError` unless
 * `capacity` is a whole number ≥ 1.
 */
export const bounded = (capacity: number): Mailbox => ({
  _tag: "Bounded",
  capacity: checked("bounded", capacity)
})

/**
 * At most `capacity` messages wait; a message that finds a full mailbox becomes a dead letter (`dropped`), and its asker gets
 * `AskError` with `Dropped`. The sender never waits for room. Throws `RangeError` unless `capacity` is a whole number ≥ 1.
 */
export const dropping = (capacity: number): Mailbox => ({
  _tag: "Dropping",
  capacity: checked("dropping", capacity)
})

/**
 * At most `capacity` messages wait; a message that finds a full mailbox takes the place of the oldest, which becomes a dead
 * letter (`dropped`). The sender never waits for room. Throws `RangeError` unless `capacity` is a whole number ≥ 1.
 */
export const sliding = (capacity: number): Mailbox => ({
  _tag: "Sliding",
  capacity: checked("sliding", capacity)
})

/** Any number of messages wait: memory is bounded by nothing but the senders' restraint. */
export const unbounded: Mailbox = { _tag: "Unbounded", capacity: Number.POSITIVE_INFINITY }

/**
 * Messages of a lower `rank` are handled first, those of one rank in the order of arrival; bounded like `bounded`.
 *
 * `rank` is called once a message, as it arrives. Where it throws or answers `NaN`, the message becomes a dead letter (`parked`), and its
 * asker gets `AskError` with `Parked`; the actor goes on. A flood of low ranks starves the others. Throws `RangeError` unless
 * `capacity` is a whole number ≥ 1.
 */
export const priority = <M extends Message.Any>(
  capacity: number,
  rank: (message: M) => number
): Mailbox<M> => ({ _tag: "Priority", capacity: checked("priority", capacity), rank })
