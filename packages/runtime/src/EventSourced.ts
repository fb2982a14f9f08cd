import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Actor from "./Actor.ts"
import { ActorContext } from "./ActorContext.ts"
import { type Decide, Decider, type DecideServices, type Evolve } from "./Decider.ts"
import { Journal } from "./Journal.ts"
import type { JournalError } from "./JournalError.ts"
import { Ledger } from "./Ledger.ts"
import type * as Message from "./Message.ts"
import type { HandlerTable } from "./Registration.ts"
import type { SnapshotPolicy } from "./SnapshotPolicy.ts"
import type { AnyUpcaster, EventClass, Ordered, Tagged } from "./Upcaster.ts"

export type { Decide, Evolve } from "./Decider.ts"
export { type Decision, noop, persist, persistAll, reply } from "./Decision.ts"
export { decodeEvents, UnknownEvent } from "./EventCodec.ts"
export { every, type SnapshotPolicy } from "./SnapshotPolicy.ts"
export { type EventClass, type Upcaster, upcast } from "./Upcaster.ts"

/**
 * What `make` answers: the effect that `toLayer` and `spawn` take.
 *
 * It carries its decider, so that `DeciderTest` of `@troupe/runtime/testing` can try it without journal and actor.
 */
export interface Behaviour<in out M extends Message.Any, in out State, out Event extends Tagged, out R>
  extends Effect.Effect<Actor.Handlers<M, R>, JournalError, Journal | ActorContext | Scope.Scope> {
  readonly decider: Decider<State>
  /** A type only; never there. */
  readonly "~event"?: Event
}

/**
 * The behaviour of an actor whose state is its history: pass it to `toLayer` or `spawn`.
 *
 * - Activation reads the newest snapshot that fits the state's schema, and the entries after it. `evolve` is pure; `decide` may use services.
 * - The events of one command are one entry of the journal: all or none. The answer comes after they are stored.
 * - `upcasters` keep old histories readable, also under a snapshot: an event that fits no schema in `events` becomes what its upcaster
 *   says. One that nobody knows keeps the actor from starting, with `JournalDamaged` and the remedy; it stays stored as it is.
 * - Two writers of one history cannot both win: the loser restarts from the journal and decides again (at most five times).
 * - A message class with a `primaryKey` takes effect at most once among the last `rememberCommands` (default 1 000) stored
 *   commands of that actor: a repeat gets the first answer and stores nothing. What stored nothing (`reply`, `noop`, a domain
 *   error) is decided anew.
 * - When the journal does not say whether an entry was stored, the actor restarts from the journal. A message with a primaryKey is
 *   then tried again; another is parked, because trying it again could double it.
 * - Saving a snapshot runs beside the actor; a failed save is logged and tried again `snapshot` events later.
 */
export const make = <
  Name extends string,
  M extends Message.Any,
  State,
  const Events extends ReadonlyArray<EventClass>,
  V extends Evolve<State, Events[number]["Type"]>,
  D extends Decide<M, State, Events[number]["Type"], unknown>,
  const Upcasters extends ReadonlyArray<AnyUpcaster> = readonly []
>(
  actor: Actor.Actor<Name, M>,
  options: {
    readonly state: Schema.Codec<State, unknown>
    readonly events: Events
    /** Oldest first: each makes events of today, or ones that a later one takes. */
    readonly upcasters?: Upcasters & Ordered<Upcasters, Events[number]["Type"]>
    readonly initial: () => State
    readonly evolve: V
    readonly decide: D
    readonly snapshot?: SnapshotPolicy
    readonly rememberCommands?: number
  }
): Behaviour<M, State, Events[number]["Type"], DecideServices<D>> => {
  const decider = new Decider(actor, { ...options, upcasters: options.upcasters ?? [] })
  const build = Effect.gen(function* () {
    const ledger = new Ledger({
      decider,
      journal: yield* Journal,
      history: yield* ActorContext,
      scope: yield* Effect.scope,
      snapshot: options.snapshot,
      rememberCommands: options.rememberCommands ?? 1000
    })
    yield* ledger.open
    const handlers: { [tag: string]: HandlerTable[string] } = {}
    for (const command of decider.commands) {
      handlers[command.tag] = (message) => ledger.handle(command, message)
    }
    return handlers
  })
  return new Built(decider, build) as never
}

type Building = Effect.Effect<unknown, JournalError, Journal | ActorContext | Scope.Scope>

class Built<State> extends Effectable.Class<unknown, JournalError, Journal | ActorContext | Scope.Scope> {
  readonly decider: Decider<State>
  private readonly build: Building

  constructor(decider: Decider<State>, build: Building) {
    super()
    this.decider = decider
    this.build = build
  }

  override asEffect(): Building {
    return this.build
  }
}
