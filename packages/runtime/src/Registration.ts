import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import type { Build, Options, Passivation } from "./Actor.ts"
import { bounded, type Mailbox } from "./Mailbox.ts"
import type * as Message from "./Message.ts"
import { type Strategy, type Supervision, standard } from "./Supervision.ts"

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

const count = (name: string, option: string, value: number | undefined, byDefault: number): number => {
  if (value === undefined) return byDefault
  if (!(value >= 1) || (!Number.isSafeInteger(value) && value !== Number.POSITIVE_INFINITY)) {
    throw new RangeError(`${name}: ${option} is ${value}, must be a whole number of at least 1`)
  }
  return value
}

/** Checks the options of an actor and fills in what they leave open; throws `RangeError` as `Options` says. */
export const registrationOf = (
  actor: string,
  build: Build<HandlerTable, unknown, never>,
  options: (Options<never> & Passivation) | undefined
): Effect.Effect<Registration> => {
  const concurrency = count(actor, "concurrency", options?.concurrency, 1)
  const stashCapacity = count(actor, "stashCapacity", options?.stashCapacity, 1024)
  const activeMax = count(actor, "activeMax", options?.activeMax, Number.POSITIVE_INFINITY)
  if (concurrency > 1 && Effect.isEffect(build) && "decider" in build) {
    throw new RangeError(
      `${actor}: concurrency is ${concurrency}, but an event-sourced actor decides one command at a time; leave it out`
    )
  }
  return Effect.contextWith((context) =>
    Effect.succeed({
      actor,
      build: Effect.isEffect(build) || typeof build === "function" ? build : () => build,
      context: contextOf(context),
      mailbox: (options?.mailbox ?? bounded(1024)) as Mailbox,
      supervision: options?.supervision ?? standard,
      children: options?.children ?? "one-for-one",
      concurrency,
      stashCapacity,
      passivateAfterMillis:
        options?.passivateAfter === undefined ? undefined : Duration.toMillis(options.passivateAfter),
      activeMax: Number.isFinite(activeMax) ? activeMax : undefined,
      drainMillis: Duration.toMillis(options?.drain ?? "5 seconds")
    })
  )
}

/** What handlers run in: flat, so that what each life adds to it is found first, and in no span, because none of them belongs to who built the layer. */
const contextOf = (context: Context.Context<never>): Context.Context<never> =>
  Context.makeUnsafe(Context.omit(Tracer.ParentSpan)(context).mapUnsafe)
