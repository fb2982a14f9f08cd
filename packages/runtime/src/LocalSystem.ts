import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { ActorContext } from "./ActorContext.ts"
import type { ActorRef, AnyRef } from "./ActorRef.ts"
import type { ActorSystem, Census, Counters } from "./ActorSystem.ts"
import { AskError, type AskErrorReason, Unhosted } from "./AskError.ts"
import type { Cell } from "./Cell.ts"
import type { DeadLetter, DeadLetterReason } from "./DeadLetter.ts"
import { stopInPeace } from "./Ending.ts"
import { type Item, messageOf } from "./Envelope.ts"
import { EventBus } from "./EventBus.ts"
import { Host } from "./Host.ts"
import { Hub } from "./Hub.ts"
import type { InspectionEvent } from "./Inspection.ts"
import { LifeContext } from "./LifeContext.ts"
import { LocalRef } from "./LocalRef.ts"
import { Mail } from "./Mail.ts"
import type * as Message from "./Message.ts"
import { Phase } from "./Phase.ts"
import { refuse } from "./Refusal.ts"
import type { Registration } from "./Registration.ts"
import type { Tracing } from "./Tracing.ts"
import { treeOf } from "./Tree.ts"
import { Watchers } from "./Watchers.ts"

type FieldsOf<Tag extends InspectionEvent["_tag"]> = Omit<
  Extract<InspectionEvent, { readonly _tag: Tag }>,
  "_tag" | "actor" | "id" | "timeMillis"
>

/** What all actors of one process share. */
export class LocalSystem {
  readonly clock: Clock.Clock
  readonly dispatcher: Scheduler.SchedulerDispatcher
  /** True where one task of the dispatcher serves all cells that are ready; a scheduler that chooses an order chooses among cells. */
  private readonly sharesTurns: boolean
  readonly inspection = new Hub<InspectionEvent>()
  readonly letters = new Hub<DeadLetter>()
  readonly events = new EventBus()
  sent = 0
  deadLettered = 0
  /** Drains on the stack. */
  depth = 0
  closed = false
  /** Set while handlers are traced. */
  tracing: Tracing | undefined = undefined
  private readonly watchers = new Watchers()
  /** Of virtual actors, by actor. */
  private readonly hosts = new Map<string, Host>()
  /** Of one actor each, by actor and id. */
  private readonly spawned = new Map<string, Map<string, Host>>()
  /** What hosts did that are gone, by type of actor. */
  private readonly before = new Map<string, { handled: number; restarts: number }>()
  /** Whose context asked last for its sender, and the answer: loops that send ask with the same one. */
  private lastContext: Context.Context<never> | undefined = undefined
  private lastSender: AnyRef | undefined = undefined
  private lastSpan: Tracer.AnySpan | undefined = undefined

  constructor(clock: Clock.Clock, scheduler: Scheduler.Scheduler) {
    this.clock = clock
    this.dispatcher = scheduler.makeDispatcher()
    this.sharesTurns = scheduler instanceof Scheduler.MixedScheduler
  }

  /** Cells whose turn is to come, in that order. */
  private readonly ready = new Mail<Cell>()
  /** True while the dispatcher holds the task for them. */
  private turnsCome = false

  hostOf(actor: string, id: string): Host | undefined {
    const host = this.runningHost(actor, id)
    return host?.accepting === true ? host : undefined
  }

  /** Also one that stops and takes no more messages. */
  private runningHost(actor: string, id: string): Host | undefined {
    return this.spawned.get(actor)?.get(id) ?? this.hosts.get(actor)
  }

  ref(actor: string, id: string): ActorRef<Message.Any> {
    return new LocalRef(this, actor, id)
  }

  /** The actor that runs a fiber with this context, if one does. */
  senderOf(context: Context.Context<never>): AnyRef | undefined {
    if (context !== this.lastContext) this.lookUp(context)
    return this.lastSender
  }

  /** Traces handlers from now on, or stops doing so. */
  traceBy(tracing: Tracing | undefined): void {
    this.tracing = tracing
    this.lastContext = undefined
  }

  /** The span of a fiber with this context, while the system is traced. */
  spanOf(context: Context.Context<never>): Tracer.AnySpan | undefined {
    if (this.tracing === undefined) return undefined
    if (context !== this.lastContext) this.lookUp(context)
    return this.lastSpan
  }

  private lookUp(context: Context.Context<never>): void {
    const life = lifeOf(context)
    this.lastContext = context
    this.lastSender = life?.cell.host.system === this ? life.self : undefined
    this.lastSpan =
      this.tracing === undefined ? undefined : Context.getOrUndefined(context, Tracer.ParentSpan)
  }

  /** Makes a dead letter of an accepted message, and tells its asker. */
  bury(
    actor: string,
    id: string,
    item: Item,
    reason: DeadLetterReason,
    why: AskErrorReason,
    cause: Cause.Cause<unknown> | undefined
  ): void {
    this.record(actor, id, item, reason, cause)
    refuse(actor, id, item, why)
  }

  /** Makes a dead letter of an accepted message; its asker is still to be told. */
  record(
    actor: string,
    id: string,
    item: Item,
    reason: DeadLetterReason,
    cause: Cause.Cause<unknown> | undefined
  ): void {
    this.deadLettered++
    if (!this.letters.active && !this.inspection.active) return
    const letter = {
      actor,
      id,
      message: messageOf(item),
      reason,
      ...(cause === undefined ? undefined : { cause })
    }
    if (this.letters.active) this.letters.emit(letter)
    if (!this.inspection.active) return
    const timeMillis = this.clock.currentTimeMillisUnsafe()
    this.inspection.emit({ _tag: "DeadLettered", actor, id, timeMillis, letter })
  }

  /** Call only while `inspection.active`. */
  inspect<Tag extends InspectionEvent["_tag"]>(tag: Tag, cell: Cell, fields: FieldsOf<Tag>): void {
    this.inspection.emit({
      _tag: tag,
      actor: cell.host.registration.actor,
      id: cell.id,
      timeMillis: this.clock.currentTimeMillisUnsafe(),
      ...fields
    } as unknown as InspectionEvent)
  }

  host(registration: Registration): Effect.Effect<void, never, Scope.Scope> {
    return Effect.flatMap(Effect.scope, (scope) =>
      Effect.asVoid(this.start(() => this.hosts, registration.actor, registration, undefined, scope))
    )
  }

  /** Runs one actor; in the life of another actor's build or handler it is a child of that. */
  spawn(registration: Registration, id: string): Effect.Effect<void, never, Scope.Scope> {
    return Effect.contextWith((context: Context.Context<Scope.Scope>) => {
      const scope = Context.get(context, Scope.Scope)
      const life = lifeOf(context)
      const parent = life?.scope === scope && life.cell.host.system === this ? life.cell : undefined
      const ids = () => {
        const ids = this.spawned.get(registration.actor) ?? new Map<string, Host>()
        this.spawned.set(registration.actor, ids)
        return ids
      }
      return Effect.map(this.start(ids, id, registration, parent, scope), (host) => {
        // A scope that is closed already has ended it.
        if (host.accepting) host.cell(id).schedule()
      })
    })
  }

  private start(
    among: () => Map<string, Host>,
    key: string,
    registration: Registration,
    parent: Cell | undefined,
    scope: Scope.Scope
  ): Effect.Effect<Host> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const hosts = among()
        const before = hosts.get(key)
        const isVirtual = hosts === this.hosts
        // Its host may have activated it before.
        const runs = !isVirtual && this.hosts.get(registration.actor)?.find(key) !== undefined
        if (before?.accepting === true || runs) {
          return Effect.die(
            new Error(`actor ${registration.actor} runs already; close the scope or layer that runs it first`)
          )
        }
        // Never two at the same time.
        if (before !== undefined) {
          const again = Effect.suspend(() => this.start(among, key, registration, parent, scope))
          return Effect.andThen(restore(before.ended.await), again)
        }
        const own = Scope.forkUnsafe(scope)
        const host = new Host(this, registration, { virtual: isVirtual, parent, scope: own })
        hosts.set(key, host)
        if (parent !== undefined) {
          parent.more.children ??= new Set()
          parent.more.children.add(host)
        }
        const gone = Effect.sync(() => {
          this.note(host)
          if (hosts.get(key) === host) hosts.delete(key)
          if (hosts.size === 0 && this.spawned.get(registration.actor) === hosts) {
            this.spawned.delete(registration.actor)
          }
          if (host.virtual) this.watchers.endedAll(registration.actor)
          if (parent?.rare?.children?.delete(host) === true && parent.phase === Phase.idle)
            parent.host.rests(parent)
          host.ended.openUnsafe()
        })
        return Effect.as(Scope.addFinalizer(own, Effect.ensuring(host.stop, gone)), host)
      })
    )
  }

  /** Gives a cell its turn after those that wait already. */
  schedule(cell: Cell): void {
    if (!this.sharesTurns) {
      this.dispatcher.scheduleTask(() => cell.turn(), 0)
      return
    }
    this.ready.push(cell)
    this.callForTurns()
  }

  private callForTurns(): void {
    if (this.turnsCome) return
    this.turnsCome = true
    this.dispatcher.scheduleTask(this.giveTurns, 0)
  }

  private readonly giveTurns = (): void => {
    // Cells that become ready meanwhile go behind what else waits for the same dispatcher.
    for (let cells = this.ready.length; cells > 0; cells--) this.ready.shift()?.turn()
    this.turnsCome = false
    if (this.ready.length > 0) this.callForTurns()
  }

  /** Calls `onEnd` once the actor has stopped; at once where nobody hosts it. The answer takes that back. */
  watch(actor: string, id: string, onEnd: (exit: Exit.Exit<void, unknown>) => void): () => void {
    if (this.runningHost(actor, id) === undefined) {
      const reason = new Unhosted({})
      onEnd(Exit.fail(new AskError({ reason, actor, id, messageTag: "watch" })))
      return () => undefined
    }
    return this.watchers.add(actor, id, onEnd)
  }

  /** An actor has stopped. */
  ended(actor: string, id: string, exit: Exit.Exit<void, unknown>): void {
    this.watchers.ended(actor, id, exit)
  }

  /** Stops one actor in peace, its children before it; nothing to do where none is in memory. */
  stop(actor: string, id: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const host = this.runningHost(actor, id)
      const cell = host?.find(id)
      if (host === undefined || cell === undefined) return Effect.void
      // An actor that would wait for itself.
      const self = Effect.contextWith((context: Context.Context<never>) =>
        Effect.succeed(lifeOf(context)?.cell === cell)
      )
      const stopping = host.virtual ? stopInPeace(cell, host.registration.drainMillis) : host.close(Exit.void)
      return Effect.flatMap(self, (isSelf) => {
        if (isSelf) return Effect.sync(() => cell.give({ _tag: "Stop" }))
        // Goes on when nobody waits for it any more.
        return Effect.forkDetach(stopping, { startImmediately: true }).pipe(Effect.flatMap(Fiber.join))
      })
    })
  }

  get counters(): Counters {
    let queued = 0
    let actors = 0
    let handled = 0
    for (const kind of this.before.values()) handled += kind.handled
    for (const host of this.allHosts()) {
      queued += host.queued
      actors += host.size
      handled += host.handled
    }
    return { sent: this.sent, handled, deadLettered: this.deadLettered, queued, actors }
  }

  /** Remembers what a host did that is gone. */
  private note(host: Host): void {
    const { actor } = host.registration
    const before = this.before.get(actor) ?? { handled: 0, restarts: 0 }
    this.before.set(actor, {
      handled: before.handled + host.handled,
      restarts: before.restarts + host.restarts
    })
    host.handled = 0
    host.restarts = 0
  }

  get census(): Census {
    const kinds = new Map<string, { handled: number; restarts: number; actors: number }>()
    let handled = 0
    const add = (actor: string, from: { handled: number; restarts: number }, actors: number) => {
      const kind = kinds.get(actor) ?? { handled: 0, restarts: 0, actors: 0 }
      kinds.set(actor, {
        handled: kind.handled + from.handled,
        restarts: kind.restarts + from.restarts,
        actors: kind.actors + actors
      })
      handled += from.handled
    }
    for (const [actor, before] of this.before) add(actor, before, 0)
    for (const host of this.allHosts()) add(host.registration.actor, host, host.size)
    const { deadLettered, sent } = this
    return { sent, deadLettered, queued: sent - handled - deadLettered, kinds }
  }

  get tree() {
    return treeOf(this.allHosts())
  }

  *allHosts(): Iterable<Host> {
    yield* this.hosts.values()
    for (const ids of this.spawned.values()) yield* ids.values()
  }

  /** Stops whatever still runs, children before parents; then ends the streams. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    const roots = [...this.allHosts()].filter((host) => host.parent === undefined)
    return Effect.forEach(roots, (host) => host.close(Exit.void), { concurrency: "unbounded", discard: true })
  }).pipe(
    Effect.andThen(
      Effect.sync(() => {
        this.letters.end()
        this.events.end()
        this.inspection.end()
      })
    )
  )
}

/** The life of an actor that a context belongs to. */
const lifeOf = (context: Context.Context<never>): LifeContext | undefined => {
  const life = Context.getOrUndefined(context, ActorContext)
  return life instanceof LifeContext ? life : undefined
}

/** Starts a system in this process, which stops with the scope. */
export const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const scheduler = yield* Scheduler.Scheduler
  const system = yield* Effect.acquireRelease(
    Effect.sync(() => new LocalSystem(clock, scheduler)),
    (system) => system.close
  )
  const service: ActorSystem["Service"] = {
    host: (registration) => system.host(registration),
    spawn: (registration, id) => system.spawn(registration, id),
    ref: (actor, id) => system.ref(actor, id),
    watch: (actor, id, onEnd) => system.watch(actor, id, onEnd),
    stop: (actor, id) => system.stop(actor, id),
    trace: (tracing) =>
      Effect.acquireRelease(
        Effect.sync(() => system.traceBy(tracing)),
        () =>
          Effect.sync(() => {
            if (system.tracing === tracing) system.traceBy(undefined)
          })
      ),
    deadLetters: system.letters.stream,
    inspection: system.inspection.stream,
    counters: Effect.sync(() => system.counters),
    census: Effect.sync(() => system.census),
    tree: Effect.sync(() => system.tree),
    events: system.events
  }
  return service
})
