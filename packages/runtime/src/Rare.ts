import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Backoff } from "./Backoff.ts"
import type { Item } from "./Envelope.ts"
import type { Flights } from "./Flights.ts"
import type { Host } from "./Host.ts"
import type { Inbox } from "./Inbox.ts"
import type { Mail } from "./Mail.ts"
import type { HandlerTable } from "./Registration.ts"
import { TimedEnvelope } from "./TimedEnvelope.ts"
import type { Timers } from "./Timers.ts"
import type { Waiter } from "./Waiting.ts"

/** What an actor must do before its next message. */
export type Order =
  | { readonly _tag: "Restart"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "Crash"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "Stop" }

/** What only some actors have: an idle one that answers at once needs nothing of it, and no memory for it. */
export class Rare {
  /** Starts handlers in this life's context; made when one first needs a fiber. */
  fork: (<A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>) | undefined = undefined
  /** What works for the cell while it is waiting, restarting or closing. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** Accepted messages; the only one of an actor that was idle is its `current`. */
  inbox: Inbox | undefined = undefined
  order: Order | undefined = undefined
  /** Senders that wait for room. */
  waiters: Mail<Waiter> | undefined = undefined
  /** True once messages may come from elsewhere than the inbox, or may have been withdrawn. */
  sorts = false
  /** Messages in the mailbox that were withdrawn: they count as never sent. */
  withdrawn = 0
  /** Messages that go before the inbox: notices about watched actors, and what was stashed. */
  front: Mail<Item> | undefined = undefined
  /** Messages put aside by their handlers. */
  stash: Mail<Item> | undefined = undefined
  /** While the actor is being stopped: what came before. The inbox holds what comes for its next life. */
  draining: Inbox | undefined = undefined
  backoff: Backoff | undefined = undefined
  /** The handlers that the life was built with, while it behaves otherwise; until it is built, those that its build became. */
  built: HandlerTable | undefined = undefined
  children: Set<Host> | undefined = undefined
  timers: Timers | undefined = undefined
  /** Handlers that run at the same time, where the actor is re-entrant. */
  flights: Flights | undefined = undefined
  /** Called once, when this life has ended. */
  onLeft: Array<() => void> | undefined = undefined
}

/** How many messages wait, in whatever place, and run beside others; none that was withdrawn. */
export const countQueued = (rare: Rare): number => {
  const { draining, flights, front, inbox, stash, withdrawn } = rare
  const aside = (front?.length ?? 0) + (stash?.length ?? 0) + (draining?.length ?? 0) + (flights?.size ?? 0)
  return (inbox?.length ?? 0) + aside - withdrawn
}

/** Takes the next message that is not withdrawn; `undefined` when there is none, or none of before a stop. */
export const nextOf = (rare: Rare): Item | undefined => {
  const { draining, front, inbox } = rare
  for (;;) {
    const item = shiftSent(rare, front !== undefined && front.length > 0 ? front : (draining ?? inbox))
    if (item !== withdrawn) return item
  }
}

/** Takes every message that is not withdrawn out of `mail`. */
export function* allOf(rare: Rare, mail: Pick<Inbox, "shift"> | undefined): Iterable<Item> {
  for (let item = shiftSent(rare, mail); item !== undefined; item = shiftSent(rare, mail)) {
    if (item !== withdrawn) yield item
  }
}

/** Stands for a message that was withdrawn. */
export const withdrawn = Symbol("withdrawn")

/** Forgets messages that were withdrawn, so that they take no room; call only when no other waits. */
export const discardWithdrawn = (rare: Rare): void => {
  if (rare.withdrawn === 0) return
  rare.inbox = undefined
  rare.front = undefined
  rare.withdrawn = 0
}

/** Takes the oldest message out of `mail`; `withdrawn` where it was taken back before. */
export const shiftSent = (
  rare: Rare,
  mail: Pick<Inbox, "shift"> | undefined
): Item | typeof withdrawn | undefined => {
  const item = mail?.shift()
  if (!(item instanceof TimedEnvelope)) return item
  if (item.withdrawn) {
    rare.withdrawn--
    return withdrawn
  }
  item.timer.taken(item)
  return item
}
