import type { Item } from "./Envelope.ts"

/** The accepted messages of one actor, in the order in which they will be handled. */
export interface Inbox {
  readonly length: number
  readonly push: (item: Item) => void
  readonly shift: () => Item | undefined
}
