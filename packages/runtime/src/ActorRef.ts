import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { AskError } from "./AskError.ts"
import type * as Message from "./Message.ts"

/**
 * The address of one actor. It names the actor, not a life of it: it stays good across restart, passivation and stop,
 * and the first message activates a virtual actor.
 */
export interface ActorRef<in M extends Message.Any> {
  /** Name of the actor's type. */
  readonly actor: string
  readonly id: string

  /**
   * Puts the message in the mailbox, waiting while that is full; interrupted while it waits, the message was not sent.
   *
   * Messages of one fiber arrive in the order of its tells and asks. What a handler tells its own actor does not wait for room: it would
   * wait for itself. A message that nobody can handle becomes a dead
   * letter: `tell` itself never fails.
   */
  readonly tell: (message: M) => Effect.Effect<void>

  /**
   * Sends the message and waits for its answer.
   *
   * Fails with the message's own domain error as the handler failed with it, else with `AskError`: `Stopped`, `Unhosted`,
   * `Parked` (it crashed the actor; carries the defect), `Dropped` (no room in its mailbox), or `Timeout` where a `timeout` is
   * given. Interrupting the asker withdraws the message only while the mailbox has no room for it; else it is handled
   * and its answer dropped.
   */
  readonly ask: <A extends M>(
    message: A,
    options?: { readonly timeout?: Duration.Input }
  ) => Effect.Effect<Message.Success<A>, Message.Error<A> | AskError>
}

/** The address of an actor of any type: it can be watched, stopped and compared; `Account.is(ref)` makes it one to talk to. */
export type AnyRef = ActorRef<never>
