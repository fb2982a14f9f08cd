import type { Item } from "./Envelope.ts"
import { Mail } from "./Mail.ts"
import type { Mailbox } from "./Mailbox.ts"
import { RankedMail } from "./RankedMail.ts"

/** The accepted messages of one actor, in the order in which they will be handled. */
export interface Inbox {
  readonly length: number
  readonly push: (item: Item) => void
  readonly shift: () => Item | undefined
}

/** An empty inbox for a kind of mailbox. */
export const makeInbox = (mailbox: Mailbox<never>): Inbox =>
  mailbox.rank === undefined ? new Mail<Item>() : new RankedMail(mailbox.rank as Rank)

type Rank = NonNullable<Mailbox["rank"]>

/** A sender that waits for room. */
export interface Waiter {
  readonly item: Item
  /** Resumes the sender once its message is in the inbox; nothing to do for an asker, who waits on. */
  readonly admitted: () => void
}
