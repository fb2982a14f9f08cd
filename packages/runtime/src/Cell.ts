import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { ActorContext } from "./ActorContext.ts"
import { Ask } from "./Ask.ts"
import { type AskErrorReason, Parked, Stopped } from "./AskError.ts"
import { activate, crashed } from "./Crash.ts"
import type { DeadLetterReason } from "./DeadLetter.ts"
import { depthMax } from "./Depth.ts"
import { isDomainFailure } from "./DomainFailure.ts"
import { leave } from "./Ending.ts"
import { Envelope, type Item, messageOf, senderOf } from "./Envelope.ts"
import { takeOff } from "./Flights.ts"
import type { Host, IdleNode } from "./Host.ts"
import type { Inbox } from "./Inbox.ts"
import { LifeContext } from "./LifeContext.ts"
import { Mail } from "./Mail.ts"
import { obey } from "./Obedience.ts"
import { Phase } from "./Phase.ts"
import { RankedMail } from "./RankedMail.ts"
import { allOf, countQueued, nextOf, type Order, Rare } from "./Rare.ts"
import type { HandlerTable } from "./Registration.ts"
import { checkSelfWait } from "./SelfWait.ts"
import { isStashed, stash } from "./Stash.ts"
import { type Started, Stretch, worthwhile } from "./Stretch.ts"
import { TimedEnvelope } from "./TimedEnvelope.ts"
import type { Tracing } from "./Tracing.ts"
import { admit } from "./Waiting.ts"

/** What one turn on the dispatcher may cost, in handlers that answer with an `Exit`: a flooded actor delays others by at most this. */
const turnCost = 1024

/** How long one turn may last, as far as handlers that do not suspend allow. */
const turnMillisMax = 1

/** After how much of its cost a turn looks at the clock. */
const costBetweenLooks = 32

/** What a handler costs that needs a fiber. */
const fiberCost = 4

/**
 * One actor: a plain object while it is idle. The first message schedules one drain, which handles a batch in a loop;
 * a handler that answers with an `Exit`, or without suspending, never leaves that loop.
 *
 * `Crash.ts` says how it restarts, `Ending.ts` how it ends; only the files of the core touch its fields.
 */
export class Cell {
  readonly host: Host
  readonly id: string
  phase: Phase = Phase.idle
  /** Of this life; `undefined` between two lives. */
  handlers: HandlerTable | undefined = undefined
  /** The message being handled, or to be tried again. */
  current: Item | undefined = undefined
  /** This life's; made when a build or a handler first needs a fiber. */
  scope: Scope.Closeable | undefined = undefined
  rare: Rare | undefined = undefined
  /** Its place in the host's list of idle cells. */
  idle: IdleNode | undefined = undefined

  constructor(host: Host, id: string) {
    this.host = host
    this.id = id
  }

  /** Messages accepted and not yet handled. */
  get queued(): number {
    return (this.current === undefined ? 0 : 1) + (this.rare === undefined ? 0 : countQueued(this.rare))
  }

  /** True while it works, and a stop should wait for it; a restart is not waited for. */
  get drains(): boolean {
    const { phase } = this
    return (
      phase === Phase.scheduled || phase === Phase.busy || phase === Phase.waiting || this.handlersRunning > 0
    )
  }

  /** Handlers of a re-entrant actor that have begun and not ended. */
  get handlersRunning(): number {
    return this.rare?.flights?.size ?? 0
  }

  /** What only some actors have. */
  get more(): Rare {
    this.rare ??= new Rare()
    return this.rare
  }

  // Receiving

  /** True when a message may be pushed; nobody overtakes a sender that waits. */
  get hasRoom(): boolean {
    const { rare } = this
    return this.waiting < this.host.capacity && (rare?.waiters === undefined || rare.waiters.length === 0)
  }

  /** What counts towards the capacity: messages that wait for their turn. */
  get waiting(): number {
    const inbox = this.rare?.inbox
    const waiting = inbox === undefined ? 0 : inbox.length
    return this.current !== undefined && this.phase === Phase.scheduled ? waiting + 1 : waiting
  }

  /** Accepts a message, whatever room there is. */
  push(item: Item): void {
    const { host, phase } = this
    // Without a rank nothing may overtake it: it needs no inbox.
    if (phase === Phase.idle && this.current === undefined && !host.ranked) {
      this.current = item
      host.system.sent++
      this.schedule()
      return
    }
    this.enqueue(item)
  }

  /** Accepts a message into the inbox, from where it can be withdrawn. */
  enqueue(item: Item): void {
    this.host.system.sent++
    this.inbox.push(item)
    // Not asked before: a message that has no rank resumes its asker, who may have sent others.
    if (this.phase === Phase.idle) this.schedule()
  }

  /** Where messages wait; made when one first has to. */
  get inbox(): Inbox {
    const { more } = this
    const { rank } = this.host.registration.mailbox
    more.inbox ??=
      rank === undefined ? new Mail() : new RankedMail(rank, (item, defect) => this.unranked(item, defect))
    return more.inbox
  }

  /** The mailbox cannot tell the place of a message. */
  private unranked(item: Item, defect: unknown): void {
    if (item instanceof TimedEnvelope) item.timer.taken(item)
    this.bury(item, "parked", new Parked({ attempts: 0, defect }), Cause.die(defect))
  }

  /** Accepts a message and handles it on the caller's stack; call only when idle. */
  runNow(item: Item): void {
    this.host.system.sent++
    this.current = item
    this.run()
  }

  /** Gives an order that goes before every message; a stop outranks a crash, a crash a restart. */
  give(order: Order): void {
    const { phase } = this
    if (phase === Phase.closing || phase === Phase.dead) return
    // It starts anew already.
    if (phase === Phase.restarting && order._tag === "Restart") return
    const given = this.more.order
    if (given !== undefined && rankOf(given) >= rankOf(order)) return
    this.more.order = order
    if (phase === Phase.idle) this.schedule()
  }

  // Handling

  /** Makes the drain's turn come. */
  schedule(): void {
    this.host.busy(this)
    this.phase = Phase.scheduled
    this.host.system.turns.schedule(this)
  }

  /** The turn has come. */
  turn(): void {
    if (this.phase === Phase.scheduled) this.run()
  }

  run(): void {
    const { host } = this
    const { system } = host
    host.busy(this)
    this.phase = Phase.busy
    system.depth++
    let budget = turnCost
    let lookAt = turnCost - costBetweenLooks
    let endMillis = 0
    for (;;) {
      if (this.rare?.order !== undefined && !obey(this)) break
      if (this.handlers === undefined) {
        if (!activate(this)) break
        // The build may have ordered a stop.
        if (this.rare?.order !== undefined) continue
      }
      if (budget < lookAt) {
        lookAt = budget - costBetweenLooks
        const nowMillis = system.clock.currentTimeMillisUnsafe()
        // A turn that has got this far is timed from here on.
        if (endMillis === 0) endMillis = nowMillis + turnMillisMax
        else if (nowMillis >= endMillis) budget = 0
      }
      if (this.current === undefined) {
        if (budget <= 0 && this.queued > this.handlersRunning) {
          this.schedule()
          break
        }
        this.current = this.next()
        if (this.current === undefined) {
          this.rest()
          break
        }
        budget--
      }
      const effect = this.begin(this.current)
      let exit: Exit.Exit<unknown, unknown> | undefined
      if (isExit(effect)) {
        exit = effect
      } else if (host.concurrency > 1) {
        budget -= fiberCost
        if (takeOff(this, this.current, effect)) continue
        break
      } else if ((this.rare?.inbox?.length ?? 0) >= worthwhile) {
        const stretch = new Stretch(effect, this)
        exit = this.runInFiber(stretch.effect)
        budget -= fiberCost + stretch.taken * fiberCost
      } else {
        exit = this.runInFiber(effect)
        budget -= fiberCost
      }
      if (exit === undefined || !this.settle(this.current as Item, exit)) break
    }
    system.depth--
    if (this.rare !== undefined) admit(this)
    if (this.isIdle) host.rests(this)
  }

  private get isIdle(): boolean {
    return this.phase === Phase.idle
  }

  /** There is no message. */
  private rest(): void {
    if (this.rare?.draining === undefined) this.phase = Phase.idle
    else if (this.handlersRunning > 0) this.phase = Phase.waiting
    else leave(this, "Stopped", Exit.void, undefined)
  }

  /** Takes the next message out of the mailbox. */
  private next(): Item | undefined {
    const { rare } = this
    if (rare === undefined) return undefined
    return rare.sorts ? nextOf(rare) : rare.inbox?.shift()
  }

  /** Calls the handler. */
  private begin(item: Item): Effect.Effect<unknown, unknown> {
    const message = item instanceof Envelope ? item.message : item
    const { system } = this.host
    if (system.inspection.active) system.inspect("Received", this, { message })
    // A handler is the user's code and may throw before it answers an effect.
    try {
      const handler = (this.handlers as HandlerTable)[message._tag]
      const effect = handler === undefined ? this.unknown(message._tag) : handler(message)
      return system.tracing === undefined ? effect : this.traced(system.tracing, item, effect)
    } catch (defect) {
      return Exit.die(defect)
    }
  }

  private traced(
    tracing: Tracing,
    item: Item,
    handler: Effect.Effect<unknown, unknown>
  ): Effect.Effect<unknown, unknown> {
    const handling = {
      actor: this.host.registration.actor,
      id: this.id,
      message: messageOf(item),
      sender: senderOf(item),
      sentIn: item instanceof Envelope ? item.span : undefined
    }
    return tracing(handling, handler)
  }

  private unknown(tag: string): Effect.Effect<never> {
    return Exit.die(new TypeError(`${this.host.registration.actor} has no handler for a message "${tag}"`))
  }

  /** What the builds and handlers of this life run in. */
  get context(): Context.Context<never> {
    this.scope ??= Scope.makeUnsafe()
    return this.host.registration.context.pipe(
      Context.add(Scope.Scope, this.scope),
      Context.add(ActorContext, new LifeContext(this, this.scope))
    ) as Context.Context<never>
  }

  /** Starts a handler of this life. */
  get fork(): <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E> {
    const { more } = this
    more.fork ??= Effect.runForkWith(this.context)
    return more.fork
  }

  /** Runs a handler or a stretch of them; `undefined` when the fiber goes on without the drain. */
  private runInFiber(effect: Effect.Effect<unknown, unknown>): Exit.Exit<unknown, unknown> | undefined {
    const fiber = (this.rare?.fork ?? this.fork)(effect)
    return (
      fiber.pollUnsafe() ??
      this.goOnWith(fiber, Phase.waiting, (exit) => this.settle(this.current as Item, exit))
    )
  }

  /** Leaves the drain to a fiber; `then` says whether the drain goes on after it. */
  goOnWith<A, E>(
    fiber: Fiber.Fiber<A, E>,
    phase: typeof Phase.waiting | typeof Phase.restarting,
    then: (exit: Exit.Exit<A, E>) => boolean
  ): undefined {
    const { more } = this
    this.phase = phase
    more.fiber = fiber
    checkSelfWait(this, fiber)
    fiber.addObserver((exit) => {
      const { system } = this.host
      const goOn = () => {
        // A stop that took the fiber over settles by itself.
        if (more.fiber !== fiber || this.phase === Phase.closing) return
        more.fiber = undefined
        // An answer resumes its asker on this stack, who may end this very actor: that waits for the drain.
        this.phase = Phase.busy
        system.depth++
        const drains = then(exit)
        system.depth--
        if (drains) this.run()
        else admit(this)
      }
      if (system.depth < depthMax) goOn()
      else system.later(goOn)
    })
  }

  /** Answers, or treats the crash; true when the drain may go on. */
  settle(item: Item, exit: Exit.Exit<unknown, unknown>): boolean {
    if (exit._tag === "Failure" && !isDomainFailure(exit.cause)) {
      if (isStashed(exit.cause)) return stash(this, item)
      return crashed(this, item, exit.cause)
    }
    this.settled(item, exit)
    if (item instanceof Ask) item.answer(exit)
    return true
  }

  /** The current message is handled. */
  private settled(item: Item, exit: Exit.Exit<unknown, unknown> | undefined): void {
    const { host } = this
    if (this.current === item) this.current = undefined
    if (this.rare?.backoff !== undefined) this.rare.backoff.attempts = 0
    host.handled++
    if (host.system.inspection.active) {
      const error = exit?._tag === "Failure" ? { error: Cause.squash(exit.cause) } : undefined
      host.system.inspect("Completed", this, { message: messageOf(item), ...error })
    }
  }

  /** In a stretch: settles a success and begins the next message, while the drain is on the stack and there is one. */
  handleNext(value: unknown): Started {
    const { rare } = this
    if (this.phase !== Phase.busy || rare?.inbox === undefined || rare.inbox.length === 0) return undefined
    if (rare.order !== undefined || rare.sorts) return undefined
    const item = this.current as Item
    this.settled(item, undefined)
    if (item instanceof Ask) item.answer(Exit.succeed(value))
    const next = rare.inbox.shift() as Item
    this.current = next
    return this.begin(next)
  }

  // Ending

  /** Makes dead letters of the messages of this life; of all messages when nobody stops it in peace. */
  buryQueue(cause: Cause.Cause<unknown> | undefined): void {
    const { current, rare } = this
    // What timers sent is cancelled with them.
    rare?.timers?.cancelAllNow()
    this.current = undefined
    if (current !== undefined) this.bury(current, "stopped", new Stopped({}), cause)
    if (rare === undefined) return
    for (const mail of [rare.front, rare.stash, rare.draining ?? rare.inbox]) {
      for (const item of allOf(rare, mail)) this.bury(item, "stopped", new Stopped({}), cause)
    }
  }

  bury(
    item: Item,
    reason: DeadLetterReason,
    why: AskErrorReason,
    cause: Cause.Cause<unknown> | undefined
  ): void {
    this.host.system.bury(this.host.registration.actor, this.id, item, reason, why, cause)
  }
}

const rankOf = ({ _tag }: Order): number => (_tag === "Stop" ? 2 : _tag === "Crash" ? 1 : 0)

const successes: unknown = Object.getPrototypeOf(Exit.void)
const failures: unknown = Object.getPrototypeOf(Exit.die(undefined))

/** `Exit.isExit`, without a look-up by name: it is asked once a message. An exit of another making runs in a fiber. */
const isExit = (effect: Effect.Effect<unknown, unknown>): effect is Exit.Exit<unknown, unknown> => {
  const prototype: unknown = Object.getPrototypeOf(effect)
  return prototype === successes || prototype === failures
}
