import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { AnyDecision, Decider } from "../Decider.ts"
import type { Behaviour } from "../EventSourced.ts"
import type * as Message from "../Message.ts"
import type { Tagged } from "../Upcaster.ts"
import { DeciderMismatch } from "./DeciderMismatch.ts"
import { show } from "./Show.ts"

export { DeciderMismatch } from "./DeciderMismatch.ts"

/** What should come of a command: only what is named is compared. */
export interface Expected<State, Event, Answer, Error> {
  /** The events that it stores, in order; `[]` for none. */
  readonly events?: ReadonlyArray<Event>
  readonly reply?: Answer
  /** The state after the events. */
  readonly state?: State
  /** The domain error that the asker gets; nothing is stored then. */
  readonly error?: Error
}

/** A history, up to the moment of a command. */
export interface Given<M extends Message.Any, State, Event, R> {
  /** The state that the history leads to. */
  readonly state: State
  /** More history: events of today. */
  readonly given: (...events: ReadonlyArray<Event>) => Given<M, State, Event, R>
  /**
   * More history: events as a journal holds them, in JSON and of whatever version. They go through schemas and upcasters; one
   * that nobody knows throws `UnknownEvent`.
   */
  readonly givenStored: (...events: ReadonlyArray<Schema.Json>) => Given<M, State, Event, R>
  /** Hands the decider a command, with the services that its functions use, if they use any. */
  readonly when: <A extends M>(
    command: A,
    ...services: [R] extends [never] ? [] : [services: Context.Context<R>]
  ) => When<State, Event, Message.Success<A>, Message.Error<A>>
}

/** A command that was decided. */
export interface When<State, Event, Answer, Error> {
  /** Throws `DeciderMismatch`, with the difference line by line, when anything named is not so. */
  readonly expect: (expected: Expected<State, Event, Answer, Error>) => void
  /** What came of the command, for assertions of your own. */
  readonly outcome: Outcome<State, Event, Answer, Error>
}

/** What came of a command: `events`, `reply` and `state`; or `error`; or `defect`, which would crash the actor. */
export interface Outcome<out State, out Event, out Answer, out Error> {
  readonly events?: ReadonlyArray<Event>
  readonly reply?: Answer
  readonly state?: State
  readonly error?: Error
  readonly defect?: unknown
}

/**
 * Tests an event-sourced behaviour as the pure function it is: given events, when a command, then events, answer, error, state.
 * No actor, no journal, no clock, and any test runner.
 *
 * What a decision makes is held to its schemas as a journal would hold it: events and states that could not be stored are defects.
 * Functions of `decide` run at once, so they must not wait.
 *
 * ```ts
 * const account = DeciderTest.of(behaviour)
 * account
 *   .given(new Deposited({ amount: 5 }))
 *   .when(new Withdraw({ amount: 3 }))
 *   .expect({ events: [new Withdrawn({ amount: 3 })], reply: 2 })
 * ```
 */
export const of = <M extends Message.Any, State, Event extends Tagged, R>(
  behaviour: Behaviour<M, State, Event, R>
): Given<M, State, Event, R> => {
  const { decider } = behaviour
  return given(decider, decider.initial(), []) as unknown as Given<M, State, Event, R>
}

type AnyGiven<State> = Given<Message.Any, State, Tagged, unknown>

const given = <State>(
  decider: Decider<State>,
  state: State,
  history: ReadonlyArray<Tagged>
): AnyGiven<State> => {
  const after = (events: ReadonlyArray<Tagged>) =>
    given(decider, decider.fold(state, events), [...history, ...events])
  return {
    state,
    given: (...events) => after(events),
    givenStored: (...events) => after(Result.getOrThrow(decider.events.decode(events))),
    when: ((command: Message.Any, services: Context.Context<never> = Context.empty()) => {
      const outcome = decide(decider, state, command, services)
      return {
        outcome,
        expect: (expected: Expected<unknown, unknown, unknown, unknown>) => {
          const actual = comparable(outcome, expected)
          if (Equal.equals(actual, expected)) return
          const before = history.length === 0 ? "no events" : history.map(show).join(", ")
          const situation = `${decider.actor}: given ${before}, when ${show(command)}`
          throw new DeciderMismatch(situation, actual, expected, outcome.defect)
        }
      }
    }) as AnyGiven<State>["when"]
  }
}

type AnyOutcome = Outcome<unknown, Tagged, unknown, unknown>

/** Of what came, what is compared: what is expected of a success, else all there is. */
const comparable = (
  outcome: AnyOutcome,
  expected: Expected<unknown, unknown, unknown, unknown>
): AnyOutcome => {
  // A defect holds anything, a whole fiber for instance: as text it can be compared and shown.
  if ("defect" in outcome) return { defect: String(outcome.defect) }
  if ("error" in outcome || "error" in expected) return outcome
  return Object.fromEntries(Object.entries(outcome).filter(([name]) => name in expected))
}

const decide = <State>(
  decider: Decider<State>,
  state: State,
  message: Message.Any,
  services: Context.Context<never>
): AnyOutcome => {
  const command = decider.commands.find(({ tag }) => tag === message._tag)
  const decided = Effect.suspend(() => {
    if (command === undefined) {
      return Effect.die(new TypeError(`${decider.actor} decides no command "${message._tag}"`))
    }
    const decision = command.decide(state, message)
    return Effect.map(
      Effect.isEffect(decision) ? decision : Effect.succeed(decision),
      ({ events, reply }: AnyDecision<State>) => {
        const next = decider.fold(state, events)
        const answer = reply(next)
        // What a journal would refuse is no outcome.
        decider.events.encode(events)
        decider.states.encode(next)
        if (command.idOf !== undefined && events.length > 0) command.replies.encode(answer)
        return { events, reply: answer, state: next }
      }
    )
  })
  return outcomeOf(Effect.runSyncExitWith(services)(decided))
}

const outcomeOf = (exit: Exit.Exit<AnyOutcome, unknown>): AnyOutcome => {
  if (exit._tag === "Success") return exit.value
  const failure = Cause.squash(exit.cause)
  return Cause.hasFails(exit.cause) ? { error: failure } : { defect: failure }
}
