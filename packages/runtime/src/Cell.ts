import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { ActorContext } from "./ActorContext.ts"
import { Ask, type Item, messageOf } from "./Ask.ts"
import * as AskError from "./AskError.ts"
import type { DeadLetterReason } from "./DeadLetter.ts"
import type { Host } from "./Host.ts"
import { Mail } from "./Mail.ts"
import type { HandlerTable } from "./Registration.ts"
import { RestartRequired } from "./RestartRequired.ts"

/** Where a cell is in its life. */
export const Phase = {
  /** Nothing to do; the mailbox is empty. */
  idle: 0,
  /** Its drain waits for its turn on the dispatcher. */
  scheduled: 1,
  /** Its drain is on the stack. */
  busy: 2,
  /** A fiber works for it: a handler, a build, or a restart. */
  waiting: 3,
  /** It leaves memory, or an incarnation ends; messages wait for the next. */
  closing: 4,
  /** Gone: a reference looks the actor up again. */
  dead: 5
} as const

/** Messages that one turn on the dispatcher handles: a flooded actor delays others by at most this many. */
const batch = 256

/** How often a message without effect is tried again, whatever `parkAfter` says. */
const retries = 5

/** What only an actor that crashed needs to remember. */
interface Trouble {
  /** Crashes on the current message. */
  attempts: number
  restarts: number
  /** When the last restart succeeded. */
  sinceMillis: number
  step: Option.Option<Step>
}
type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, Cause.Cause<unknown>, never, never>>>

/** A sender that waits for room. */
interface Waiter {
  readonly item: Item
  readonly admitted: (() => void) | undefined
}

/**
 * One actor: a plain object while it is idle. The first message schedules one drain, which handles a batch in a loop;
 * a handler that answers with an `Exit`, or without suspending, never leaves that loop.
 */
export class Cell {
  readonly host: Host
  readonly id: string
  phase: (typeof Phase)[keyof typeof Phase] = Phase.idle
  /** Neighbours in the host's list of idle cells, oldest first; `idleSinceMillis` is −1 outside it. */
  previous: Cell | undefined = undefined
  next: Cell | undefined = undefined
  idleSinceMillis = -1
  private mail: Mail<Item> | undefined = undefined
  private waiters: Mail<Waiter> | undefined = undefined
  /** The message being handled, or to be tried again. */
  private current: Item | undefined = undefined
  private handlers: HandlerTable | undefined = undefined
  private scope: Scope.Closeable | undefined = undefined
  private context: Context.Context<never> | undefined = undefined
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private trouble: Trouble | undefined = undefined

  constructor(host: Host, id: string) {
    this.host = host
    this.id = id
  }

  /** Messages accepted and not yet handled. */
  get queued(): number {
    return (this.mail?.length ?? 0) + (this.current === undefined ? 0 : 1)
  }

  /** True while a stop should wait for it: it has work, and is not sitting out a restart. */
  get drains(): boolean {
    return (
      this.phase === Phase.scheduled ||
      this.phase === Phase.busy ||
      (this.phase === Phase.waiting && !this.restarting)
    )
  }
  private restarting = false

  get hasRoom(): boolean {
    return (
      (this.mail === undefined || this.mail.length < this.host.registration.mailbox.capacity) &&
      (this.waiters === undefined || this.waiters.length === 0)
    )
  }

  /** Accepts a message; call only when there is room. */
  push(item: Item): void {
    this.host.system.sent++
    this.mail ??= new Mail()
    this.mail.push(item)
    if (this.phase === Phase.idle) this.schedule()
  }

  /** Accepts a message and handles it on the caller's stack; call only when idle. */
  runNow(item: Item): void {
    this.host.system.sent++
    this.current = item
    this.run()
  }

  /** Queues a sender until there is room. */
  wait(waiter: Waiter): void {
    this.waiters ??= new Mail()
    this.waiters.push(waiter)
  }

  /** Removes a sender that left; false when it was admitted before. */
  withdraw(waiter: Waiter): boolean {
    return this.waiters?.remove(waiter) ?? false
  }

  /** Makes the drain's turn come. */
  schedule(): void {
    this.host.busy(this)
    this.phase = Phase.scheduled
    this.host.system.dispatcher.scheduleTask(() => {
      if (this.phase === Phase.scheduled) this.run()
    }, 0)
  }

  private run(): void {
    const system = this.host.system
    this.host.busy(this)
    this.phase = Phase.busy
    system.depth++
    let budget = batch
    for (;;) {
      if (this.handlers === undefined && !this.activate()) break
      let item = this.current
      if (item === undefined) {
        if (this.mail === undefined || this.mail.length === 0) {
          this.phase = Phase.idle
          break
        }
        if (budget-- === 0) {
          this.schedule()
          break
        }
        item = this.mail.shift()
        this.current = item
      }
      const exit = this.handle(item as Item)
      if (exit === undefined || !this.settle(item as Item, exit)) break
    }
    system.depth--
    this.admit()
    if (this.phase === Phase.idle) this.host.idle(this)
  }

  /** Lets waiting senders in while there is room. */
  private admit(): void {
    const waiters = this.waiters
    if (waiters === undefined || waiters.length === 0 || this.phase === Phase.closing) return
    const capacity = this.host.registration.mailbox.capacity
    const admitted: Array<() => void> = []
    this.mail ??= new Mail()
    while (waiters.length > 0 && this.mail.length < capacity) {
      const waiter = waiters.shift() as Waiter
      this.host.system.sent++
      this.mail.push(waiter.item)
      if (waiter.admitted !== undefined) admitted.push(waiter.admitted)
    }
    if (this.phase === Phase.idle && this.mail.length > 0) this.schedule()
    for (const resume of admitted) resume()
  }

  /** Runs the handler; `undefined` when a fiber goes on with it. */
  private handle(item: Item): Exit.Exit<unknown, unknown> | undefined {
    const message = messageOf(item)
    const system = this.host.system
    if (system.inspection.active) system.inspect("Received", this, { message })
    let effect: Effect.Effect<unknown, unknown>
    // A handler is the user's code and may throw before it answers an effect.
    try {
      const handler = (this.handlers as HandlerTable)[message._tag]
      if (handler === undefined) {
        throw new TypeError(`${this.host.registration.actor} has no handler for a message "${message._tag}"`)
      }
      effect = handler(message)
    } catch (defect) {
      return Exit.die(defect)
    }
    if (Exit.isExit(effect)) return effect
    this.context ??= this.makeContext()
    return this.await(Effect.runForkWith(this.context)(effect), (exit) => this.settle(item, exit))
  }

  /** The exit of a fiber that ended without suspending; else goes on with `then`, and with the drain when that is true. */
  private await<A, E>(
    fiber: Fiber.Fiber<A, E>,
    then: (exit: Exit.Exit<A, E>) => boolean
  ): Exit.Exit<A, E> | undefined {
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return exit
    this.phase = Phase.waiting
    this.fiber = fiber
    fiber.addObserver((exit) => {
      // A stop that interrupted the fiber settles by itself.
      if (this.fiber !== fiber || this.phase === Phase.closing) return
      this.fiber = undefined
      if (then(exit)) this.run()
      else this.admit()
    })
    return undefined
  }

  /** Answers, or treats the crash; true when the drain may go on. */
  private settle(item: Item, exit: Exit.Exit<unknown, unknown>): boolean {
    if (exit._tag === "Failure" && !isDomainFailure(exit.cause)) return this.crash(item, exit.cause)
    const system = this.host.system
    this.current = undefined
    if (this.trouble !== undefined) this.trouble.attempts = 0
    system.handled++
    if (system.inspection.active) {
      const error = exit._tag === "Failure" ? { error: Cause.squash(exit.cause) } : undefined
      system.inspect("Completed", this, { message: messageOf(item), ...error })
    }
    if (item instanceof Ask) item.answer(exit)
    return true
  }

  private crash(item: Item, cause: Cause.Cause<unknown>): boolean {
    const { supervision } = this.host.registration
    const trouble = this.troubled()
    trouble.attempts++
    this.failed(cause, item)
    const required = restartRequired(cause)
    if (supervision._tag === "Restart" || required !== undefined) {
      const parkAfter = supervision._tag === "Restart" ? supervision.parkAfter : 1
      const limit = required === undefined ? parkAfter : required.retry ? Math.max(parkAfter, retries) : 1
      if (trouble.attempts >= limit) this.park(item, cause)
      this.restart(cause)
      return false
    }
    this.park(item, cause)
    if (supervision._tag === "Resume") return true
    this.stopSelf(cause)
    return false
  }

  private troubled(): Trouble {
    this.trouble ??= { attempts: 0, restarts: 0, sinceMillis: 0, step: Option.none() }
    return this.trouble
  }

  private failed(cause: Cause.Cause<unknown>, item: Item | undefined): void {
    const system = this.host.system
    if (!system.inspection.active) return
    const message = item === undefined ? undefined : { message: messageOf(item) }
    system.inspect("Failed", this, {
      cause,
      attempts: item === undefined ? 0 : this.troubled().attempts,
      ...message
    })
  }

  private park(item: Item, cause: Cause.Cause<unknown>): void {
    const attempts = this.troubled().attempts
    this.current = undefined
    this.troubled().attempts = 0
    this.bury(item, "parked", new AskError.Parked({ attempts, defect: Cause.squash(cause) }), cause)
  }

  /** Makes a dead letter of an accepted message, and tells its asker. */
  private bury(
    item: Item,
    reason: DeadLetterReason,
    why: AskError.AskErrorReason,
    cause: Cause.Cause<unknown> | undefined
  ): void {
    const { actor } = this.host.registration
    const message = messageOf(item)
    this.host.system.deadLetter({
      actor,
      id: this.id,
      message,
      reason,
      ...(cause === undefined ? undefined : { cause })
    })
    if (item instanceof Ask) {
      item.answer(
        Exit.fail(new AskError.AskError({ reason: why, actor, id: this.id, messageTag: message._tag }))
      )
    }
  }

  private makeContext(): Context.Context<never> {
    this.scope ??= Scope.makeUnsafe()
    const { actor, context } = this.host.registration
    return context.pipe(
      Context.add(Scope.Scope, this.scope),
      Context.add(ActorContext, { actor, id: this.id })
    ) as Context.Context<never>
  }

  /** Builds the state; true when the handlers are there, false when a fiber goes on with it. */
  private activate(): boolean {
    const { build } = this.host.registration
    const exit = Exit.isExit(build)
      ? (build as Exit.Exit<HandlerTable, unknown>)
      : this.await(Effect.runForkWith(this.makeContext())(build), (exit) => this.activated(exit))
    return exit === undefined ? false : this.activated(exit)
  }

  private activated(exit: Exit.Exit<HandlerTable, unknown>): boolean {
    if (exit._tag === "Success") {
      this.handlers = exit.value
      const system = this.host.system
      if (system.inspection.active) system.inspect("Spawned", this, {})
      return true
    }
    this.failed(exit.cause, undefined)
    if (this.host.registration.supervision._tag === "Restart") this.restart(exit.cause)
    else this.stopSelf(exit.cause)
    return false
  }

  /** Closes this incarnation, waits as the schedule says, and builds the next; the mailbox stays as it is. */
  private restart(cause: Cause.Cause<unknown>): void {
    this.phase = Phase.waiting
    this.restarting = true
    this.host.busy(this)
    this.host.undrained(this)
    const fiber = Effect.runForkWith(this.host.registration.context)(this.rebuild(cause))
    const done = (exit: Exit.Exit<boolean, unknown>): boolean => {
      this.restarting = false
      if (exit._tag === "Success" && exit.value) return true
      this.stopSelf(exit._tag === "Failure" ? exit.cause : cause)
      return false
    }
    const exit = this.await(fiber, done)
    // Restarted without suspending: go on in a turn of its own, the caller's loop has ended.
    if (exit !== undefined && done(exit)) this.schedule()
  }

  /** True when the state is built anew, false when the schedule has ended. */
  private rebuild(first: Cause.Cause<unknown>): Effect.Effect<boolean> {
    const self = this
    return Effect.gen(function* () {
      const system = self.host.system
      const trouble = self.troubled()
      let cause = first
      for (;;) {
        yield* self.closeScope(Exit.failCause(cause))
        const delay = yield* self.nextDelay(trouble, cause)
        if (Option.isNone(delay)) return false
        yield* Effect.logWarning(
          `actor ${self.host.registration.actor}/${self.id} crashed and restarts`,
          cause
        )
        yield* Effect.sleep(delay.value)
        const exit = yield* Effect.exit(
          Effect.provideContext(self.host.registration.build, self.makeContext())
        )
        if (exit._tag === "Success") {
          self.handlers = exit.value
          trouble.restarts++
          trouble.sinceMillis = system.clock.currentTimeMillisUnsafe()
          if (system.inspection.active) system.inspect("Restarted", self, { restarts: trouble.restarts })
          return true
        }
        self.failed(exit.cause, undefined)
        cause = exit.cause
      }
    })
  }

  private nextDelay(trouble: Trouble, cause: Cause.Cause<unknown>) {
    const { supervision } = this.host.registration
    // A restart that the behaviour itself requires, under a supervision that has no schedule.
    if (supervision._tag !== "Restart") return Effect.succeedSome(Duration.zero)
    const now = this.host.system.clock.currentTimeMillisUnsafe()
    if (Option.isSome(trouble.step) && now - trouble.sinceMillis >= supervision.resetAfterMillis) {
      trouble.step = Option.none()
      trouble.restarts = 0
    }
    const step = Option.isSome(trouble.step)
      ? Effect.succeed(trouble.step.value)
      : Effect.tap(Schedule.toStep(supervision.schedule), (step) =>
          Effect.sync(() => {
            trouble.step = Option.some(step)
          })
        )
    return Effect.flatMap(step, (next) => Effect.option(Effect.map(next(now, cause), ([, delay]) => delay)))
  }

  private closeScope(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const scope = this.scope
    this.handlers = undefined
    this.context = undefined
    this.scope = undefined
    if (scope === undefined) return Effect.void
    return Effect.catchCause(Scope.close(scope, exit), (cause) =>
      Effect.logError(`actor ${this.host.registration.actor}/${this.id}: a finalizer failed`, cause)
    )
  }

  /** Leaves memory; call only when idle. */
  passivate(): void {
    this.leave(Effect.void, "Passivated", Exit.void, undefined)
  }

  /** The supervision gave up: the queue becomes dead letters; a virtual actor begins afresh with the next message. */
  private stopSelf(cause: Cause.Cause<unknown>): void {
    if (!this.host.virtual) this.host.accepting = false
    const why = Effect.logError(`actor ${this.host.registration.actor}/${this.id} stopped`, cause)
    this.leave(why, "Stopped", Exit.failCause(cause), cause)
  }

  private leave(
    before: Effect.Effect<void>,
    event: "Passivated" | "Stopped",
    exit: Exit.Exit<unknown, unknown>,
    cause: Cause.Cause<unknown> | undefined
  ): void {
    this.phase = Phase.closing
    this.host.undrained(this)
    this.buryAll(cause)
    const closing = Effect.runForkWith(this.host.registration.context)(
      Effect.andThen(before, this.closeScope(exit)),
      { uninterruptible: true }
    )
    this.fiber = closing
    closing.addObserver(() => {
      this.fiber = undefined
      this.left(event, cause)
    })
  }

  private left(event: "Passivated" | "Stopped", cause: Cause.Cause<unknown> | undefined): void {
    const system = this.host.system
    this.trouble = undefined
    if (system.inspection.active) system.inspect(event, this, cause === undefined ? {} : { cause })
    if (!this.host.accepting) {
      this.refuseWaiters()
      this.buryAll(undefined)
    }
    this.phase = Phase.idle
    this.admit()
    if (this.phase !== Phase.idle) return
    if (this.queued > 0) {
      this.schedule()
    } else {
      this.phase = Phase.dead
      this.host.forget(this)
    }
  }

  /** Ends an actor that has nothing to interrupt, to bury or to finalize; false when it has. */
  endNow(): boolean {
    if (this.phase === Phase.dead) return true
    if (this.phase !== Phase.idle || (this.scope !== undefined && this.scope.state._tag !== "Empty"))
      return false
    this.handlers = undefined
    this.left("Stopped", undefined)
    return true
  }

  /** Ends the actor for good: interrupts what runs, buries the rest, runs the finalizers. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => this.ending())
  }

  private ending(): Effect.Effect<void> {
    const { fiber } = this
    if (this.phase === Phase.dead) return Effect.void
    // A drain on this very stack goes first.
    if (this.phase === Phase.busy) return Effect.andThen(Effect.yieldNow, this.end)
    if (this.phase === Phase.closing)
      return fiber === undefined ? Effect.void : Effect.asVoid(Fiber.await(fiber))
    this.phase = Phase.closing
    return Effect.gen({ self: this }, function* () {
      if (fiber !== undefined) {
        fiber.interruptUnsafe()
        const exit = yield* Fiber.await(fiber)
        this.fiber = undefined
        // An interrupted handler that ended all the same has an answer.
        if (this.current !== undefined && !this.restarting && this.handlers !== undefined) {
          if (exit._tag === "Success" || isDomainFailure(exit.cause)) this.settle(this.current, exit)
        }
      }
      this.refuseWaiters()
      this.buryAll(undefined)
      yield* this.closeScope(Exit.void)
      this.left("Stopped", undefined)
    })
  }

  /** Turns away senders that wait for room: the actor takes no more messages. */
  refuseWaiters(): void {
    for (let waiter = this.waiters?.shift(); waiter !== undefined; waiter = this.waiters?.shift()) {
      this.host.system.sent++
      this.bury(waiter.item, "stopped", new AskError.Stopped({}), undefined)
      waiter.admitted?.()
    }
  }

  private buryAll(cause: Cause.Cause<unknown> | undefined): void {
    const current = this.current
    this.current = undefined
    if (current !== undefined) this.bury(current, "stopped", new AskError.Stopped({}), cause)
    for (let item = this.mail?.shift(); item !== undefined; item = this.mail?.shift()) {
      this.bury(item, "stopped", new AskError.Stopped({}), cause)
    }
  }
}

const isDomainFailure = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.length > 0 && cause.reasons.every((reason) => reason._tag === "Fail")

const restartRequired = (cause: Cause.Cause<unknown>): RestartRequired | undefined => {
  for (const reason of cause.reasons) {
    if (reason._tag === "Die" && reason.defect instanceof RestartRequired) return reason.defect
  }
  return undefined
}
