import { Stopped } from "./AskError.ts"
import type { Cell } from "./Cell.ts"
import type { Item } from "./Envelope.ts"
import { Mail } from "./Mail.ts"

/** A sender that waits for room. */
export interface Waiter {
  readonly item: Item
  /** Resumes the sender once its message is in the inbox; nothing to do for an asker, who waits on. */
  readonly admitted: () => void
}

/** Queues a sender until there is room. */
export const waitForRoom = (cell: Cell, waiter: Waiter): void => {
  const { more } = cell
  more.waiters ??= new Mail()
  more.waiters.push(waiter)
}

/** The sender does not wait any more; false when it was admitted, or refused, before. */
export const withdraw = (cell: Cell, waiter: Waiter): boolean => cell.rare?.waiters?.remove(waiter) === true

/** Lets in what a handler of this actor told it, though there is no room: it would wait for itself. */
export const admitOwn = (cell: Cell, waiter: Waiter): void => {
  if (!withdraw(cell, waiter)) return
  cell.push(waiter.item)
  waiter.admitted()
}

/** Lets waiting senders in while there is room. */
export const admit = (cell: Cell): void => {
  const waiters = cell.rare?.waiters
  if (waiters === undefined || waiters.length === 0) return
  const { capacity } = cell.host
  const admitted: Array<Waiter> = []
  while (waiters.length > 0 && cell.waiting < capacity) {
    const waiter = waiters.shift() as Waiter
    cell.push(waiter.item)
    admitted.push(waiter)
  }
  // Last, because they go on at once and may send more.
  for (const waiter of admitted) waiter.admitted()
}

/** Turns away senders that wait for room: the actor takes no more messages. */
export const refuseWaiters = (cell: Cell): void => {
  const waiters = cell.rare?.waiters
  for (let waiter = waiters?.shift(); waiter !== undefined; waiter = waiters?.shift()) {
    cell.host.system.sent++
    cell.bury(waiter.item, "stopped", new Stopped({}), undefined)
    waiter.admitted()
  }
}
