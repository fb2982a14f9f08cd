import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Mailbox } from "./Mailbox.ts"
import type * as Message from "./Message.ts"
import type { Strategy, Supervision } from "./Supervision.ts"

/** Handlers by message tag, as the core calls them. */
export type HandlerTable = {
  readonly [tag: string]: (message: Message.Any) => Effect.Effect<unknown, unknown>
}

/** What `Actor` tells an `ActorSystem` about actors to run. */
export interface Registration {
  /** Name of the actor's type. */
  readonly actor: string
  /** Builds the handlers of one life; an effect runs in `context` plus a scope and the `ActorContext` of that life. */
  readonly build: Effect.Effect<HandlerTable, unknown> | (() => HandlerTable)
  readonly context: Context.Context<never>
  readonly mailbox: Mailbox
  readonly supervision: Supervision
  /** Whom the crash of a child concerns. */
  readonly children: Strategy
  /** How many handlers of one actor may run at the same time. */
  readonly concurrency: number
  /** How many messages one actor may put aside. */
  readonly stashCapacity: number
  /** `undefined`: actors stay in memory. */
  readonly passivateAfterMillis: number | undefined
  /** How many actors may be in memory when some are idle; `undefined`: any number. */
  readonly activeMax: number | undefined
  /** How long a stop lets the mailbox drain before it interrupts. */
  readonly drainMillis: number
}
