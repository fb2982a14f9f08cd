import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Cell } from "./Cell.ts"
import type { LocalSystem } from "./LocalSystem.ts"
import type { Registration } from "./Registration.ts"

/** The actors of one registration: finds them by id, passivates the idle ones, stops them all. */
export class Host {
  readonly system: LocalSystem
  readonly registration: Registration
  /** True: ids are activated by messages. False: one actor, spawned. */
  readonly virtual: boolean
  /** Of every mailbox. */
  readonly capacity: number
  /** False once it stops: messages are dead letters. */
  accepting = true
  private readonly cells = new Map<string, Cell>()
  /** The list of idle cells, oldest first; empty without passivation. */
  private oldest: Cell | undefined = undefined
  private newest: Cell | undefined = undefined
  private sweeper: Fiber.Fiber<void> | undefined = undefined
  /** What a stop still waits for. */
  private draining: { readonly cells: Set<Cell>; readonly done: () => void } | undefined = undefined

  constructor(system: LocalSystem, registration: Registration, virtual: boolean) {
    this.system = system
    this.registration = registration
    this.virtual = virtual
    this.capacity = registration.mailbox.capacity
  }

  /** The cell of an id, made when there is none. */
  cell(id: string): Cell {
    let cell = this.cells.get(id)
    if (cell === undefined) {
      cell = new Cell(this, id)
      this.cells.set(id, cell)
    }
    return cell
  }

  /** Actors in memory. */
  get size(): number {
    return this.cells.size
  }

  get queued(): number {
    let queued = 0
    for (const cell of this.cells.values()) queued += cell.queued
    return queued
  }

  /** The cell left memory. */
  forget(cell: Cell): void {
    this.cells.delete(cell.id)
  }

  /** The cell has nothing to do. */
  idle(cell: Cell): void {
    this.undrained(cell)
    if (this.registration.passivateAfterMillis === undefined || !this.accepting) return
    cell.idleSinceMillis = this.system.clock.currentTimeMillisUnsafe()
    cell.previous = this.newest
    if (this.newest === undefined) this.oldest = cell
    else this.newest.next = cell
    this.newest = cell
    this.sweeper ??= this.sweep(this.registration.passivateAfterMillis)
  }

  /** The cell has something to do again. */
  busy(cell: Cell): void {
    if (cell.idleSinceMillis < 0) return
    cell.idleSinceMillis = -1
    if (cell.previous === undefined) this.oldest = cell.next
    else cell.previous.next = cell.next
    if (cell.next === undefined) this.newest = cell.previous
    else cell.next.previous = cell.previous
    cell.previous = undefined
    cell.next = undefined
  }

  /** A stop need not wait for the cell any more. */
  undrained(cell: Cell): void {
    if (this.draining === undefined || !this.draining.cells.delete(cell)) return
    if (this.draining.cells.size === 0) this.draining.done()
  }

  /** One fiber a host, and none while no cell is idle: sleeps until the oldest is due. */
  private sweep(afterMillis: number): Fiber.Fiber<void> {
    const self = this
    return Effect.runForkWith(this.registration.context)(
      Effect.gen(function* () {
        // Begins in its own turn, so that the field below is set before it ends.
        yield* Effect.yieldNow
        for (let cell = self.oldest; cell !== undefined; cell = self.oldest) {
          const dueMillis = cell.idleSinceMillis + afterMillis - self.system.clock.currentTimeMillisUnsafe()
          if (dueMillis > 0) {
            yield* Effect.sleep(dueMillis)
          } else {
            self.busy(cell)
            cell.passivate()
          }
        }
        self.sweeper = undefined
      })
    )
  }

  /** Refuses messages, lets mailboxes drain for the registration's `drainMillis`, then ends every actor. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.accepting = false
    this.sweeper?.interruptUnsafe()
    this.sweeper = undefined
    for (const cell of this.cells.values()) cell.refuseWaiters()
    const draining = new Set<Cell>()
    for (const cell of this.cells.values()) if (cell.drains) draining.add(cell)
    const drained =
      draining.size === 0 || this.registration.drainMillis <= 0
        ? Effect.void
        : Effect.callback<void>((resume) => {
            this.draining = { cells: draining, done: () => resume(Exit.void) }
          }).pipe(Effect.timeoutOption(this.registration.drainMillis))
    return Effect.andThen(
      drained,
      Effect.suspend(() => {
        // Most idle actors end without an effect; finalizers of the others run side by side.
        const rest = [...this.cells.values()].filter((cell) => !cell.endNow())
        return Effect.forEach(rest, (cell) => cell.end, { concurrency: "unbounded", discard: true })
      })
    )
  })
}
