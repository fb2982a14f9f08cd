import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ActorRef } from "./ActorRef.ts"
import type { DeadLetter } from "./DeadLetter.ts"
import type { EventClass } from "./EventBus.ts"
import type { ActorNode, InspectionEvent } from "./Inspection.ts"
import { make } from "./LocalSystem.ts"
import type * as Message from "./Message.ts"
import type { Registration } from "./Registration.ts"
import type { Tracing } from "./Tracing.ts"

/** Where every message of a system is: always `sent = handled + deadLettered + queued`. */
export interface Counters {
  /** Accepted: in a mailbox, or a dead letter at once. A sender that waits for room has not sent yet. */
  readonly sent: number
  /** Handlers that ended, with an answer or with a domain error. */
  readonly handled: number
  readonly deadLettered: number
  /** In mailboxes or in a handler; counted afresh by walking all actors. */
  readonly queued: number
  /** Actors in memory. */
  readonly actors: number
}

/** The counters without a walk over all actors, and by type of actor. */
export interface Census {
  readonly sent: number
  readonly deadLettered: number
  readonly queued: number
  /** By name; a type stays here when nobody hosts it any more. */
  readonly kinds: ReadonlyMap<
    string,
    { readonly handled: number; readonly restarts: number; readonly actors: number }
  >
}

/**
 * Runs actors: `ActorSystem.layer` in this process; another layer of the same service may spread them over several.
 *
 * Applications use `deadLetters`, `inspection` and `counters`; `Actor` and `EventStream` call the rest.
 */
export class ActorSystem extends Context.Service<
  ActorSystem,
  {
    /** Hosts an actor type until the scope closes; a second host of the same name is a defect. */
    readonly host: (registration: Registration) => Effect.Effect<void, never, Scope.Scope>
    /** Runs one actor until the scope closes; a second one under the same name and id is a defect. */
    readonly spawn: (registration: Registration, id: string) => Effect.Effect<void, never, Scope.Scope>
    readonly ref: (actor: string, id: string) => ActorRef<Message.Any>
    /** Calls `onEnd` once, when the actor has stopped or if nobody hosts it; the answer takes that back. */
    readonly watch: (actor: string, id: string, onEnd: (exit: Exit.Exit<void, unknown>) => void) => () => void
    /** Stops one actor in peace; without effect where it is not in memory. */
    readonly stop: (actor: string, id: string) => Effect.Effect<void>
    /** Hands handlers to `tracing` before they run, until the scope closes. */
    readonly trace: (tracing: Tracing) => Effect.Effect<void, never, Scope.Scope>
    /** Messages that will not be handled, from the moment of subscription on; a reader more than 16 384 behind loses the oldest, the counter loses none. */
    readonly deadLetters: Stream.Stream<DeadLetter>
    /** What happens, from the moment of subscription on; bounded like `deadLetters`. Costs nothing while nobody subscribes. */
    readonly inspection: Stream.Stream<InspectionEvent>
    readonly counters: Effect.Effect<Counters>
    /** What metrics are made of; takes time in proportion to the hosts, not to the actors. */
    readonly census: Effect.Effect<Census>
    /** Every actor in memory, each below the one in whose life it was spawned. */
    readonly tree: Effect.Effect<ReadonlyArray<ActorNode>>
    /** What `EventStream` publishes to and reads from. */
    readonly events: {
      readonly publish: (event: object) => void
      readonly stream: <A extends object>(type: EventClass<A>) => Stream.Stream<A>
      readonly lost: (type: EventClass<object>) => number
    }
  }
>()("@troupe/runtime/ActorSystem") {
  /** Runs all actors in this process. Closing it stops every actor that its own layer or scope has not stopped before. */
  static readonly layer: Layer.Layer<ActorSystem> = Layer.effect(ActorSystem, make)
}
