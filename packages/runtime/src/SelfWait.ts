import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Ask } from "./Ask.ts"
import type { Cell } from "./Cell.ts"
import { senderOf } from "./Envelope.ts"
import { Phase } from "./Phase.ts"
import { admitOwn, type Waiter } from "./Waiting.ts"

/** A fiber of an actor that is about to wait for that actor, and what it is to wait for. */
export interface SelfWait {
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly waiter: Waiter
}

/**
 * Notes that a fiber is about to wait for a cell: for an answer, or for room in its mailbox.
 *
 * The fiber that the actor itself waits for, a handler's, its build's or a finalizer's, would wait for ever. Another fiber of that actor may not: a
 * loop beside it, one of several handlers, an ask with a timeout.
 */
export const noteSelfWait = (cell: Cell, waiter: Waiter, fiber: Fiber.Fiber<unknown, unknown>): void => {
  const sender = senderOf(waiter.item)
  const { registration, system } = cell.host
  if (sender === undefined || sender.id !== cell.id || sender.actor !== registration.actor) return
  // While a life ends, its next one waits for every finalizer.
  if (cell.rare?.fiber === fiber || cell.phase === Phase.closing) endSelfWait(cell, waiter)
  // Its first suspension comes next, and only then is it known for the one that the actor waits for.
  else system.selfWait = { fiber, waiter }
}

/** A fiber that an actor waits for has suspended; call at once. */
export const checkSelfWait = (cell: Cell, fiber: Fiber.Fiber<unknown, unknown>): void => {
  const { system } = cell.host
  const { selfWait } = system
  if (selfWait === undefined) return
  system.selfWait = undefined
  if (selfWait.fiber === fiber) endSelfWait(cell, selfWait.waiter)
}

/** In a turn of its own, because the drain of the actor is on the stack: lets the asker die, and the message of a teller in. */
const endSelfWait = (cell: Cell, waiter: Waiter): void => {
  const { host, id } = cell
  const { item } = waiter
  host.system.later(() => {
    if (!(item instanceof Ask)) return admitOwn(cell, waiter)
    const remedy = "use `tell`, call a function that both handlers share, or set `concurrency` above 1"
    const name = `${host.registration.actor}/${id}`
    item.answer(Exit.die(new Error(`actor ${name} asks itself and would wait for itself: ${remedy}`)))
  })
}
