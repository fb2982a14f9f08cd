/** The contract's tests can fail: each of these backends breaks one promise, and the test that states it says so. */
import { assert, describe, it } from "@effect/vitest"
import { Contract } from "@troupe/broker/contract"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Advisory, AdvisoryReader } from "../src/Advisory.ts"
import { Broker } from "../src/Broker.ts"
import { layerMemory } from "../src/MemoryBroker.ts"
import type { Delivery, Subscription } from "../src/Subscription.ts"
import type { AppendRequest, ReadOptions, ScheduledAppend, Topic, TopicSpec } from "../src/Topic.ts"

interface Mutant {
  readonly breaks: string
  readonly tests: ReadonlyArray<string>
  readonly spec?: (spec: TopicSpec) => TopicSpec
  readonly topic?: (topic: Topic) => Partial<Topic>
}

const without = <K extends keyof AppendRequest>(...keys: ReadonlyArray<K>) => {
  const strip = (request: AppendRequest): AppendRequest =>
    Object.fromEntries(
      Object.entries(request).filter(([key]) => !keys.includes(key as K))
    ) as unknown as AppendRequest
  return (topic: Topic): Partial<Topic> => ({
    append: (request) => topic.append(strip(request)),
    appendAll: (requests) => topic.appendAll(requests.map(strip))
  })
}

const scheduling =
  (change: (request: ScheduledAppend) => Partial<ScheduledAppend>) =>
  (topic: Topic): Partial<Topic> => ({
    appendAt: (request) => topic.appendAt({ ...request, ...change(request) })
  })

const reading =
  (change: (options: ReadOptions) => ReadOptions) =>
  (topic: Topic): Partial<Topic> => ({
    read: (options) => topic.read(change(options)),
    follow: (options) => topic.follow(change(options))
  })

const subscribing =
  (change: (subscription: Subscription) => Partial<Subscription>) =>
  (topic: Topic): Partial<Topic> => ({
    subscription: (spec) => Effect.map(topic.subscription(spec), (s) => ({ ...s, ...change(s) }))
  })

const delivering = (change: (delivery: Delivery) => Partial<Delivery>) =>
  subscribing((subscription) => ({
    reader: (options) =>
      Effect.map(subscription.reader(options), (reader) => ({
        take: (max) =>
          Effect.map(reader.take(max), (taken) => taken.map((one) => ({ ...one, ...change(one) })))
      }))
  }))

const hearing =
  (change: (take: AdvisoryReader["take"]) => AdvisoryReader["take"]) =>
  (topic: Topic): Partial<Topic> => ({
    advisories: (options) => Effect.map(topic.advisories(options), ({ take }) => ({ take: change(take) }))
  })

/** Advisories of a kind are not told. */
const deafTo = (kind: Advisory["_tag"]) =>
  hearing((take) => {
    const takeOther: AdvisoryReader["take"] = (max) =>
      Effect.flatMap(take(max), (taken) => {
        const rest = taken.filter(({ _tag }) => _tag !== kind)
        return Arr.isArrayNonEmpty(rest) ? Effect.succeed(rest) : takeOther(max)
      })
    return takeOther
  })

const longAgo: Advisory = {
  _tag: "Rejected",
  subscription: "s",
  sequence: 1,
  attempt: 1,
  reason: "1",
  timeMillis: 0
}

const mutants: ReadonlyArray<Mutant> = [
  {
    breaks: "expectLast is ignored",
    tests: ["expect-1", "expect-2", "expect-3", "append-all-4", "kv-3", "own-3"],
    topic: without("expectLast")
  },
  {
    breaks: "expectLastOn is ignored",
    tests: ["fence-1", "append-all-9", "own-2"],
    topic: without("expectLastOn")
  },
  {
    breaks: "ids are ignored",
    tests: ["dedupe-1", "dedupe-3", "append-all-6", "append-all-7"],
    topic: without("messageId")
  },
  { breaks: "headers are lost", tests: ["append-1", "kv-4"], topic: without("headers") },
  { breaks: "roll-ups are appends", tests: ["rollup-1", "kv-4", "own-1"], topic: without("rollup") },
  { breaks: "a ttl is ignored", tests: ["limits-2", "kv-12", "own-5"], topic: without("ttl") },
  {
    breaks: "the expectation is checked before the id",
    tests: ["dedupe-2"],
    topic: (topic) => ({
      append: ({ messageId, ...request }) =>
        topic.append(
          request.expectLast === undefined && messageId !== undefined ? { ...request, messageId } : request
        )
    })
  },
  {
    breaks: "appendAll is a loop",
    tests: ["append-all-2", "append-all-4", "append-all-5", "append-all-8"],
    topic: (topic) => ({
      appendAll: (requests) =>
        Effect.forEach(requests, (request) =>
          Effect.map(Effect.andThen(Effect.yieldNow, topic.append(request)), (a) => a.sequence)
        )
    })
  },
  {
    breaks: "what is for later comes early",
    tests: ["at-1", "at-2", "at-3"],
    topic: scheduling((request) => ({ atMillis: request.atMillis - 100 }))
  },
  {
    breaks: "what is for later comes too late",
    tests: ["at-1", "at-2", "at-5"],
    topic: scheduling((request) => ({ atMillis: Math.max(request.atMillis, Date.now()) + 700 }))
  },
  {
    breaks: "what is for later is not replaced",
    tests: ["at-3"],
    topic: scheduling(() => ({ schedule: `later.${crypto.randomUUID()}` }))
  },
  {
    breaks: "an appendAt ignores its id and its expectation",
    tests: ["at-3", "at-6"],
    topic: (topic) => ({
      appendAt: ({ expectLast: _, messageId: __, ...request }) => topic.appendAt(request)
    })
  },
  {
    breaks: "the ttl of what is for later is ignored",
    tests: ["at-8"],
    topic: (topic) => ({ appendAt: ({ ttl: _, ...request }) => topic.appendAt(request) })
  },
  {
    breaks: "nothing can be cancelled",
    tests: ["at-4"],
    topic: () => ({ cancelAt: () => Effect.succeed(true) })
  },
  {
    breaks: "cancelling removes any record",
    tests: ["at-4"],
    topic: (topic) => ({
      cancelAt: (schedule) => Effect.map(topic.purge({ filter: schedule }), (removed) => removed > 0)
    })
  },
  {
    breaks: "limits are ignored",
    tests: ["limits-4", "limits-6", "limits-8", "limits-10", "kv-5"],
    spec: ({ name }) => ({ name })
  },
  {
    breaks: "filters are ignored",
    tests: ["read-4", "follow-2", "kv-8"],
    topic: reading(({ filters: _, ...rest }) => rest)
  },
  { breaks: "to is ignored", tests: ["read-2"], topic: reading(({ to: _, ...rest }) => rest) },
  {
    breaks: "a follower sees the first record twice",
    tests: ["follow-1", "follow-3"],
    topic: (topic) => ({
      follow: (options) => Stream.concat(Stream.take(topic.follow(options), 1), topic.follow(options))
    })
  },
  {
    breaks: "a read follows while it is read",
    tests: ["read-7"],
    topic: (topic) => ({
      read: (options) =>
        Stream.concat(
          topic.read(options),
          Stream.suspend(() => topic.read({ ...options, from: 4 }))
        )
    })
  },
  {
    breaks: "a purge keeps nothing",
    tests: ["purge-2"],
    topic: (topic) => ({ purge: ({ keep: _, ...rest }) => topic.purge(rest) })
  },
  {
    breaks: "acks are lost",
    tests: ["delivery-1", "delivery-3"],
    topic: delivering(() => ({ ack: Effect.void }))
  },
  {
    breaks: "a retry comes at once",
    tests: ["delivery-4"],
    topic: delivering((d) => ({ retry: () => d.retry(0) }))
  },
  {
    breaks: "attempts are not counted",
    tests: ["delivery-4", "delivery-6"],
    topic: delivering(() => ({ attempt: 1 }))
  },
  {
    breaks: "working does nothing",
    tests: ["delivery-7", "consumer-1"],
    topic: delivering(() => ({ working: Effect.void }))
  },
  {
    breaks: "a rejected record comes again",
    tests: ["delivery-12"],
    topic: delivering((d) => ({ reject: () => d.retry(0) }))
  },
  {
    breaks: "prefetch has no bound",
    tests: ["reader-2", "reader-3"],
    topic: subscribing((s) => ({ reader: () => s.reader({ prefetch: 1_000 }) }))
  },
  {
    breaks: "maxAckPending is ignored",
    tests: ["delivery-11", "reader-4", "subscription-5", "part-1"],
    topic: (topic) => ({
      subscription: ({ maxAckPending: _, ...spec }) =>
        Effect.map(topic.subscription(spec), (s) => ({
          ...s,
          update: ({ maxAckPending: _, ...change }) => s.update(change)
        }))
    })
  },
  {
    breaks: "a reset does not move",
    tests: ["subscription-7"],
    topic: subscribing(() => ({ reset: () => Effect.void }))
  },
  {
    breaks: "what was skipped is not reported",
    tests: ["delivery-9", "delivery-10", "delivery-13", "subscription-14"],
    topic: subscribing(({ info }) => ({ info: Effect.map(info, (i) => ({ ...i, exhausted: [] })) }))
  },
  { breaks: "used-up records are not told", tests: ["adv-1", "adv-2"], topic: deafTo("Exhausted") },
  {
    breaks: "rejects are not told",
    tests: ["adv-3", "adv-4", "adv-5", "adv-6", "adv-7", "adv-8"],
    topic: deafTo("Rejected")
  },
  { breaks: "what a listener missed is not said", tests: ["adv-6"], topic: deafTo("Missed") },
  {
    breaks: "the reason of a reject is lost",
    tests: ["adv-3"],
    topic: delivering((d) => ({ reject: () => d.reject("") }))
  },
  {
    breaks: "acks are told",
    tests: ["adv-1", "adv-3"],
    topic: delivering((d) => ({ ack: d.reject("done"), ackConfirmed: d.reject("done") }))
  },
  {
    breaks: "everybody listens to all subscriptions",
    tests: ["adv-5"],
    topic: (topic) => ({ advisories: () => topic.advisories() })
  },
  {
    breaks: "a listener hears what was before it",
    tests: ["adv-1", "adv-4"],
    topic: hearing((take) => {
      let first = true
      return (max) => {
        const told = first
        first = false
        return told ? Effect.succeed([longAgo]) : take(max)
      }
    })
  },
  {
    breaks: "an interrupted take of advisories loses them",
    tests: ["adv-7"],
    topic: hearing((take) => (max) => Effect.tap(take(max), () => Effect.sleep("5 millis")))
  },
  {
    breaks: "a take of advisories answers all there are",
    tests: ["adv-7"],
    topic: hearing((take) => () => Effect.andThen(Effect.sleep("1 millis"), take(1_000)))
  },
  {
    breaks: "listeners are not told that their topic is gone",
    tests: ["adv-8"],
    topic: hearing((take) => (max) => Effect.catch(take(max), () => Effect.never))
  }
]

const layerOf = (mutant: Mutant) =>
  Layer.effect(
    Broker,
    Effect.map(Broker, (broker) => ({
      ...broker,
      topic: (spec) =>
        Effect.map(broker.topic(mutant.spec?.(spec) ?? spec), (topic) => ({
          ...topic,
          ...mutant.topic?.(topic)
        }))
    }))
  ).pipe(Layer.provide(layerMemory))

const contract = new Map(Contract.tests.map((test) => [test.id, test]))

describe("a backend is caught when", { concurrent: true }, () => {
  for (const mutant of mutants) {
    it.live(
      mutant.breaks,
      () =>
        Effect.forEach(
          mutant.tests,
          Effect.fnUntraced(function* (id) {
            const test = contract.get(id)
            if (test === undefined) return assert.fail(`no test ${id}`)
            const exit = yield* test.run.pipe(
              Effect.scoped,
              Effect.provide(layerOf(mutant)),
              Effect.timeout("8 seconds"),
              Effect.exit
            )
            assert.isTrue(Exit.isFailure(exit), `${id} did not notice`)
          }),
          { concurrency: "unbounded" }
        ),
      20_000
    )
  }
})
