import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ActorRef } from "./ActorRef.ts"
import { ActorSystem } from "./ActorSystem.ts"
import type { EventClass } from "./EventBus.ts"
import type * as Message from "./Message.ts"

/**
 * Publish and subscribe by class, inside one `ActorSystem`: who publishes does not know who listens.
 *
 * An event is an object of a class, usually a schema class. Who reads a class also gets the classes that extend it.
 * Publishing never waits and keeps nothing: an event goes to those who read at that moment. Events of one publisher are in
 * order at each reader. A reader that is more than 16 384 events behind loses the oldest ones, and `lost` counts them; what must not
 * be lost is a message, or a record in a topic. Events do not leave the process.
 */

/**
 * Hands the event to everyone who reads its class or one that it extends; where nobody does, that is one map look-up.
 *
 * ```ts
 * yield* EventStream.publish(new Shipped({ order: "o-1" }))
 * ```
 */
export const publish = (event: object): Effect.Effect<void, never, ActorSystem> =>
  Effect.map(ActorSystem, ({ events }) => events.publish(event))

/** The events of a class from the moment of running on; ends with the system. At most 16 384 wait for the reader, then the oldest are lost. */
export const stream = <A extends object>(type: EventClass<A>): Stream.Stream<A, never, ActorSystem> =>
  Stream.unwrap(Effect.map(ActorSystem, ({ events }) => events.stream(type)))

/**
 * Tells an actor the events of a class, as messages of its own protocol, until the scope closes.
 *
 * In the `build` of an actor that is its incarnation: a restart subscribes anew, a passivated actor gets no events. They wait
 * beside the mailbox while that is full, at most 16 384, then the oldest are lost; the publisher does not wait. An event of which
 * `message` throws is logged as an error and passed over.
 *
 * ```ts
 * yield* EventStream.subscribe(Shipped, yield* Invoices.self, ({ order }) => new Invoice({ order }))
 * ```
 */
export const subscribe = <A extends object, M extends Message.Any>(
  type: EventClass<A>,
  ref: ActorRef<M>,
  message: (event: A) => M
): Effect.Effect<void, never, ActorSystem | Scope.Scope> =>
  Effect.asVoid(
    Effect.forkScoped(
      Stream.runForEach(stream(type), (event) =>
        Effect.catchDefect(
          Effect.suspend(() => ref.tell(message(event))),
          (defect) =>
            Effect.logError(
              `an event of ${type.name} made no message for ${ref.actor}/${ref.id}`,
              Cause.die(defect)
            )
        )
      ),
      { startImmediately: true }
    )
  )

/** How many events readers of exactly this class have lost since the system began, all readers together. */
export const lost = (type: EventClass<object>): Effect.Effect<number, never, ActorSystem> =>
  Effect.map(ActorSystem, ({ events }) => events.lost(type))
