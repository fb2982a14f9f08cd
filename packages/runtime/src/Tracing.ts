import type * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import type { AnyRef } from "./ActorRef.ts"
import type * as Message from "./Message.ts"

/** A message whose handler is about to begin. */
export interface Handling {
  /** Name of the actor's type. */
  readonly actor: string
  readonly id: string
  readonly message: Message.Any
  /** The actor that sent it, if one did. */
  readonly sender: AnyRef | undefined
  /** The span in which it was sent, if in one. */
  readonly sentIn: Tracer.AnySpan | undefined
}

/** What an actor system does with handlers while it is traced: runs one in a span, or gives it back as it is. */
export type Tracing = (
  handling: Handling,
  handler: Effect.Effect<unknown, unknown>
) => Effect.Effect<unknown, unknown>
