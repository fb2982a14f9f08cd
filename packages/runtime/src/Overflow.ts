import { Dropped } from "./AskError.ts"
import type { Cell } from "./Cell.ts"
import type { Item } from "./Envelope.ts"
import { Phase } from "./Phase.ts"
import { shiftSent, withdrawn } from "./Rare.ts"

/** What a full mailbox does with a message: its cell, where the sender is to wait. */
export const overflow = (cell: Cell, item: Item): Cell | undefined => {
  switch (cell.host.registration.mailbox._tag) {
    case "Dropping":
      cell.host.system.sent++
      cell.bury(item, "dropped", new Dropped({}), undefined)
      return undefined
    case "Sliding":
      dropOldest(cell)
      cell.push(item)
      return undefined
    default:
      return cell
  }
}

/** Makes dead letters of the oldest messages until there is room for one more. */
const dropOldest = (cell: Cell): void => {
  while (cell.waiting >= cell.host.capacity) {
    // The first message of an actor that was idle is not in the inbox.
    const first = cell.phase === Phase.scheduled ? cell.current : undefined
    if (first !== undefined) cell.current = undefined
    const oldest = first ?? (cell.rare === undefined ? undefined : shiftSent(cell.rare, cell.rare.inbox))
    if (oldest === undefined) return
    if (oldest !== withdrawn) cell.bury(oldest, "dropped", new Dropped({}), undefined)
  }
}
