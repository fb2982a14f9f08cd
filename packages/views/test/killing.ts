/** A broker that ends its user at one chosen write, like kill -9: nothing after that write happens. */
import { Broker, type Topic } from "@troupe/broker"
import { ActorSystem } from "@troupe/runtime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type View, type ViewError, Views } from "../src/index.ts"
import { outputTopic, stateTopic } from "../src/View.ts"

/** The topic with another `append`; its methods may be those of a class. */
export const withAppend = (topic: Topic, append: Topic["append"]): Topic =>
  Object.create(topic, { append: { value: append } })

/** The topic with something done before each `appendAll`, or after it. */
export const aroundAppendAll = (
  topic: Topic,
  around: (append: ReturnType<Topic["appendAll"]>) => ReturnType<Topic["appendAll"]>
): Topic =>
  Object.create(topic, {
    appendAll: { value: (requests: Parameters<Topic["appendAll"]>[0]) => around(topic.appendAll(requests)) }
  })

/** Counts the appends to these topics, and stops everything at one of them. */
export interface Killer {
  readonly broker: Broker["Service"]
  /** Ends when the write was reached. */
  readonly killed: Effect.Effect<void>
  /** Writes seen so far. */
  readonly writes: () => number
}

/** Stops at the write `at` (1, 2, …): before the broker has it, or after, with the answer lost. */
export const killer = (
  broker: Broker["Service"],
  topics: ReadonlyArray<string>,
  at: number,
  when: "before" | "after"
): Killer => {
  const reached = Deferred.makeUnsafe<void>()
  let writes = 0
  const die = Effect.suspend(() => {
    Deferred.doneUnsafe(reached, Effect.void)
    return Effect.never
  })
  const deadly = <A, E>(append: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      writes++
      if (writes > at) return Effect.never
      if (writes < at) return append
      return when === "before" ? die : Effect.andThen(append, die)
    })
  const wrap = (topic: Topic): Topic =>
    aroundAppendAll(
      withAppend(topic, (request) => deadly(topic.append(request))),
      deadly
    )
  return {
    broker: {
      ...broker,
      topic: (spec) =>
        Effect.map(broker.topic(spec), (topic) => (topics.includes(topic.name) ? wrap(topic) : topic))
    },
    killed: Deferred.await(reached),
    writes: () => writes
  }
}

/** The names of the topics that a view writes. */
export const topicsOf = (view: { readonly name: string; readonly version: number }): Array<string> => [
  outputTopic(view),
  stateTopic(view)
]

/** Runs a view in an actor system of its own, like a process would, until `until` ends. */
export const asProcess = <State, Output, A, E>(
  view: View.View<State, Output>,
  options: Views.RunOptions,
  broker: Broker["Service"],
  until: (
    running: Effect.Success<ReturnType<typeof Views.run>>
  ) => Effect.Effect<A, E, Scope.Scope | ActorSystem>
): Effect.Effect<A, E | ViewError> =>
  Effect.flatMap(Views.run(view, options), until).pipe(
    Effect.scoped,
    Effect.provideService(Broker, broker),
    Effect.provide(ActorSystem.layer, { local: true })
  )
