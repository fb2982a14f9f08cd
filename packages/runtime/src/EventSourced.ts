import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Actor from "./Actor.ts"
import { ActorContext } from "./ActorContext.ts"
import type { Decision } from "./Decision.ts"
import { type History, Journal, type JournalEntry, type JournaledCommand } from "./Journal.ts"
import { JournalDamaged, JournalError } from "./JournalError.ts"
import type * as Message from "./Message.ts"
import type { HandlerTable } from "./Registration.ts"
import { RestartRequired } from "./RestartRequired.ts"

export { type Decision, noop, persist, persistAll, reply } from "./Decision.ts"

/** A class of events: a schema whose values have a tag. */
export type EventClass = Schema.Codec<{ readonly _tag: string }, unknown>

/** One pure function a kind of event: the state before, the event, the state after. It must never fail on a stored event. */
export type Evolve<State, Event extends { readonly _tag: string }> = {
  readonly [E in Event as E["_tag"]]: (state: State, event: E) => State
}

/** One function a command: the state now, the command, and what it leads to; a domain error stores nothing and goes to the asker. */
export type Decide<M extends Message.Any, State, Event, R> = {
  readonly [A in M as A["_tag"]]: (
    state: State,
    message: A
  ) =>
    | Decision<Event, State, Message.Success<A>>
    | Effect.Effect<Decision<Event, State, Message.Success<A>>, Message.Error<A>, R>
}

/** When to save a snapshot. */
export interface SnapshotPolicy {
  readonly events: number
}

/** Saves a snapshot each time at least `events` events came since the last; throws `RangeError` below 1. */
export const every = (events: number): SnapshotPolicy => {
  if (!Number.isSafeInteger(events) || events < 1) {
    throw new RangeError(`EventSourced.every(${events}): must be a whole number of at least 1`)
  }
  return { events }
}

type DecideServices<D> = {
  readonly [K in keyof D]: D[K] extends (state: never, message: never) => infer Answer
    ? Answer extends Effect.Effect<infer _A, infer _E, infer R>
      ? R
      : never
    : never
}[keyof D]

/**
 * The behaviour of an actor whose state is its history: pass it to `toLayer` or `spawn`.
 *
 * - Activation reads the newest snapshot that fits the state's schema, and the entries after it. `evolve` is pure; `decide` may use services.
 * - The events of one command are one entry of the journal: all or none. The answer comes after they are stored.
 * - Two writers of one history cannot both win: the loser restarts from the journal and decides again (at most five times).
 * - A message class with a `primaryKey` takes effect at most once among the last `rememberCommands` (default 1 000) stored
 *   commands of that actor: a repeat gets the first answer and stores nothing. What stored nothing (`reply`, `noop`, a domain
 *   error) is decided anew.
 * - When the journal does not say whether an entry was stored, the actor restarts from the journal. A message with a primaryKey is
 *   then tried again; another is parked, because trying it again could double it.
 * - Saving a snapshot runs beside the actor; a failed save is logged and tried again `snapshot` events later.
 */
export const make = <
  Name extends string,
  M extends Message.Any,
  State,
  const Events extends ReadonlyArray<EventClass>,
  V extends Evolve<State, Events[number]["Type"]>,
  D extends Decide<M, State, Events[number]["Type"], unknown>
>(
  actor: Actor.Actor<Name, M>,
  options: {
    readonly state: Schema.Codec<State, unknown>
    readonly events: Events
    readonly initial: () => State
    readonly evolve: V
    readonly decide: D
    readonly snapshot?: SnapshotPolicy
    readonly rememberCommands?: number
  }
): Effect.Effect<
  Actor.Handlers<M, DecideServices<D>>,
  JournalError,
  Journal | ActorContext | Scope.Scope
> => {
  const events = codec(Schema.Array(Schema.Union(options.events)))
  const states = codec(options.state)
  const remember = options.rememberCommands ?? 1000
  const evolve = options.evolve as unknown as {
    readonly [tag: string]: (state: State, event: unknown) => State
  }
  const decide = options.decide as unknown as {
    readonly [tag: string]: (
      state: State,
      message: unknown
    ) => AnyDecision<State> | Effect.Effect<AnyDecision<State>, unknown>
  }
  const protocol = actor.messages.map((message) => ({
    tag: message.identifier,
    primaryKey: message.primaryKey as ((message: unknown) => string) | undefined,
    replies: codec(message.success),
    decideOne: decide[message.identifier]
  }))
  const fold = (state: State, all: ReadonlyArray<{ readonly _tag: string }>): State =>
    all.reduce((before, event) => {
      const step = evolve[event._tag]
      if (step === undefined) throw new TypeError(`evolve of ${actor.name} has no case for "${event._tag}"`)
      return step(before, event)
    }, state)

  const build = Effect.gen(function* () {
    const journal = yield* Journal
    const scope = yield* Effect.scope
    const history: History = yield* ActorContext
    const commands = new Map<string, Schema.Json>()
    let state = options.initial()
    let sequence = 0
    let sinceSnapshot = 0
    let saving = false

    const damaged = (what: string) => (cause: unknown) =>
      new JournalError({
        reason: new JournalDamaged({}),
        history: `${history.actor}/${history.id}`,
        detail: `${what} does not fit the schema; keep old events readable, or migrate the history.`,
        cause
      })
    const rememberCommand = (command: JournaledCommand) => {
      commands.set(command.id, command.reply)
      if (commands.size <= remember) return
      for (const oldest of commands.keys()) {
        commands.delete(oldest)
        break
      }
    }
    const replay = (entries: ReadonlyArray<JournalEntry>): Effect.Effect<void, JournalError> => {
      for (const entry of entries) {
        const stored = events.decode(entry.events)
        if (Exit.isFailure(stored)) {
          return Effect.fail(damaged(`The entry at sequence ${entry.sequence}`)(stored.cause))
        }
        state = fold(state, stored.value as ReadonlyArray<{ readonly _tag: string }>)
        sequence = entry.sequence
        sinceSnapshot += entry.events.length
        if (entry.command !== undefined) rememberCommand(entry.command)
      }
      return Effect.void
    }

    const snapshot = yield* journal.snapshot(history)
    if (Option.isSome(snapshot)) {
      const kept = states.decode(snapshot.value.state)
      if (Exit.isSuccess(kept)) {
        state = kept.value as State
        sequence = snapshot.value.sequence
        for (const command of snapshot.value.commands) rememberCommand(command)
      } else {
        // The state's schema changed: the history makes it anew.
        yield* Effect.logWarning(
          `a snapshot of ${history.actor}/${history.id} does not fit its schema`,
          kept.cause
        )
      }
    }
    yield* Stream.runForEachArray(journal.read(history, sequence), replay)

    const saveSnapshot = Effect.suspend(() =>
      journal.saveSnapshot(history, {
        sequence,
        state: states.encode(state),
        commands: Array.from(commands, ([id, reply]) => ({ id, reply }))
      })
    ).pipe(
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.void
          : Effect.logWarning(`a snapshot of ${history.actor}/${history.id} was not saved`, cause)
      ),
      Effect.ensuring(
        Effect.sync(() => {
          saving = false
        })
      )
    )
    const snapshotIfDue = (): Effect.Effect<void> => {
      if (options.snapshot === undefined || saving || sinceSnapshot < options.snapshot.events)
        return Effect.void
      saving = true
      sinceSnapshot = 0
      return Effect.asVoid(Effect.forkIn(saveSnapshot, scope, { startImmediately: true }))
    }

    const commit = (
      decision: AnyDecision<State>,
      commandId: string | undefined,
      replies: AnyCodec
    ): Effect.Effect<unknown> => {
      if (decision.events.length === 0) return Effect.succeed(decision.reply(state))
      const next = fold(state, decision.events)
      const answer = decision.reply(next)
      const command =
        commandId === undefined ? undefined : { command: { id: commandId, reply: replies.encode(answer) } }
      const stored = (at: number): Effect.Effect<unknown> => {
        state = next
        sequence = at
        sinceSnapshot += decision.events.length
        if (command !== undefined) rememberCommand(command.command)
        const due = snapshotIfDue()
        return due === Effect.void ? Effect.succeed(answer) : Effect.as(due, answer)
      }
      const append = journal.append(history, {
        expected: sequence,
        events: events.encode(decision.events) as ReadonlyArray<Schema.Json>,
        ...command
      })
      return Effect.matchEffect(append, {
        onFailure: (error) => Effect.die(new RestartRequired(error, isRetryable(error, commandId))),
        onSuccess: stored
      })
    }

    const handlers: { [tag: string]: HandlerTable[string] } = {}
    for (const { tag, primaryKey, replies, decideOne } of protocol) {
      if (decideOne === undefined) continue
      handlers[tag] = (command) => {
        const commandId = primaryKey === undefined ? undefined : `${tag}:${primaryKey(command)}`
        const known = commandId === undefined ? undefined : commands.get(commandId)
        if (known !== undefined) {
          const answer = replies.decode(known)
          return Exit.isSuccess(answer)
            ? answer
            : Effect.die(damaged(`The answer of ${commandId}`)(answer.cause))
        }
        const decided = decideOne(state, command)
        return Effect.isEffect(decided)
          ? Effect.flatMap(decided, (decision) => commit(decision, commandId, replies))
          : commit(decided, commandId, replies)
      }
    }
    return handlers
  })
  return build as never
}

type AnyDecision<State> = Decision<{ readonly _tag: string }, State, unknown>

interface AnyCodec {
  readonly encode: (value: unknown) => Schema.Json
  readonly decode: (json: unknown) => Exit.Exit<unknown, Schema.SchemaError>
}

/** Encodes to JSON (what does not fit is a defect), decodes from it. */
const codec = (schema: Schema.Codec<unknown, unknown>): AnyCodec => {
  const json = Schema.toCodecJson(schema)
  return {
    encode: Schema.encodeUnknownSync(json) as (value: unknown) => Schema.Json,
    decode: Schema.decodeUnknownExit(json)
  }
}

/** True when trying the command again cannot store its events twice. */
const isRetryable = (error: JournalError, commandId: string | undefined): boolean => {
  switch (error.reason._tag) {
    case "JournalConflict":
    case "JournalUnavailable":
      return true
    case "JournalUnknown":
      return commandId !== undefined
    default:
      return false
  }
}
