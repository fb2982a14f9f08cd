import type * as Cause from "effect/Cause"
import type * as Message from "./Message.ts"

/**
 * Why a message was not handled.
 *
 * - `unhosted`: nobody hosts an actor of that name.
 * - `stopped`: the actor stopped, or was stopped, with this message queued or unfinished.
 * - `dropped`: a dropping or sliding mailbox, or a stash, had no room for it.
 * - `parked`: it crashed the actor as often as the supervision allows, or the `rank` of its mailbox; `cause` says with what.
 */
export type DeadLetterReason = "unhosted" | "stopped" | "dropped" | "parked"

/** A message that was accepted and will not be handled. */
export interface DeadLetter {
  /** Name of the actor's type. */
  readonly actor: string
  readonly id: string
  readonly message: Message.Any
  readonly reason: DeadLetterReason
  /** What the actor died of, where it died. */
  readonly cause?: Cause.Cause<unknown>
}
