import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Ask } from "./Ask.ts"
import type { Cell } from "./Cell.ts"
import { senderOf } from "./Envelope.ts"

/** An ask of an actor to itself, and who waits for the answer. */
export interface SelfAsk {
  readonly ask: Ask
  readonly fiber: Fiber.Fiber<unknown, unknown>
}

/**
 * Notes an ask that is about to wait, where its own actor sent it. From the fiber that the actor waits for, a handler's or its
 * build's, it would wait for itself; from another (a loop beside the actor, one of several handlers, an ask with a timeout) it may not.
 */
export const noteSelfAsk = (cell: Cell, ask: Ask, fiber: Fiber.Fiber<unknown, unknown>): void => {
  const sender = senderOf(ask)
  const { host } = cell
  if (sender === undefined || sender.id !== cell.id || sender.actor !== host.registration.actor) return
  if (cell.rare?.fiber === fiber) refuseSelfAsk(cell, ask)
  else host.system.selfAsk = { ask, fiber }
}

/** A fiber that works for the actor suspends; call at once. */
export const checkSelfAsk = (cell: Cell, fiber: Fiber.Fiber<unknown, unknown>): void => {
  const { system } = cell.host
  const { selfAsk } = system
  if (selfAsk === undefined) return
  system.selfAsk = undefined
  if (selfAsk.fiber === fiber) refuseSelfAsk(cell, selfAsk.ask)
}

/** Lets the asker die, in a turn of its own: the drain of its actor is on the stack. */
const refuseSelfAsk = ({ host, id }: Cell, ask: Ask): void => {
  const name = `${host.registration.actor}/${id}`
  const remedy = "use `tell`, call a function that both handlers share, or set `concurrency` above 1"
  const defect = new Error(`actor ${name} asks itself and would wait for itself: ${remedy}`)
  host.system.later(() => ask.answer(Exit.die(defect)))
}
