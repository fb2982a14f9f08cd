import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import type { Cell } from "./Cell.ts"
import type { Item } from "./Envelope.ts"

/** What an actor system does with handlers while it is traced. */
export interface Tracing {
  /** The span that a message is sent in. */
  readonly sentIn: (context: Context.Context<never>) => Tracer.AnySpan | undefined
  /** Runs a handler in a span of its own, or as it is. */
  readonly trace: (
    cell: Cell,
    item: Item,
    handler: Effect.Effect<unknown, unknown>
  ) => Effect.Effect<unknown, unknown>
}
