import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Mailbox } from "./Mailbox.ts"
import type * as Message from "./Message.ts"
import type { Supervision } from "./Supervision.ts"

/** Handlers by message tag, as the core calls them. */
export type HandlerTable = {
  readonly [tag: string]: (message: Message.Any) => Effect.Effect<unknown, unknown>
}

/** What `Actor` tells an `ActorSystem` about actors to run. */
export interface Registration {
  /** Name of the actor's type. */
  readonly actor: string
  /** Builds the handlers of one incarnation; runs in `context` plus a scope and the `ActorContext` of that incarnation. */
  readonly build: Effect.Effect<HandlerTable, unknown>
  readonly context: Context.Context<never>
  readonly mailbox: Mailbox
  readonly supervision: Supervision
  /** `undefined`: actors stay in memory. */
  readonly passivateAfterMillis: number | undefined
  /** How long a stop lets the mailbox drain before it interrupts. */
  readonly drainMillis: number
}
