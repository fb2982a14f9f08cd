import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Decision } from "./Decision.ts"
import { EventCodec } from "./EventCodec.ts"
import { type JsonCodec, jsonCodec } from "./JsonCodec.ts"
import type * as Message from "./Message.ts"
import type { AnyUpcaster, EventClass, Tagged } from "./Upcaster.ts"

/** One pure function a kind of event: the state before, the event, the state after. It must never fail on a stored event. */
export type Evolve<State, Event extends Tagged> = {
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

/** The services that the functions of a `Decide` use. */
export type DecideServices<D> = {
  readonly [K in keyof D]: D[K] extends (state: never, message: never) => infer Answer
    ? Answer extends Effect.Effect<infer _A, infer _E, infer R>
      ? R
      : never
    : never
}[keyof D]

/** A decision whose answer is of any message. */
export type AnyDecision<State> = Decision<Tagged, State, unknown>

/** What a decider does about one kind of command. */
export interface Command<State> {
  readonly tag: string
  /** What makes a repeat of the command a repeat; `undefined` for a message class without `primaryKey`. */
  readonly idOf: ((message: Message.Any) => string) | undefined
  readonly replies: JsonCodec<unknown>
  readonly decide: (
    state: State,
    message: Message.Any
  ) => AnyDecision<State> | Effect.Effect<AnyDecision<State>, unknown>
}

/** The functions of an event-sourced behaviour and the formats of what they make: no journal, no actor, no clock. */
export class Decider<State> {
  /** Name of the actor's type. */
  readonly actor: string
  readonly initial: () => State
  readonly events: EventCodec<Tagged>
  readonly states: JsonCodec<State>
  readonly commands: ReadonlyArray<Command<State>>
  private readonly evolve: { readonly [tag: string]: (state: State, event: unknown) => State }

  constructor(
    actor: { readonly name: string; readonly messages: ReadonlyArray<Message.AnyClass> },
    options: {
      readonly state: Schema.Codec<State, unknown>
      readonly events: ReadonlyArray<EventClass>
      readonly upcasters: ReadonlyArray<AnyUpcaster>
      readonly initial: () => State
      readonly evolve: object
      readonly decide: object
    }
  ) {
    this.actor = actor.name
    this.initial = options.initial
    this.events = new EventCodec(options.events, options.upcasters)
    this.states = jsonCodec(options.state)
    this.evolve = options.evolve as typeof this.evolve
    const decide = options.decide as { readonly [tag: string]: Command<State>["decide"] }
    this.commands = actor.messages.flatMap(({ identifier: tag, primaryKey, success }) => {
      const decideOne = decide[tag]
      if (decideOne === undefined) return []
      const keyOf = primaryKey as ((message: Message.Any) => string) | undefined
      const idOf = keyOf === undefined ? undefined : (message: Message.Any) => `${tag}:${keyOf(message)}`
      return [{ tag, idOf, replies: jsonCodec(success), decide: decideOne }]
    })
  }

  /** The state after the events. */
  fold(state: State, events: ReadonlyArray<Tagged>): State {
    let next = state
    for (const event of events) {
      const step = this.evolve[event._tag]
      if (step === undefined) throw new TypeError(`evolve of ${this.actor} has no case for "${event._tag}"`)
      next = step(next, event)
    }
    return next
  }
}
