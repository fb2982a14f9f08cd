import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { ActorSystem } from "./ActorSystem.ts"
import type { DeadLetter } from "./DeadLetter.ts"
import type * as Message from "./Message.ts"

interface Of<Tag extends string> {
  readonly _tag: Tag
  /** Name of the actor's type. */
  readonly actor: string
  readonly id: string
  /** The system's clock, in milliseconds since 1970 (UTC). */
  readonly timeMillis: number
}

/** The actor's state was built and it begins to handle messages. */
export interface Spawned extends Of<"Spawned"> {
  /** The actor in whose life it was spawned, if in one. */
  readonly parent?: { readonly actor: string; readonly id: string }
}

/** A handler begins with a message. */
export interface Received extends Of<"Received"> {
  readonly message: Message.Any
}

/** A handler ended with an answer, or with the domain error `error`. */
export interface Completed extends Of<"Completed"> {
  readonly message: Message.Any
  readonly error?: unknown
}

/** A handler crashed (with its `message`), or building the state failed (without). */
export interface Failed extends Of<"Failed"> {
  readonly cause: Cause.Cause<unknown>
  readonly message?: Message.Any
  /** How often this message crashed the actor now; 0 without a message. */
  readonly attempts: number
}

/** The state was built anew after a crash. */
export interface Restarted extends Of<"Restarted"> {
  /** Restarts since the last quiet time. */
  readonly restarts: number
}

/** The actor was idle for its `passivateAfter` and left memory; the next message activates it again. */
export type Passivated = Of<"Passivated">

/** The actor ended: its scope closed, its supervision said so, or its system stopped. */
export interface Stopped extends Of<"Stopped"> {
  readonly cause?: Cause.Cause<unknown>
}

/** A message became a dead letter. */
export interface DeadLettered extends Of<"DeadLettered"> {
  readonly letter: DeadLetter
}

/** What happens in a system, in the order in which it happens; one stream for tests, pages and traces. */
export type InspectionEvent =
  | Spawned
  | Received
  | Completed
  | Failed
  | Restarted
  | Passivated
  | Stopped
  | DeadLettered

/** One actor in memory, and those that it spawned. */
export interface ActorNode {
  /** Name of the actor's type. */
  readonly actor: string
  readonly id: string
  readonly state: "idle" | "working" | "restarting" | "stopping"
  /** Messages in its mailbox, its stash and its handlers. */
  readonly queued: number
  /** Messages that its handlers put aside. */
  readonly stashed: number
  /** Restarts since the last quiet time. */
  readonly restarts: number
  readonly children: ReadonlyArray<ActorNode>
}

/** Every actor in memory, each below the one in whose life it was spawned: a snapshot of now. */
export const tree: Effect.Effect<ReadonlyArray<ActorNode>, never, ActorSystem> = Effect.flatMap(
  ActorSystem,
  (system) => system.tree
)
