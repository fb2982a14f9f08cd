import * as Scheduler from "effect/Scheduler"
import type { Cell } from "./Cell.ts"
import { Mail } from "./Mail.ts"

/** Gives actors that have something to do their turn, in the order in which they became ready. */
export class Turns {
  readonly dispatcher: Scheduler.SchedulerDispatcher
  /** True where one task of the dispatcher serves all cells that are ready; a scheduler that chooses an order chooses among cells. */
  private readonly shared: boolean
  private readonly ready = new Mail<Cell>()
  /** True while the dispatcher holds the task for them. */
  private called = false

  constructor(scheduler: Scheduler.Scheduler) {
    this.dispatcher = scheduler.makeDispatcher()
    this.shared = scheduler instanceof Scheduler.MixedScheduler
  }

  /** Gives a cell its turn after those that wait already. */
  schedule(cell: Cell): void {
    if (!this.shared) {
      this.dispatcher.scheduleTask(() => cell.turn(), 0)
      return
    }
    this.ready.push(cell)
    this.call()
  }

  private call(): void {
    if (this.called) return
    this.called = true
    this.dispatcher.scheduleTask(this.give, 0)
  }

  private readonly give = (): void => {
    // Cells that become ready meanwhile go behind what else waits for the same dispatcher.
    for (let cells = this.ready.length; cells > 0; cells--) this.ready.shift()?.turn()
    this.called = false
    if (this.ready.length > 0) this.call()
  }
}
