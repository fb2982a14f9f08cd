import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { TimersOf } from "./ActorContext.ts"
import type { Cell } from "./Cell.ts"
import type * as Message from "./Message.ts"
import { TimedEnvelope } from "./TimedEnvelope.ts"

interface Timer {
  fiber: Fiber.Fiber<void> | undefined
  /** Its message, while it waits in the mailbox. */
  due: TimedEnvelope | undefined
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
          this.send(key, timer, message)
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
          if (timer.due === undefined) this.send(key, timer, message)
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

  /** A message of the timer is being handled. */
  private taken(key: unknown, timer: Timer): void {
    timer.due = undefined
    if (timer.fiber === undefined && this.timers.get(key) === timer) this.timers.delete(key)
  }

  private start(key: unknown, run: (timer: Timer) => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.cancelNow(key)
      const timer: Timer = { fiber: undefined, due: undefined }
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

  private send(key: unknown, timer: Timer, message: Message.Any): void {
    const due = new TimedEnvelope(message, () => this.taken(key, timer))
    timer.due = due
    this.cell.pushTimed(due)
  }

  private cancelNow(key: unknown): void {
    const timer = this.timers.get(key)
    if (timer === undefined) return
    this.timers.delete(key)
    timer.fiber?.interruptUnsafe()
    if (timer.due === undefined) return
    this.cell.withdrawTimed(timer.due)
  }
}
