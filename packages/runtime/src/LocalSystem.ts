import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import type { ActorRef } from "./ActorRef.ts"
import type { ActorSystem } from "./ActorSystem.ts"
import { AskError, type AskErrorReason, Unhosted } from "./AskError.ts"
import type { Cell } from "./Cell.ts"
import type { DeadLetter, DeadLetterReason } from "./DeadLetter.ts"
import { stopInPeace } from "./Ending.ts"
import { type Item, messageOf } from "./Envelope.ts"
import { EventBus } from "./EventBus.ts"
import type { Host } from "./Host.ts"
import { Hosts } from "./Hosts.ts"
import { Hub } from "./Hub.ts"
import type { InspectionEvent } from "./Inspection.ts"
import { LocalRef } from "./LocalRef.ts"
import type * as Message from "./Message.ts"
import { refuse } from "./Refusal.ts"
import type { Registration } from "./Registration.ts"
import type { SelfWait } from "./SelfWait.ts"
import { lifeOf, Senders } from "./Senders.ts"
import type { Tracing } from "./Tracing.ts"
import { treeOf } from "./Tree.ts"
import { Turns } from "./Turns.ts"
import { Watchers } from "./Watchers.ts"

type FieldsOf<Tag extends InspectionEvent["_tag"]> = Omit<
  Extract<InspectionEvent, { readonly _tag: Tag }>,
  "_tag" | "actor" | "id" | "timeMillis"
>

/** What all actors of one process share. */
export class LocalSystem {
  readonly clock: Clock.Clock
  readonly turns: Turns
  readonly inspection = new Hub<InspectionEvent>()
  readonly letters = new Hub<DeadLetter>()
  readonly events = new EventBus()
  readonly watchers = new Watchers()
  readonly hosts = new Hosts(this)
  readonly senders = new Senders(this)
  sent = 0
  deadLettered = 0
  /** Drains on the stack. */
  depth = 0
  closed = false
  /** The latest fiber of an actor that is about to wait for that actor. */
  selfWait: SelfWait | undefined = undefined
  /** Set while handlers are traced. */
  tracing: Tracing | undefined = undefined

  constructor(clock: Clock.Clock, scheduler: Scheduler.Scheduler) {
    this.clock = clock
    this.turns = new Turns(scheduler)
  }

  /** Runs `task` in a turn of its own, after what waits already. */
  later(task: () => void): void {
    this.turns.dispatcher.scheduleTask(task, 0)
  }

  /** The host that takes messages for an actor. */
  hostOf(actor: string, id: string): Host | undefined {
    const host = this.hosts.find(actor, id)
    return host?.accepting === true ? host : undefined
  }

  ref(actor: string, id: string): ActorRef<Message.Any> {
    return new LocalRef(this, actor, id)
  }

  /** Traces handlers from now on, or stops doing so. */
  traceBy(tracing: Tracing | undefined): void {
    this.tracing = tracing
    this.senders.forget()
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
      Effect.asVoid(this.hosts.startVirtual(registration, scope))
    )
  }

  /** Runs one actor; in the life of another actor's build or handler it is a child of that. */
  spawn(registration: Registration, id: string): Effect.Effect<void, never, Scope.Scope> {
    return Effect.contextWith((context: Context.Context<Scope.Scope>) => {
      const scope = Context.get(context, Scope.Scope)
      const life = lifeOf(context)
      const parent = life?.scope === scope && life.cell.host.system === this ? life.cell : undefined
      return Effect.map(this.hosts.startOne(registration, id, parent, scope), (host) => {
        // A scope that is closed already has ended it.
        if (host.accepting) host.cell(id).schedule()
      })
    })
  }

  /** Calls `onEnd` once the actor has stopped; at once where nobody hosts it. The answer takes that back. */
  watch(actor: string, id: string, onEnd: (exit: Exit.Exit<void, unknown>) => void): () => void {
    if (this.hosts.find(actor, id) === undefined) {
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
      const host = this.hosts.find(actor, id)
      const cell = host?.find(id)
      if (host === undefined || cell === undefined) return Effect.void
      const caller = Effect.contextWith((context: Context.Context<never>) =>
        Effect.succeed(lifeOf(context)?.cell)
      )
      const stopping = host.virtual ? stopInPeace(cell, host.registration.drainMillis) : host.close(Exit.void)
      return Effect.flatMap(caller, (by) => {
        // It, and whoever is below it, would wait for an end that waits for them.
        if (by === cell) return Effect.sync(() => cell.give({ _tag: "Stop" }))
        // Goes on when nobody waits for it any more.
        const begun = Effect.forkDetach(stopping, { startImmediately: true })
        return by !== undefined && isBelow(by, cell)
          ? Effect.asVoid(begun)
          : Effect.flatMap(begun, Fiber.join)
      })
    })
  }

  /** Stops whatever still runs, children before parents; then ends the streams. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    const roots = [...this.hosts.all()].filter((host) => host.parent === undefined)
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

/** True for an actor that was spawned in the life of `above`, or of one below it. */
const isBelow = ({ host: { parent } }: Cell, above: Cell): boolean =>
  parent !== undefined && (parent === above || isBelow(parent, above))

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
    counters: Effect.sync(() => system.hosts.counters),
    census: Effect.sync(() => system.hosts.census),
    tree: Effect.sync(() => treeOf(system.hosts.all())),
    events: system.events
  }
  return service
})
