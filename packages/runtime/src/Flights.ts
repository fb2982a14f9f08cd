import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { Stopped } from "./AskError.ts"
import type { Cell } from "./Cell.ts"
import { depthMax } from "./Depth.ts"
import { isDomainFailure } from "./DomainFailure.ts"
import type { Item } from "./Envelope.ts"
import { CurrentItem } from "./LifeContext.ts"
import { Phase } from "./Phase.ts"

/** The handlers of a re-entrant actor that run at the same time. */
export class Flights {
  readonly running = new Map<Fiber.Fiber<unknown, unknown>, Item>()
  /** How many were interrupted and have not ended yet. */
  landing = 0

  get size(): number {
    return this.running.size + this.landing
  }
}

/**
 * Begins a handler that others may run beside; true when the drain may take another message.
 *
 * A handler that ends at once is settled at once. One that suspends leaves the cell's `current` to the next.
 */
export const takeOff = (cell: Cell, item: Item, effect: Effect.Effect<unknown, unknown>): boolean => {
  const { host, more } = cell
  const fiber = cell.fork(Effect.provideService(effect, CurrentItem, item))
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return cell.settle(item, exit)
  more.flights ??= new Flights()
  const { flights } = more
  flights.running.set(fiber, item)
  cell.current = undefined
  fiber.addObserver((exit) => {
    const { system } = host
    const land = () => {
      // The drain on the stack goes first.
      if (cell.phase === Phase.busy || system.depth >= depthMax) return system.later(land)
      // A crash or a stop that came before has settled it.
      if (!flights.running.delete(fiber)) return
      // An answer resumes its asker on this stack, who may end this very actor: that waits for the drain.
      cell.phase = Phase.busy
      system.depth++
      const goesOn = cell.settle(item, exit)
      system.depth--
      if (goesOn) cell.run()
    }
    land()
  })
  if (flights.size < host.concurrency) return true
  cell.phase = Phase.waiting
  return false
}

/** Interrupts the handlers that still run and settles all; the messages of the interrupted are dead letters. */
export const groundAll = (cell: Cell): Effect.Effect<void> => {
  const flights = cell.rare?.flights
  if (flights === undefined || flights.running.size === 0) return Effect.void
  const all = [...flights.running]
  flights.running.clear()
  flights.landing += all.length
  return Effect.gen(function* () {
    for (const [fiber] of all) fiber.interruptUnsafe()
    for (const [fiber, item] of all) {
      const exit: Exit.Exit<unknown, unknown> = yield* Fiber.await(fiber)
      flights.landing--
      if (exit._tag === "Success" || isDomainFailure(exit.cause)) cell.settle(item, exit)
      else cell.bury(item, "stopped", new Stopped({}), exit.cause)
    }
  })
}
