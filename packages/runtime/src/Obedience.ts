import * as Exit from "effect/Exit"
import type { Cell } from "./Cell.ts"
import { crashed, renew } from "./Crash.ts"
import { leave } from "./Ending.ts"
import { Phase } from "./Phase.ts"

/** Carries out the order that was given; true when the drain may go on. */
export const obey = (cell: Cell): boolean => {
  const { rare } = cell
  const order = rare?.order
  if (rare === undefined || order === undefined) return true
  if (order._tag === "Stop" && cell.handlersRunning > 0) {
    cell.phase = Phase.waiting
    return false
  }
  rare.order = undefined
  switch (order._tag) {
    case "Stop":
      if (!cell.host.virtual) cell.host.accepting = false
      leave(cell, "Stopped", Exit.void, undefined)
      return false
    case "Crash":
      return crashed(cell, undefined, order.cause)
    case "Restart":
      return cell.handlers === undefined || renew(cell, order.cause)
  }
}
