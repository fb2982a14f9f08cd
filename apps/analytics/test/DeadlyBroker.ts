/** Brokers that end or pause their user at one chosen write, as kill -9 and SIGSTOP do to a process. */
import type { Broker, Topic } from "@troupe/broker"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

type Service = Broker["Service"]

/** One write: the `at`-th (1, 2, …) append or purge to a topic. */
export interface Write {
  readonly topic: string
  readonly at: number
}

/** What becomes of a write, the `nth` to its topic. */
type Around = <A, E>(write: Effect.Effect<A, E>, topic: string, nth: number) => Effect.Effect<A, E>

/** The broker with something around each write to these topics. Its topics' methods may be those of a class. */
const aroundWrites = (broker: Service, topics: ReadonlyArray<string>, around: Around): Service => {
  const counts = new Map<string, number>()
  const wrap = (topic: Topic): Topic => {
    const counted = <A, E>(write: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.suspend(() => {
        const nth = (counts.get(topic.name) ?? 0) + 1
        counts.set(topic.name, nth)
        return around(write, topic.name, nth)
      })
    return Object.create(topic, {
      append: { value: (request: Parameters<Topic["append"]>[0]) => counted(topic.append(request)) },
      appendAll: {
        value: (requests: Parameters<Topic["appendAll"]>[0]) => counted(topic.appendAll(requests))
      },
      purge: { value: (options: Parameters<Topic["purge"]>[0]) => counted(topic.purge(options)) }
    })
  }
  return {
    ...broker,
    topic: (spec) =>
      Effect.map(broker.topic(spec), (topic) => (topics.includes(topic.name) ? wrap(topic) : topic))
  }
}

/** Counts the writes to each of these topics. */
export const counting = (broker: Service, topics: ReadonlyArray<string>) => {
  const writes = new Map<string, number>()
  const counted = aroundWrites(broker, topics, (write, topic, nth) => {
    writes.set(topic, nth)
    return write
  })
  return { broker: counted, writes: (topic: string) => writes.get(topic) ?? 0 }
}

/** Ends its user at a write, before the broker has it, or after, with the answer lost: no later write to any of the topics happens. */
export const killer = (
  broker: Service,
  topics: ReadonlyArray<string>,
  { at, topic, when }: Write & { readonly when: "before" | "after" }
) => {
  const reached = Deferred.makeUnsafe<void>()
  let isDead = false
  const die = Effect.suspend(() => {
    isDead = true
    Deferred.doneUnsafe(reached, Effect.void)
    return Effect.never
  })
  const deadly = aroundWrites(broker, topics, (write, name, nth) => {
    if (isDead) return Effect.never
    if (name !== topic || nth !== at) return write
    return when === "before" ? die : Effect.andThen(write, die)
  })
  return { broker: deadly, killed: Deferred.await(reached), isDead: () => isDead }
}

/** Pauses its user before the `at`-th write since it was armed: that and all later ones to any of the topics wait until it is resumed. */
export const pausing = (broker: Service, topics: ReadonlyArray<string>, { at, topic }: Write) => {
  const reached = Deferred.makeUnsafe<void>()
  const resumed = Deferred.makeUnsafe<void>()
  let left = Number.POSITIVE_INFINITY
  const paused = aroundWrites(broker, topics, (write, name) => {
    if (name === topic && --left === 0) Deferred.doneUnsafe(reached, Effect.void)
    return Deferred.isDoneUnsafe(reached) ? Effect.andThen(Deferred.await(resumed), write) : write
  })
  return {
    broker: paused,
    arm: Effect.sync(() => {
      left = at
    }),
    paused: Deferred.await(reached),
    resume: Deferred.succeed(resumed, undefined)
  }
}
