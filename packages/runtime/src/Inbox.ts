import type { Item } from "./Envelope.ts"

/** The accepted messages of one actor, in the order in which they will be handled. */
export interface Inbox {
  readonly length: number
  readonly push: (item: Item) => void
  readonly shift: () => Item | undefined
}

/** A sender that waits for room. */
export interface Waiter {
  readonly item: Item
  /** Resumes the sender once its message is in the inbox; nothing to do for an asker, who waits on. */
  readonly admitted: () => void
}
