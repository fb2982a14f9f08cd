import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { Dropped } from "./AskError.ts"
import type { Cell } from "./Cell.ts"
import type { Item } from "./Envelope.ts"
import { putBack } from "./Front.ts"
import { Mail } from "./Mail.ts"
import { TimedEnvelope } from "./TimedEnvelope.ts"

/** What a handler dies of to say that its message is to be put aside. */
const signal = new Error("stash: only a handler of an actor may put its message aside")

/** Ends a handler without an answer: its message is put aside. */
export const stashed: Exit.Exit<never> = Exit.die(signal)

/** True for the end of a handler that put its message aside. */
export const isStashed = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.length === 1 && Cause.squash(cause) === signal

/** Puts the message aside, or drops it where there is no room for it; the drain goes on. */
export const stash = (cell: Cell, item: Item): true => {
  if (cell.current === item) cell.current = undefined
  const { more } = cell
  more.stash ??= new Mail()
  if (more.stash.length >= cell.host.registration.stashCapacity) {
    cell.bury(item, "dropped", new Dropped({}), undefined)
    return true
  }
  more.stash.push(item)
  if (item instanceof TimedEnvelope) item.timer.putAside(item)
  return true
}

/**
 * Puts what was stashed in front of the inbox, in the order in which it came.
 *
 * `currentWaits` says that no handler has begun with the current message, in a restart: it came to an idle actor, and after those.
 */
export const unstashAll = (cell: Cell, currentWaits: boolean): void => {
  const { rare } = cell
  if (rare?.stash === undefined || rare.stash.length === 0) return
  putBack(cell)
  const { current } = cell
  const { front, stash } = rare
  for (let item = front?.shift(); item !== undefined; item = front?.shift()) stash.push(item)
  if (currentWaits && current !== undefined) {
    stash.push(current)
    cell.current = undefined
  }
  rare.front = stash
  rare.stash = undefined
  rare.sorts = true
}
