import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import type { ActorRef } from "./ActorRef.ts"
import type { Counters } from "./ActorSystem.ts"
import { Ask, type Item, messageOf } from "./Ask.ts"
import { AskError, type AskErrorReason } from "./AskError.ts"
import type { Cell } from "./Cell.ts"
import type { DeadLetter, DeadLetterReason } from "./DeadLetter.ts"
import { EventBus } from "./EventBus.ts"
import { Host } from "./Host.ts"
import { Hub } from "./Hub.ts"
import type { InspectionEvent } from "./Inspection.ts"
import { LocalRef } from "./LocalRef.ts"
import type * as Message from "./Message.ts"
import type { Registration } from "./Registration.ts"

type FieldsOf<Tag extends InspectionEvent["_tag"]> = Omit<
  Extract<InspectionEvent, { readonly _tag: Tag }>,
  "_tag" | "actor" | "id" | "timeMillis"
>

/** What all actors of one process share. */
export class LocalSystem {
  readonly clock: Clock.Clock
  readonly dispatcher: Scheduler.SchedulerDispatcher
  readonly inspection = new Hub<InspectionEvent>()
  readonly letters = new Hub<DeadLetter>()
  readonly events = new EventBus()
  sent = 0
  handled = 0
  deadLettered = 0
  /** Drains on the stack. */
  depth = 0
  closed = false
  private readonly hosts = new Map<string, Host>()
  private readonly spawned = new Map<string, Host>()

  constructor(clock: Clock.Clock, scheduler: Scheduler.Scheduler) {
    this.clock = clock
    this.dispatcher = scheduler.makeDispatcher()
  }

  hostOf(actor: string, id: string): Host | undefined {
    const host =
      (this.spawned.size > 0 ? this.spawned.get(keyOf(actor, id)) : undefined) ?? this.hosts.get(actor)
    return host?.accepting === true ? host : undefined
  }

  ref(actor: string, id: string): ActorRef<Message.Any> {
    return new LocalRef(this, actor, id)
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
    const message = messageOf(item)
    this.deadLettered++
    const letter = { actor, id, message, reason, ...(cause === undefined ? undefined : { cause }) }
    if (this.letters.active) this.letters.emit(letter)
    if (this.inspection.active) {
      const timeMillis = this.clock.currentTimeMillisUnsafe()
      this.inspection.emit({ _tag: "DeadLettered", actor, id, timeMillis, letter })
    }
    if (item instanceof Ask) {
      item.answer(Exit.fail(new AskError({ reason: why, actor, id, messageTag: message._tag })))
    }
  }

  /** Call only while `inspection.active`. */
  inspect<Tag extends InspectionEvent["_tag"]>(tag: Tag, cell: Cell, fields: FieldsOf<Tag>): void {
    this.inspection.emit({
      _tag: tag,
      actor: cell.host.registration.actor,
      id: cell.id,
      timeMillis: this.clock.currentTimeMillisUnsafe(),
      ...fields
    } as InspectionEvent)
  }

  host(registration: Registration): Effect.Effect<void, never, Scope.Scope> {
    return this.run(this.hosts, registration.actor, new Host(this, registration, true))
  }

  spawn(registration: Registration, id: string): Effect.Effect<void, never, Scope.Scope> {
    const host = new Host(this, { ...registration, passivateAfterMillis: undefined }, false)
    const key = keyOf(registration.actor, id)
    return Effect.tap(this.run(this.spawned, key, host), () => Effect.sync(() => host.cell(id).schedule()))
  }

  private run(hosts: Map<string, Host>, key: string, host: Host): Effect.Effect<void, never, Scope.Scope> {
    const start = Effect.suspend(() => {
      const other = hosts.get(key)
      if (other?.accepting === true) {
        return Effect.die(
          new Error(
            `actor ${host.registration.actor} runs already; close the scope or layer that runs it first`
          )
        )
      }
      hosts.set(key, host)
      return Effect.void
    })
    const stop = Effect.andThen(
      host.stop,
      Effect.sync(() => {
        if (hosts.get(key) === host) hosts.delete(key)
      })
    )
    return Effect.asVoid(Effect.acquireRelease(start, () => stop))
  }

  get counters(): Counters {
    let queued = 0
    let actors = 0
    for (const hosts of [this.hosts, this.spawned]) {
      for (const host of hosts.values()) {
        queued += host.queued
        actors += host.size
      }
    }
    return { sent: this.sent, handled: this.handled, deadLettered: this.deadLettered, queued, actors }
  }

  /** Stops whatever still runs; then ends the streams. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    const hosts = [...this.spawned.values(), ...this.hosts.values()]
    return Effect.forEach(hosts, (host) => host.stop, { concurrency: "unbounded", discard: true })
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

const keyOf = (actor: string, id: string): string => `${actor.length}:${actor}${id}`

/** Starts a system in this process, which stops with the scope. */
export const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const scheduler = yield* Scheduler.Scheduler
  const system = yield* Effect.acquireRelease(
    Effect.sync(() => new LocalSystem(clock, scheduler)),
    (system) => system.close
  )
  return {
    host: (registration: Registration) => system.host(registration),
    spawn: (registration: Registration, id: string) => system.spawn(registration, id),
    ref: (actor: string, id: string) => system.ref(actor, id),
    deadLetters: system.letters.stream,
    inspection: system.inspection.stream,
    counters: Effect.sync(() => system.counters),
    events: system.events
  }
})
