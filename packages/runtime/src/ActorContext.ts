import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Handlers, Services } from "./Actor.ts"
import type { ActorRef, AnyRef } from "./ActorRef.ts"
import type * as Message from "./Message.ts"

/** Messages that an actor sends to itself later, by key; all of them are cancelled when its life ends. */
export interface TimersOf<in M extends Message.Any> {
  /** Sends `message` once, after `delay`. A timer under the same key is cancelled first. */
  single(key: unknown, delay: Duration.Input, message: M): Effect.Effect<void>
  /**
   * Sends `message` every `interval`, the first time after one of them, without drift. One that still waits in the mailbox
   * is enough: a busy actor skips beats. A timer under the same key is cancelled first. An interval of 0 is a defect.
   */
  periodic(key: unknown, interval: Duration.Input, message: M): Effect.Effect<void>
  /** After this no message of that timer is handled, not even one that waits in the mailbox already. */
  cancel(key: unknown): Effect.Effect<void>
  readonly cancelAll: Effect.Effect<void>
  /** True while a message of that timer is to come, or waits in the mailbox. */
  isActive(key: unknown): Effect.Effect<boolean>
}

/**
 * What an actor knows of itself and can do with itself: from its build to its next restart, passivation or stop.
 *
 * It belongs to that one life. Later it does nothing any more.
 */
export interface LifeOf<in out M extends Message.Any> {
  /** Name of the actor's type. */
  readonly actor: string
  readonly id: string
  /** The actor's own reference. A handler that asks it would wait for itself, and dies of that instead; one of several at a time (`concurrency`) may. */
  readonly self: ActorRef<M>
  /** The actor in whose life this one was spawned. `Parent.is(ref)` narrows it. */
  readonly parent: AnyRef | undefined
  /** The actors that were spawned in this life and run. */
  readonly children: Effect.Effect<ReadonlyArray<AnyRef>>
  /**
   * The actor that sent the message being handled: one whose build or handler told or asked it. `undefined` for anybody
   * else. `Account.is(sender)` narrows it.
   */
  readonly sender: Effect.Effect<AnyRef | undefined>
  /** `Actor.watch`, with a message of this actor. */
  readonly watch: (ref: AnyRef, toMessage: (exit: Exit.Exit<void, unknown>) => M) => Effect.Effect<void>
  /** Stops this actor after the message being handled and before the next; what is queued becomes dead letters. */
  readonly stop: Effect.Effect<void>
  /**
   * Ends the handler without an answer and puts its message aside, until `unstashAll`. An asker waits on.
   *
   * Put aside are at most `stashCapacity` messages; the next becomes a dead letter (`dropped`). A restart and a
   * passivation unstash, a stop makes dead letters of them.
   *
   * ```ts
   * Withdraw: (message) => (isOpen ? withdraw(message) : context.stash)
   * ```
   */
  readonly stash: Effect.Effect<never>
  /** Puts what was stashed in front of the mailbox, in the order in which it came. */
  readonly unstashAll: Effect.Effect<void>
  /** Handles the next messages with other handlers, until `unbecome` or the end of this life. Services that they use become requirements of the handler. */
  readonly become: <H extends Handlers<M, unknown>>(handlers: H) => Effect.Effect<void, never, Services<H>>
  /** Handles the next messages with the handlers that the life was built with. */
  readonly unbecome: Effect.Effect<void>
  readonly timers: TimersOf<M>
  /**
   * Runs an effect beside the actor and sends it how that ended, as a message; interrupted when the life ends.
   *
   * The message waits for room in the mailbox like any other. A `toMessage` that throws crashes the actor.
   */
  readonly pipeToSelf: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    toMessage: (exit: Exit.Exit<A, E>) => M
  ) => Effect.Effect<void, never, R>
}

/** Who an actor is: a service that every handler and every build of an actor's state may use; `Account.context` has it with the types of `Account`. */
export class ActorContext extends Context.Service<
  ActorContext,
  Pick<
    LifeOf<never>,
    "actor" | "id" | "parent" | "children" | "sender" | "watch" | "stop" | "stash" | "unstashAll"
  >
>()("@troupe/runtime/ActorContext") {}
