import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { TimersOf } from "./ActorContext.ts"
import type { Cell } from "./Cell.ts"
import type * as Message from "./Message.ts"
import { TimedEnvelope } from "./TimedEnvelope.ts"

/** One timer, as long as it has messages to send or messages of it wait. */
class Timer {
  fiber: Fiber.Fiber<void> | undefined = undefined
  /** Messages of it in the mailbox or the stash. */
  readonly waiting = new Set<TimedEnvelope>()
  private readonly key: unknown
  private readonly among: Map<unknown, Timer>

  constructor(key: unknown, among: Map<unknown, Timer>) {
    this.key = key
    this.among = among
  }

  taken(due: TimedEnvelope): void {
    this.waiting.delete(due)
    if (this.fiber === undefined && this.waiting.size === 0 && this.among.get(this.key) === this)
      this.among.delete(this.key)
  }

  putAside(due: TimedEnvelope): void {
    const { among, key } = this
    // A single timer had ended with its message, unless its key has been taken since.
    if (this.fiber === undefined && !among.has(key)) among.set(key, this)
    if (among.get(key) === this) this.waiting.add(due)
  }
}

/** The timers of one life of an actor, by key. */
export class Timers implements TimersOf<Message.Any> {
  private readonly cell: Cell
  private readonly scope: Scope.Scope
  private readonly timers = new Map<unknown, Timer>()

  constructor(cell: Cell, scope: Scope.Scope) {
    this.cell = cell
    this.scope = scope
  }

  single(key: unknown, delay: Duration.Input, message: Message.Any): Effect.Effect<void> {
    return this.start(key, (timer) =>
      Effect.andThen(
        Effect.sleep(delay),
        Effect.sync(() => {
          timer.fiber = undefined
          this.send(timer, message)
        })
      )
    )
  }

  periodic(key: unknown, interval: Duration.Input, message: Message.Any): Effect.Effect<void> {
    const everyMillis = Duration.toMillis(interval)
    if (!(everyMillis > 0)) {
      return Effect.die(new RangeError(`a periodic timer needs an interval above 0, not ${everyMillis} ms`))
    }
    return this.start(key, (timer) =>
      Effect.gen({ self: this }, function* () {
        const { clock } = this.cell.host.system
        let dueMillis = clock.currentTimeMillisUnsafe()
        for (;;) {
          const nowMillis = clock.currentTimeMillisUnsafe()
          // Due times lie on a grid; those that have passed by are skipped.
          dueMillis += everyMillis * Math.max(1, Math.floor((nowMillis - dueMillis) / everyMillis) + 1)
          yield* Effect.sleep(dueMillis - nowMillis)
          // One that still waits in the mailbox is enough.
          if (timer.waiting.size === 0) this.send(timer, message)
        }
      })
    )
  }

  cancel(key: unknown): Effect.Effect<void> {
    return Effect.sync(() => this.cancelNow(key))
  }

  get cancelAll(): Effect.Effect<void> {
    return Effect.sync(() => this.cancelAllNow())
  }

  isActive(key: unknown): Effect.Effect<boolean> {
    return Effect.sync(() => this.timers.has(key))
  }

  cancelAllNow(): void {
    for (const key of [...this.timers.keys()]) this.cancelNow(key)
  }

  private start(key: unknown, run: (timer: Timer) => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.isCurrent) return Effect.void
      this.cancelNow(key)
      const timer = new Timer(key, this.timers)
      this.timers.set(key, timer)
      return Effect.map(
        Effect.forkIn(
          Effect.suspend(() => run(timer)),
          this.scope,
          { startImmediately: true }
        ),
        (fiber) => {
          if (fiber.pollUnsafe() === undefined) timer.fiber = fiber
        }
      )
    })
  }

  private send(timer: Timer, message: Message.Any): void {
    const due = new TimedEnvelope(message, timer)
    timer.waiting.add(due)
    this.cell.more.sorts = true
    // Whatever room there is: a timer cannot wait.
    this.cell.enqueue(due)
  }

  private cancelNow(key: unknown): void {
    const timer = this.timers.get(key)
    if (timer === undefined) return
    this.timers.delete(key)
    timer.fiber?.interruptUnsafe()
    for (const due of timer.waiting) this.withdraw(due)
    timer.waiting.clear()
  }

  /** Takes a message back that still waits: as if it had never been sent. */
  private withdraw(due: TimedEnvelope): void {
    due.withdrawn = true
    this.cell.more.withdrawn++
    this.cell.host.system.sent--
  }

  /** False once the life that this belongs to has ended. */
  private get isCurrent(): boolean {
    return this.cell.scope === this.scope
  }
}
