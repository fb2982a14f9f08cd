import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import type { AnyRef } from "./ActorRef.ts"
import { Cell } from "./Cell.ts"
import { end, endNow, passivate } from "./Ending.ts"
import type { LocalSystem } from "./LocalSystem.ts"
import { Phase } from "./Phase.ts"
import type { Registration } from "./Registration.ts"
import { refuseWaiters } from "./Waiting.ts"

/** A cell's place in the list of idle cells, oldest first. */
export interface IdleNode {
  readonly cell: Cell
  previous: IdleNode | undefined
  next: IdleNode | undefined
  sinceMillis: number
}

/** The actors of one registration: finds them by id, passivates the idle ones, stops them all. */
export class Host {
  readonly system: LocalSystem
  readonly registration: Registration
  /** True: ids are activated by messages. False: one actor, spawned. */
  readonly virtual: boolean
  /** In whose life it was spawned. */
  readonly parent: Cell | undefined
  /** Of every mailbox. */
  readonly capacity: number
  /** True when messages do not come in the order in which they were sent. */
  readonly ranked: boolean
  /** How many handlers of one actor run at the same time. */
  readonly concurrency: number
  /** False once it stops: messages are dead letters. */
  accepting = true
  /** Handlers that ended with an answer or with a domain error. */
  handled = 0
  restarts = 0
  /** Cells whose life ends, with finalizers still to run. */
  leaving = 0
  private readonly cells = new Map<string, Cell>()
  private readonly sorted: boolean
  /** The list of idle cells, oldest first; empty where nobody is passivated. */
  private oldest: IdleNode | undefined = undefined
  private newest: IdleNode | undefined = undefined
  private sweeper: Fiber.Fiber<void> | undefined = undefined
  /** What a stop still waits for. */
  private draining: { readonly cells: Set<Cell>; readonly done: () => void } | undefined = undefined
  private readonly scope: Scope.Closeable
  /** Open once every actor has ended and the system has forgotten the host. */
  readonly ended = Latch.makeUnsafe()

  /** It stops when `scope` closes, and `close` closes it. */
  constructor(
    system: LocalSystem,
    registration: Registration,
    options: { readonly virtual: boolean; readonly parent: Cell | undefined; readonly scope: Scope.Closeable }
  ) {
    this.system = system
    this.registration = registration
    this.virtual = options.virtual
    this.parent = options.parent
    this.scope = options.scope
    this.capacity = registration.mailbox.capacity
    this.ranked = registration.mailbox.rank !== undefined
    this.concurrency = registration.concurrency
    this.sorted = registration.passivateAfterMillis !== undefined || registration.activeMax !== undefined
  }

  /** The cell of an id, made when there is none. */
  cell(id: string): Cell {
    let cell = this.cells.get(id)
    if (cell === undefined) {
      cell = new Cell(this, id)
      this.cells.set(id, cell)
      this.makeRoom()
    }
    return cell
  }

  find(id: string): Cell | undefined {
    return this.cells.get(id)
  }

  /** Every cell, in the order of their making. */
  all(): Iterable<Cell> {
    return this.cells.values()
  }

  refs(): ReadonlyArray<AnyRef> {
    return Array.from(this.cells.keys(), (id) => this.system.ref(this.registration.actor, id))
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

  /** What the inspection says about who spawned it. */
  get spawnedBy(): { readonly parent?: { readonly actor: string; readonly id: string } } {
    const { parent } = this
    return parent === undefined ? {} : { parent: { actor: parent.host.registration.actor, id: parent.id } }
  }

  /** The cell left memory; a spawned actor is gone with it. */
  forget(cell: Cell): void {
    this.cells.delete(cell.id)
    if (!this.virtual) this.closeSoon()
  }

  /** The siblings that the crash of this actor concerns, by the strategy of their parent. */
  concerned(): ReadonlyArray<Sibling> {
    const { parent } = this
    const strategy = parent?.host.registration.children
    if (parent === undefined || strategy === undefined || strategy === "one-for-one") return noSiblings
    const all = [...(parent.rare?.children ?? [])]
    const later = strategy === "one-for-all" ? all : all.slice(all.indexOf(this) + 1)
    return later
      .filter((host) => host !== this)
      .map((host) => ({
        give: (order) => {
          for (const cell of host.cells.values()) cell.give(order)
        },
        closeSoon: () => host.closeSoon()
      }))
  }

  /** The cell has nothing to do. */
  rests(cell: Cell): void {
    if (cell.handlersRunning === 0) this.undrained(cell)
    if (!this.sorted || !this.accepting || cell.idle !== undefined) return
    // It waits for more than messages.
    if (cell.queued > 0 || (cell.rare?.children?.size ?? 0) > 0) return
    const node: IdleNode = {
      cell,
      previous: this.newest,
      next: undefined,
      sinceMillis: this.system.clock.currentTimeMillisUnsafe()
    }
    cell.idle = node
    if (this.newest === undefined) this.oldest = node
    else this.newest.next = node
    this.newest = node
    const { passivateAfterMillis } = this.registration
    if (passivateAfterMillis !== undefined) this.sweeper ??= this.sweep(passivateAfterMillis)
    this.makeRoom()
  }

  /** The cell has something to do again. */
  busy(cell: Cell): void {
    const node = cell.idle
    if (node === undefined) return
    cell.idle = undefined
    if (node.previous === undefined) this.oldest = node.next
    else node.previous.next = node.next
    if (node.next === undefined) this.newest = node.previous
    else node.next.previous = node.previous
  }

  /** A stop need not wait for the cell any more. */
  undrained(cell: Cell): void {
    if (this.draining === undefined || !this.draining.cells.delete(cell)) return
    if (this.draining.cells.size === 0) this.draining.done()
  }

  /** Passivates the least recently used idle cells while there are more than `activeMax`. */
  makeRoom(): void {
    const { activeMax } = this.registration
    if (activeMax === undefined) return
    while (this.cells.size - this.leaving > activeMax && this.oldest !== undefined) {
      const { cell } = this.oldest
      this.busy(cell)
      passivate(cell)
    }
  }

  /** One fiber a host, and none while no cell is idle: sleeps until the oldest is due. */
  private sweep(afterMillis: number): Fiber.Fiber<void> {
    const self = this
    return Effect.runForkWith(this.registration.context)(
      Effect.gen(function* () {
        // Begins in its own turn, so that the field below is set before it ends.
        yield* Effect.yieldNow
        for (let node = self.oldest; node !== undefined; node = self.oldest) {
          const dueMillis = node.sinceMillis + afterMillis - self.system.clock.currentTimeMillisUnsafe()
          if (dueMillis > 0) {
            yield* Effect.sleep(dueMillis)
          } else {
            self.busy(node.cell)
            passivate(node.cell)
          }
        }
        self.sweeper = undefined
      })
    )
  }

  /** Closes the host's own scope, and waits until every actor has ended. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.andThen(Scope.close(this.scope, exit), this.ended.await)
  }

  /** Begins to close. */
  closeSoon(): void {
    if (this.scope.state._tag === "Closed") return
    Effect.runForkWith(this.registration.context)(Scope.close(this.scope, Exit.void), {
      uninterruptible: true
    })
  }

  /** Refuses messages, lets mailboxes drain for the registration's `drainMillis`, then ends every actor. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.accepting = false
    this.sweeper?.interruptUnsafe()
    this.sweeper = undefined
    for (const cell of this.cells.values()) refuseWaiters(cell)
    const cells = new Set<Cell>()
    for (const cell of this.cells.values()) if (cell.drains) cells.add(cell)
    const drained = Latch.makeUnsafe(cells.size === 0)
    // Opened in a turn of its own: the cell that is the last is in the middle of something.
    const done = () => this.system.later(() => drained.openUnsafe())
    this.draining = { cells, done }
    const { drainMillis } = this.registration
    return Effect.andThen(
      drainMillis > 0 ? Effect.timeoutOption(drained.await, drainMillis) : Effect.void,
      Effect.suspend(() => {
        // Most idle actors end without an effect; finalizers of the others run side by side.
        const rest = [...this.cells.values()].filter((cell) => cell.phase !== Phase.dead && !endNow(cell))
        return Effect.forEach(rest, end, { concurrency: "unbounded", discard: true })
      })
    )
  })
}

/** A sibling of an actor that crashed. */
interface Sibling {
  readonly give: Cell["give"]
  readonly closeSoon: () => void
}

const noSiblings: ReadonlyArray<Sibling> = []
