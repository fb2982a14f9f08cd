import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { Ask, type Item, messageOf } from "./Ask.ts"
import { type AskErrorReason, Parked, Stopped } from "./AskError.ts"
import { Backoff } from "./Backoff.ts"
import type { DeadLetterReason } from "./DeadLetter.ts"
import type { Host } from "./Host.ts"
import { Inbox, type Waiter } from "./Inbox.ts"
import { Incarnation } from "./Incarnation.ts"
import type { HandlerTable } from "./Registration.ts"
import { RestartRequired } from "./RestartRequired.ts"
import { type Started, Stretch, worthwhile } from "./Stretch.ts"

/** Where a cell is in its life. */
export const Phase = {
  /** Nothing to do; the mailbox is empty. */
  idle: 0,
  /** Its drain waits for its turn on the dispatcher. */
  scheduled: 1,
  /** Its drain is on the stack. */
  busy: 2,
  /** A fiber works for it: a handler or the build of its first incarnation. */
  waiting: 3,
  /** A fiber restarts it. */
  restarting: 4,
  /** An incarnation ends; messages wait for the next one, or are refused. */
  closing: 5,
  /** Gone: a reference looks the actor up again. */
  dead: 6
} as const

/** What one turn on the dispatcher may cost, in handlers that answer with an `Exit`: a flooded actor delays others by at most this. */
const turnCost = 1024

/** What a handler costs that needs a fiber. */
const fiberCost = 4

/** How deep asks and answers may nest on one stack before one of them gets a turn of its own. */
export const depthMax = 16

/** How often a message that had no effect is tried, whatever `parkAfter` says. */
const triesWithoutEffect = 5

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
  private inbox: Inbox | undefined = undefined
  /** The message being handled, or to be tried again. */
  private current: Item | undefined = undefined
  private life: Incarnation | undefined = undefined
  /** Starts handlers in this life's context; made when one first needs a fiber. */
  private fork: (<A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>) | undefined = undefined
  /** What works for the cell while it is waiting, restarting or closing. */
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private backoff: Backoff | undefined = undefined

  constructor(host: Host, id: string) {
    this.host = host
    this.id = id
  }

  /** Messages accepted and not yet handled. */
  get queued(): number {
    return (this.inbox?.length ?? 0) + (this.current === undefined ? 0 : 1)
  }

  /** True while it works, and a stop should wait for it; a restart is not waited for. */
  get drains(): boolean {
    return this.phase === Phase.scheduled || this.phase === Phase.busy || this.phase === Phase.waiting
  }

  get hasRoom(): boolean {
    return this.inbox === undefined || this.inbox.hasRoom(this.host.capacity)
  }

  // Receiving

  /** Accepts a message; call only when there is room. */
  push(item: Item): void {
    this.host.system.sent++
    this.inbox ??= new Inbox()
    this.inbox.push(item)
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
    this.inbox ??= new Inbox()
    this.inbox.wait(waiter)
  }

  /** The sender does not wait any more; nothing happens when it was admitted before. */
  withdraw(waiter: Waiter): void {
    this.inbox?.withdraw(waiter)
  }

  /** Lets waiting senders in while there is room. */
  private admit(): void {
    if (this.inbox === undefined) return
    const admitted = this.inbox.admit(this.host.capacity)
    if (admitted.length === 0) return
    this.host.system.sent += admitted.length
    if (this.phase === Phase.idle) this.schedule()
    for (const waiter of admitted) waiter.admitted()
  }

  /** Turns away senders that wait for room: the actor takes no more messages. */
  refuseWaiters(): void {
    for (let waiter = this.inbox?.turnAway(); waiter !== undefined; waiter = this.inbox?.turnAway()) {
      this.host.system.sent++
      this.bury(waiter.item, "stopped", new Stopped({}), undefined)
      waiter.admitted()
    }
  }

  // Handling

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
    let budget = turnCost
    while (this.life?.handlers !== undefined || this.activate()) {
      if (this.current === undefined) {
        if (this.inbox === undefined || this.inbox.length === 0) {
          this.phase = Phase.idle
          break
        }
        if (budget <= 0) {
          this.schedule()
          break
        }
        this.current = this.inbox.shift()
        budget--
      }
      const effect = this.begin(this.current as Item)
      let exit: Exit.Exit<unknown, unknown> | undefined
      if (Exit.isExit(effect)) {
        exit = effect
      } else if (this.inbox !== undefined && this.inbox.length >= worthwhile) {
        const stretch = new Stretch(effect, (value) => this.handleNext(value))
        exit = this.runInFiber(stretch.effect)
        budget -= fiberCost + stretch.taken * fiberCost
      } else {
        exit = this.runInFiber(effect)
        budget -= fiberCost
      }
      if (exit === undefined || !this.settle(this.current as Item, exit)) break
    }
    system.depth--
    this.admit()
    if (this.phase === Phase.idle) this.host.idle(this)
  }

  /** Calls the handler. */
  private begin(item: Item): Effect.Effect<unknown, unknown> {
    const message = messageOf(item)
    const system = this.host.system
    if (system.inspection.active) system.inspect("Received", this, { message })
    // A handler is the user's code and may throw before it answers an effect.
    try {
      const handler = ((this.life as Incarnation).handlers as HandlerTable)[message._tag]
      if (handler !== undefined) return handler(message)
    } catch (defect) {
      return Exit.die(defect)
    }
    return Exit.die(
      new TypeError(`${this.host.registration.actor} has no handler for a message "${message._tag}"`)
    )
  }

  /** Runs a handler or a stretch of them; `undefined` when the fiber goes on without the drain. */
  private runInFiber(effect: Effect.Effect<unknown, unknown>): Exit.Exit<unknown, unknown> | undefined {
    this.fork ??= Effect.runForkWith((this.life as Incarnation).context)
    const fiber = this.fork(effect)
    return (
      fiber.pollUnsafe() ??
      this.goOnWith(fiber, Phase.waiting, (exit) => this.settle(this.current as Item, exit))
    )
  }

  /** Leaves the drain to a fiber; `then` says whether the drain goes on after it. */
  private goOnWith<A, E>(
    fiber: Fiber.Fiber<A, E>,
    phase: typeof Phase.waiting | typeof Phase.restarting,
    then: (exit: Exit.Exit<A, E>) => boolean
  ): undefined {
    this.phase = phase
    this.fiber = fiber
    fiber.addObserver((exit) => {
      const { system } = this.host
      const goOn = () => {
        // A stop that took the fiber over settles by itself.
        if (this.fiber !== fiber || this.phase === Phase.closing) return
        this.fiber = undefined
        system.depth++
        const drains = then(exit)
        system.depth--
        if (drains) this.run()
        else this.admit()
      }
      if (system.depth < depthMax) goOn()
      else system.dispatcher.scheduleTask(goOn, 0)
    })
  }

  /** Answers, or treats the crash; true when the drain may go on. */
  private settle(item: Item, exit: Exit.Exit<unknown, unknown>): boolean {
    if (exit._tag === "Failure" && !isDomainFailure(exit.cause)) return this.crashed(item, exit.cause)
    const system = this.host.system
    this.current = undefined
    if (this.backoff !== undefined) this.backoff.attempts = 0
    system.handled++
    if (system.inspection.active) {
      const error = exit._tag === "Failure" ? { error: Cause.squash(exit.cause) } : undefined
      system.inspect("Completed", this, { message: messageOf(item), ...error })
    }
    if (item instanceof Ask) item.answer(exit)
    return true
  }

  /** In a stretch: settles a success and begins the next message, while the drain is on the stack and there is one. */
  private handleNext(value: unknown): Started {
    if (this.phase !== Phase.busy || this.inbox === undefined || this.inbox.length === 0) return undefined
    this.settle(this.current as Item, Exit.succeed(value))
    const item = this.inbox.shift() as Item
    this.current = item
    return this.begin(item)
  }

  // Crashing and restarting

  private crashed(item: Item, cause: Cause.Cause<unknown>): boolean {
    const { supervision } = this.host.registration
    this.backoff ??= new Backoff()
    const attempts = ++this.backoff.attempts
    this.inspectFailure(cause, item, attempts)
    const required = restartRequired(cause)
    if (supervision._tag === "Restart" || required !== undefined) {
      const parkAfter = supervision._tag === "Restart" ? supervision.parkAfter : 1
      const limit =
        required === undefined ? parkAfter : required.retry ? Math.max(parkAfter, triesWithoutEffect) : 1
      if (attempts >= limit) this.park(item, attempts, cause)
      return this.restart(this.backoff, cause)
    }
    this.park(item, attempts, cause)
    return supervision._tag === "Resume" || this.giveUp(cause)
  }

  private park(item: Item, attempts: number, cause: Cause.Cause<unknown>): void {
    this.current = undefined
    if (this.backoff !== undefined) this.backoff.attempts = 0
    this.bury(item, "parked", new Parked({ attempts, defect: Cause.squash(cause) }), cause)
  }

  /** Builds the first life; true when the handlers are there, false when a fiber goes on with it. */
  private activate(): boolean {
    const { registration } = this.host
    const life = new Incarnation(registration, this.id)
    this.life = life
    if (Exit.isExit(registration.build)) {
      return this.activated(life, registration.build as Exit.Exit<HandlerTable, unknown>)
    }
    const fiber = Effect.runForkWith(life.context)(registration.build)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return this.activated(life, exit)
    this.goOnWith(fiber, Phase.waiting, (exit) => this.activated(life, exit))
    return false
  }

  private activated(life: Incarnation, exit: Exit.Exit<HandlerTable, unknown>): boolean {
    if (exit._tag === "Success") {
      life.handlers = exit.value
      const system = this.host.system
      if (system.inspection.active) system.inspect("Spawned", this, {})
      return true
    }
    this.inspectFailure(exit.cause, undefined, 0)
    this.backoff ??= new Backoff()
    return this.host.registration.supervision._tag === "Restart"
      ? this.restart(this.backoff, exit.cause)
      : this.giveUp(exit.cause)
  }

  /** Ends this life, waits as the schedule says, and builds the next; the mailbox stays as it is. */
  private restart(backoff: Backoff, cause: Cause.Cause<unknown>): boolean {
    this.phase = Phase.restarting
    this.host.undrained(this)
    const fiber = Effect.runForkWith(this.host.registration.context)(this.rebuild(backoff, cause))
    const done = (exit: Exit.Exit<boolean>): boolean =>
      exit._tag === "Success" && exit.value ? true : this.giveUp(exit._tag === "Failure" ? exit.cause : cause)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) {
      this.phase = Phase.busy
      return done(exit)
    }
    this.goOnWith(fiber, Phase.restarting, done)
    return false
  }

  /** True when the state is built anew, false when the schedule has ended. */
  private rebuild(backoff: Backoff, first: Cause.Cause<unknown>): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function* () {
      const { registration, system } = this.host
      let cause = first
      for (;;) {
        yield* this.closeLife(Exit.failCause(cause))
        const delay = yield* backoff.next(
          registration.supervision,
          system.clock.currentTimeMillisUnsafe(),
          cause
        )
        if (Option.isNone(delay)) return false
        yield* Effect.logWarning(`actor ${registration.actor}/${this.id} crashed and restarts`, cause)
        yield* Effect.sleep(delay.value)
        const life = new Incarnation(registration, this.id)
        this.life = life
        const exit = yield* Effect.exit(Effect.provideContext(registration.build, life.context))
        if (exit._tag === "Success") {
          life.handlers = exit.value
          backoff.restarted(system.clock.currentTimeMillisUnsafe())
          if (system.inspection.active) system.inspect("Restarted", this, { restarts: backoff.restarts })
          return true
        }
        this.inspectFailure(exit.cause, undefined, 0)
        cause = exit.cause
      }
    })
  }

  private inspectFailure(cause: Cause.Cause<unknown>, item: Item | undefined, attempts: number): void {
    const system = this.host.system
    if (!system.inspection.active) return
    const message = item === undefined ? undefined : { message: messageOf(item) }
    system.inspect("Failed", this, { cause, attempts, ...message })
  }

  // Ending

  private closeLife(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    const life = this.life
    this.life = undefined
    this.fork = undefined
    return life === undefined ? Effect.void : life.close(exit)
  }

  /** Leaves memory; call only when idle. */
  passivate(): void {
    this.leave(Effect.void, "Passivated", Exit.void, undefined)
  }

  /** The supervision ends: the queue becomes dead letters; a virtual actor begins afresh with the next message. */
  private giveUp(cause: Cause.Cause<unknown>): false {
    if (!this.host.virtual) this.host.accepting = false
    const why = Effect.logError(`actor ${this.host.registration.actor}/${this.id} stopped`, cause)
    this.leave(why, "Stopped", Exit.failCause(cause), cause)
    return false
  }

  private leave(
    before: Effect.Effect<void>,
    event: "Passivated" | "Stopped",
    exit: Exit.Exit<unknown, unknown>,
    cause: Cause.Cause<unknown> | undefined
  ): void {
    this.phase = Phase.closing
    this.host.undrained(this)
    this.buryQueue(cause)
    const closing = Effect.runForkWith(this.host.registration.context)(
      Effect.andThen(before, this.closeLife(exit)),
      { uninterruptible: true }
    )
    this.fiber = closing
    closing.addObserver(() => {
      this.fiber = undefined
      this.left(event, cause)
    })
  }

  /** The life has ended: begins another when messages wait for it, else the cell is gone. */
  private left(event: "Passivated" | "Stopped", cause: Cause.Cause<unknown> | undefined): void {
    const system = this.host.system
    this.backoff = undefined
    if (system.inspection.active) system.inspect(event, this, cause === undefined ? {} : { cause })
    if (!this.host.accepting) {
      this.refuseWaiters()
      this.buryQueue(undefined)
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
    if (this.phase !== Phase.idle || this.life?.isPlain === false) return false
    this.life = undefined
    this.fork = undefined
    this.left("Stopped", undefined)
    return true
  }

  /** Ends the actor for good: interrupts what runs, buries the rest, runs the finalizers. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { fiber, phase } = this
      switch (phase) {
        case Phase.dead:
          return Effect.void
        case Phase.busy:
          // A drain on this very stack goes first.
          return Effect.andThen(Effect.yieldNow, this.end)
        case Phase.closing:
          return fiber === undefined ? Effect.void : Effect.asVoid(Fiber.await(fiber))
        default:
          return this.ending(fiber, phase === Phase.waiting)
      }
    })
  }

  private ending(fiber: Fiber.Fiber<unknown, unknown> | undefined, handling: boolean): Effect.Effect<void> {
    this.phase = Phase.closing
    return Effect.gen({ self: this }, function* () {
      if (fiber !== undefined) {
        fiber.interruptUnsafe()
        const exit = yield* Fiber.await(fiber)
        this.fiber = undefined
        // A handler that has ended, with its turn to be settled still to come, has its answer.
        const item = this.current
        if (handling && item !== undefined && this.life?.handlers !== undefined) {
          if (exit._tag === "Success" || isDomainFailure(exit.cause)) this.settle(item, exit)
        }
      }
      this.refuseWaiters()
      this.buryQueue(undefined)
      yield* this.closeLife(Exit.void)
      this.left("Stopped", undefined)
    })
  }

  private buryQueue(cause: Cause.Cause<unknown> | undefined): void {
    const current = this.current
    this.current = undefined
    if (current !== undefined) this.bury(current, "stopped", new Stopped({}), cause)
    for (let item = this.inbox?.shift(); item !== undefined; item = this.inbox?.shift()) {
      this.bury(item, "stopped", new Stopped({}), cause)
    }
  }

  private bury(
    item: Item,
    reason: DeadLetterReason,
    why: AskErrorReason,
    cause: Cause.Cause<unknown> | undefined
  ): void {
    this.host.system.bury(this.host.registration.actor, this.id, item, reason, why, cause)
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
