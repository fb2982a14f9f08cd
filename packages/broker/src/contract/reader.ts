import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { Broker } from "../Broker.ts"
import type { Subscription } from "../Subscription.ts"
import { type ContractTest, type RestartTest, restartTest, test } from "./ContractTest.ts"
import {
  ackMany,
  eventually,
  fill,
  newTopic,
  nothingWithin,
  range,
  record,
  sequencesOf,
  sorted,
  takeMany,
  takeOne,
  uniqueName
} from "./Scenario.ts"

/** A reader whose scope the test closes. */
const readerWithScope = Effect.fnUntraced(function* (subscription: Subscription, prefetch: number) {
  const scope = yield* Scope.make()
  const reader = yield* Scope.provide(subscription.reader({ prefetch }), scope)
  return { reader, close: Scope.close(scope, Exit.void) }
})

/** Readers: sharing, prefetch, giving back. */
export const reader: ReadonlyArray<ContractTest> = [
  test("reader-1", "several readers share a subscription: each record goes to one of them", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 40)
      const subscription = yield* topic.subscription({ name: "s" })
      const one = yield* subscription.reader()
      const two = yield* subscription.reader()
      const [a, b] = yield* Effect.all([takeOne(one), takeOne(two)], { concurrency: 2 })
      assert.deepStrictEqual(sorted(sequencesOf([a, b])), [1, 2])
      yield* a.ack
      yield* b.ack
      const seen = sequencesOf([a, b])
      const work = (r: typeof one) =>
        Effect.gen(function* () {
          for (;;) {
            for (const taken of yield* r.take(10)) {
              seen.push(taken.record.sequence)
              yield* taken.ack
            }
          }
        })
      yield* Effect.forkChild(work(one))
      yield* Effect.forkChild(work(two))
      yield* eventually(
        "all settled",
        subscription.info,
        (info) => info.pending === 0 && info.ackPending === 0
      )
      assert.deepStrictEqual(sorted(seen), range(1, 40))
    })
  ),

  test("reader-2", "a reader holds at most its prefetch unsettled", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 10)
      const subscription = yield* topic.subscription({ name: "s" })
      const reader = yield* subscription.reader({ prefetch: 3 })
      const held = yield* takeMany(reader, 3)
      yield* nothingWithin(reader, 300)
      assert.strictEqual((yield* subscription.info).ackPending, 3)
      yield* held[1]?.ack ?? Effect.void
      assert.strictEqual((yield* takeOne(reader)).record.sequence, 4)
      yield* nothingWithin(reader, 200)
      assert.strictEqual((yield* subscription.info).ackPending, 3)
    })
  ),

  test("reader-3", "without a prefetch it is one", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 3)
      const subscription = yield* topic.subscription({ name: "s" })
      const reader = yield* subscription.reader()
      assert.lengthOf(yield* reader.take(10), 1)
      yield* nothingWithin(reader, 200)
      assert.strictEqual((yield* subscription.info).ackPending, 1)
    })
  ),

  test("reader-4", "maxAckPending bounds all readers together", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 10)
      const subscription = yield* topic.subscription({ name: "s", maxAckPending: 3 })
      const one = yield* subscription.reader({ prefetch: 5 })
      const held = yield* takeMany(one, 3)
      const two = yield* subscription.reader({ prefetch: 5 })
      yield* nothingWithin(two, 300)
      for (const taken of held) yield* taken.ack
      const more: Array<number> = []
      const collect = (r: typeof one) =>
        Effect.forever(Effect.map(r.take(5), (taken) => more.push(...sequencesOf(taken))))
      yield* Effect.forkChild(collect(one))
      yield* Effect.forkChild(collect(two))
      yield* eventually(
        "three more come",
        Effect.sync(() => more.length),
        (n) => n >= 3
      )
      yield* Effect.sleep("300 millis")
      assert.deepStrictEqual(sorted(more), [4, 5, 6])
      assert.strictEqual((yield* subscription.info).ackPending, 3)
    })
  ),

  test("reader-5", "closing a reader gives back what it buffered at once, not after ackWait", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 10)
      const subscription = yield* topic.subscription({ name: "s", ackWait: "60 seconds" })
      const first = yield* readerWithScope(subscription, 5)
      const held = yield* takeOne(first.reader)
      assert.strictEqual(held.record.sequence, 1)
      // Time for a backend that fetches ahead to fill its buffer.
      yield* Effect.sleep("200 millis")
      yield* first.close
      const second = yield* subscription.reader({ prefetch: 20 })
      assert.deepStrictEqual(sorted(sequencesOf(yield* takeMany(second, 9))), range(2, 10))
      yield* held.ackConfirmed
      assert.strictEqual((yield* subscription.info).ackPending, 9)
    })
  ),

  test("reader-6", "an interrupted take loses nothing", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const subscription = yield* topic.subscription({ name: "s", ackWait: "60 seconds" })
      const reader = yield* subscription.reader({ prefetch: 4 })
      const seen: Array<number> = []
      yield* Effect.forkChild(
        Effect.forEach(range(1, 50), (i) =>
          Effect.andThen(topic.append(record(`item.${i}`)), Effect.sleep("3 millis"))
        )
      )
      yield* eventually(
        "all have come",
        Effect.gen(function* () {
          const taken = yield* Effect.timeoutOption(reader.take(4), "2 millis")
          for (const one of Option.getOrElse(taken, () => [])) {
            seen.push(one.record.sequence)
            yield* one.ack
          }
          return seen.length
        }),
        (n) => n === 50
      )
      assert.deepStrictEqual(seen, range(1, 50))
    })
  ),

  test("reader-7", "take waits for the first record and answers at most what it was asked for", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const subscription = yield* topic.subscription({ name: "s" })
      const reader = yield* subscription.reader({ prefetch: 10 })
      const waiting = yield* Effect.forkChild(ackMany(reader, 1), { startImmediately: true })
      yield* fill(topic, 7)
      assert.deepStrictEqual(sequencesOf(yield* Fiber.join(waiting)), [1])
      const rest: Array<number> = []
      while (rest.length < 6) {
        const taken = yield* Effect.timeout(reader.take(2), "10 seconds")
        assert.isAtMost(taken.length, 2)
        assert.isAtLeast(taken.length, 1)
        rest.push(...sequencesOf(taken))
      }
      assert.deepStrictEqual(rest, range(2, 7))
    })
  )
]

/** Where subscriptions stand when the backend ends. */
export const readerRestart: ReadonlyArray<RestartTest> = [
  restartTest("restart-4", "a subscription survives: settled stays settled, the rest comes", (session) =>
    Effect.gen(function* () {
      const name = yield* uniqueName
      const open = Effect.gen(function* () {
        const topic = yield* (yield* Broker).topic({ name })
        return { topic, subscription: yield* topic.subscription({ name: "s", ackWait: "1 second" }) }
      })
      yield* session(
        Effect.gen(function* () {
          const { subscription, topic } = yield* open
          yield* fill(topic, 6)
          const reader = yield* subscription.reader({ prefetch: 4 })
          const [one, two, three, four] = yield* takeMany(reader, 4)
          yield* one?.ackConfirmed ?? Effect.void
          yield* two?.reject("no") ?? Effect.void
          yield* four?.ackConfirmed ?? Effect.void
          assert.strictEqual(three?.record.sequence, 3)
          // Not `ackPending`: a backend that fetches ahead has filled the free places again.
          yield* eventually("two settled", subscription.info, (info) => info.ackFloor === 2)
        })
      )
      yield* session(
        Effect.gen(function* () {
          const { subscription, topic } = yield* open
          const reader = yield* subscription.reader({ prefetch: 10 })
          assert.deepStrictEqual(sorted(sequencesOf(yield* ackMany(reader, 3))), [3, 5, 6])
          yield* nothingWithin(reader, 1_500)
          yield* topic.append(record("more"))
          assert.strictEqual((yield* takeOne(reader)).record.sequence, 7)
        })
      )
    })
  ),

  restartTest("restart-5", "a changed specification and a moved position survive", (session) =>
    Effect.gen(function* () {
      const name = yield* uniqueName
      const open = Effect.flatMap(Broker, (broker) => broker.topic({ name }))
      yield* session(
        Effect.gen(function* () {
          const topic = yield* open
          yield* fill(topic, 4)
          const subscription = yield* topic.subscription({ name: "s" })
          yield* Effect.scoped(
            Effect.flatMap(subscription.reader({ prefetch: 4 }), (r) =>
              Effect.flatMap(takeMany(r, 4), (all) =>
                Effect.forEach(all, (delivery) => delivery.ackConfirmed)
              )
            )
          )
          yield* subscription.update({ maxDeliver: 9 })
          yield* subscription.reset(3)
        })
      )
      yield* session(
        Effect.gen(function* () {
          const topic = yield* open
          const subscription = yield* topic.subscription({ name: "s", maxDeliver: 9 })
          const reader = yield* subscription.reader({ prefetch: 4 })
          assert.deepStrictEqual(sequencesOf(yield* takeMany(reader, 2)), [3, 4])
        })
      )
    })
  ),

  restartTest("restart-7", "attempts go on counting, and what was reported stays reported", (session) =>
    Effect.gen(function* () {
      const name = yield* uniqueName
      const open = Effect.gen(function* () {
        const topic = yield* (yield* Broker).topic({ name })
        return yield* topic.subscription({ name: "s", ackWait: "1 second", maxDeliver: 2 })
      })
      yield* session(
        Effect.gen(function* () {
          const subscription = yield* open
          yield* fill(yield* (yield* Broker).topic({ name }), 2)
          const reader = yield* subscription.reader({ prefetch: 2 })
          const [poison] = yield* takeMany(reader, 2)
          yield* poison?.retry(0) ?? Effect.void
          const again = yield* takeOne(reader)
          assert.deepStrictEqual([again.record.sequence, again.attempt], [1, 2])
          yield* again.retry(0)
          yield* eventually("it is reported", subscription.info, (info) => info.exhausted.includes(1))
        })
      )
      yield* session(
        Effect.gen(function* () {
          const subscription = yield* open
          assert.deepStrictEqual((yield* subscription.info).exhausted, [1])
          const held = yield* takeOne(yield* subscription.reader())
          assert.deepStrictEqual([held.record.sequence, held.attempt], [2, 2])
        })
      )
    })
  ),

  restartTest(
    "restart-10",
    "a paused subscription stays paused, and can be changed by its name before it is opened",
    (session) =>
      Effect.gen(function* () {
        const name = yield* uniqueName
        const open = Effect.flatMap(Broker, (broker) => broker.topic({ name }))
        yield* session(
          Effect.gen(function* () {
            const topic = yield* open
            yield* fill(topic, 2)
            const subscription = yield* topic.subscription({ name: "s", filters: ["item.2"] })
            yield* subscription.update({ paused: true })
          })
        )
        yield* session(
          Effect.gen(function* () {
            const topic = yield* open
            const subscription = yield* topic.subscription({ name: "s", filters: ["item.2"], paused: true })
            yield* nothingWithin(yield* subscription.reader({ prefetch: 2 }), 300)
          })
        )
        yield* session(
          Effect.gen(function* () {
            const topic = yield* open
            yield* topic.updateSubscription("s", { paused: false, maxDeliver: 3 })
            const subscription = yield* topic.subscription({ name: "s", filters: ["item.2"], maxDeliver: 3 })
            const reader = yield* subscription.reader({ prefetch: 2 })
            assert.deepStrictEqual(sequencesOf(yield* ackMany(reader, 1)), [2])
            yield* nothingWithin(reader, 200)
          })
        )
      })
  )
]
