import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Census, Counters } from "./ActorSystem.ts"
import type { Cell } from "./Cell.ts"
import { Host } from "./Host.ts"
import type { LocalSystem } from "./LocalSystem.ts"
import { Phase } from "./Phase.ts"
import type { Registration } from "./Registration.ts"

/** The hosts of a system: those of virtual actors, and one for each spawned actor. */
export class Hosts {
  private readonly system: LocalSystem
  /** Of virtual actors, by actor. */
  private readonly virtual = new Map<string, Host>()
  /** Of one actor each, by actor and id. */
  private readonly spawned = new Map<string, Map<string, Host>>()
  /** What hosts did that are gone, by type of actor. */
  private readonly before = new Map<string, Deeds>()

  constructor(system: LocalSystem) {
    this.system = system
  }

  /** The host of an actor; also one that stops and takes no more messages. */
  find(actor: string, id: string): Host | undefined {
    return this.spawned.get(actor)?.get(id) ?? this.virtual.get(actor)
  }

  *all(): Iterable<Host> {
    yield* this.virtual.values()
    for (const ids of this.spawned.values()) yield* ids.values()
  }

  /** Hosts virtual actors until `scope` closes. */
  startVirtual(registration: Registration, scope: Scope.Scope): Effect.Effect<Host> {
    return this.start(() => this.virtual, registration.actor, registration, undefined, scope)
  }

  /** Hosts one actor until `scope` closes. */
  startOne(
    registration: Registration,
    id: string,
    parent: Cell | undefined,
    scope: Scope.Scope
  ): Effect.Effect<Host> {
    const ids = () => {
      const ids = this.spawned.get(registration.actor) ?? new Map<string, Host>()
      this.spawned.set(registration.actor, ids)
      return ids
    }
    return this.start(ids, id, registration, parent, scope)
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
        const isVirtual = hosts === this.virtual
        // Its host may have activated it before.
        const runs = !isVirtual && this.virtual.get(registration.actor)?.find(key) !== undefined
        if (before?.accepting === true || runs) {
          const remedy = isVirtual
            ? "is hosted already; provide its layer once, or close the one that hosts it first"
            : "runs already; close the scope that runs it first, or spawn it under another id"
          return Effect.die(new Error(`actor ${registration.actor}${isVirtual ? "" : `/${key}`} ${remedy}`))
        }
        // Never two at the same time.
        if (before !== undefined) {
          const again = Effect.suspend(() => this.start(among, key, registration, parent, scope))
          return Effect.andThen(restore(before.ended.await), again)
        }
        const own = Scope.forkUnsafe(scope)
        const host = new Host(this.system, registration, { virtual: isVirtual, parent, scope: own })
        hosts.set(key, host)
        if (parent !== undefined) {
          parent.more.children ??= new Set()
          parent.more.children.add(host)
        }
        const gone = Effect.sync(() => {
          this.remember(host)
          if (hosts.get(key) === host) hosts.delete(key)
          if (hosts.size === 0 && this.spawned.get(registration.actor) === hosts) {
            this.spawned.delete(registration.actor)
          }
          if (host.virtual) this.system.watchers.endedAll(registration.actor)
          if (parent?.rare?.children?.delete(host) === true && parent.phase === Phase.idle) {
            parent.host.rests(parent)
          }
          host.ended.openUnsafe()
        })
        return Effect.as(Scope.addFinalizer(own, Effect.ensuring(host.stop, gone)), host)
      })
    )
  }

  /** Remembers what a host did that is gone. */
  private remember(host: Host): void {
    const { actor } = host.registration
    this.before.set(actor, add(this.before.get(actor), host))
    host.handled = 0
    host.restarts = 0
  }

  get counters(): Counters {
    const { deadLettered, sent } = this.system
    let queued = 0
    let actors = 0
    let handled = 0
    for (const deeds of this.before.values()) handled += deeds.handled
    for (const host of this.all()) {
      queued += host.queued
      actors += host.size
      handled += host.handled
    }
    return { sent, handled, deadLettered, queued, actors }
  }

  get census(): Census {
    const { deadLettered, sent } = this.system
    const kinds = new Map<string, Deeds & { readonly actors: number }>()
    let handled = 0
    const count = (actor: string, deeds: Deeds, actors: number) => {
      const kind = kinds.get(actor)
      kinds.set(actor, { ...add(kind, deeds), actors: (kind?.actors ?? 0) + actors })
      handled += deeds.handled
    }
    for (const [actor, deeds] of this.before) count(actor, deeds, 0)
    for (const host of this.all()) count(host.registration.actor, host, host.size)
    return { sent, deadLettered, queued: sent - handled - deadLettered, kinds }
  }
}

interface Deeds {
  readonly handled: number
  readonly restarts: number
}

const add = (left: Deeds | undefined, right: Deeds): Deeds => ({
  handled: (left?.handled ?? 0) + right.handled,
  restarts: (left?.restarts ?? 0) + right.restarts
})
