import type { Cell } from "./Cell.ts"
import type { Item } from "./Envelope.ts"
import { Mail } from "./Mail.ts"
import { Phase } from "./Phase.ts"

/** Accepts a message ahead of the inbox, whatever room there is. */
export const pushInFront = (cell: Cell, item: Item): void => {
  putBack(cell)
  const { more } = cell
  more.front ??= new Mail()
  more.front.push(item)
  more.sorts = true
  cell.host.system.sent++
  if (cell.phase === Phase.idle) cell.schedule()
}

/** Puts the message whose turn is to come back into the inbox, at its head: others go before it. */
export const putBack = (cell: Cell): void => {
  if (cell.phase !== Phase.scheduled || cell.current === undefined) return
  const inbox = cell.rare?.draining ?? cell.inbox
  // With ranks it has never left the inbox.
  if (inbox instanceof Mail) inbox.unshift(cell.current)
  cell.current = undefined
}
