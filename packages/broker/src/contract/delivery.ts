import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Delivery } from "../Subscription.ts"
import { type ContractTest, test } from "./ContractTest.ts"
import {
  ackMany,
  eventually,
  fill,
  newTopic,
  nothingWithin,
  range,
  record,
  sequences,
  sequencesOf,
  takeMany,
  takeOne
} from "./Scenario.ts"

/** Broker and test may round one moment to different milliseconds. */
const roundingMillis = 5

/** Settling a delivery, and what comes again. */
export const delivery: ReadonlyArray<ContractTest> = [
  test("delivery-1", "what was acked does not come again", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 3)
      const subscription = yield* topic.subscription({ name: "s", ackWait: "500 millis" })
      const reader = yield* subscription.reader({ prefetch: 3 })
      yield* ackMany(reader, 3)
      yield* nothingWithin(reader, 900)
      assert.strictEqual((yield* subscription.info).ackFloor, 3)
    })
  ),

  test("delivery-2", "ackConfirmed waits until the backend has it", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 2)
      const subscription = yield* topic.subscription({ name: "s" })
      const reader = yield* subscription.reader()
      yield* (yield* takeOne(reader)).ackConfirmed
      assert.strictEqual((yield* subscription.info).ackFloor, 1)
    })
  ),

  test("delivery-3", "acks are idempotent, also after another settlement", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 3)
      const subscription = yield* topic.subscription({ name: "s", ackWait: "500 millis" })
      const reader = yield* subscription.reader({ prefetch: 3 })
      const [one, two, three] = yield* takeMany(reader, 3)
      yield* one?.ack ?? Effect.void
      yield* one?.ack ?? Effect.void
      yield* one?.ackConfirmed ?? Effect.void
      yield* two?.reject("bad") ?? Effect.void
      yield* two?.ack ?? Effect.void
      yield* three?.ack ?? Effect.void
      yield* three?.retry("10 millis") ?? Effect.void
      yield* nothingWithin(reader, 900)
      const info = yield* eventually("all settled", subscription.info, (i) => i.ackPending === 0)
      assert.strictEqual(info.ackFloor, 3)
    })
  ),

  test("delivery-4", "retry hands the record out again as the next attempt, not before the delay", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 1)
      const subscription = yield* topic.subscription({ name: "s" })
      const reader = yield* subscription.reader()
      const first = yield* takeOne(reader)
      assert.strictEqual(first.attempt, 1)
      const asked = yield* Clock.currentTimeMillis
      yield* first.retry("400 millis")
      const second = yield* takeOne(reader)
      assert.isAtLeast((yield* Clock.currentTimeMillis) - asked, 400 - roundingMillis)
      assert.deepStrictEqual([second.record.sequence, second.attempt], [1, 2])
      yield* second.retry(0)
      assert.strictEqual((yield* takeOne(reader)).attempt, 3)
    })
  ),

  test("delivery-5", "redeliveries come before new records", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 4)
      const subscription = yield* topic.subscription({ name: "s" })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const reader = yield* subscription.reader({ prefetch: 2 })
          const taken = yield* takeMany(reader, 2)
          yield* subscription.update({ paused: true })
          yield* Effect.forEach(taken, (d) => d.retry(0))
        })
      )
      yield* Effect.sleep("200 millis")
      yield* subscription.update({ paused: false })
      const reader = yield* subscription.reader({ prefetch: 1 })
      const all = yield* ackMany(reader, 4)
      assert.deepStrictEqual(new Set(sequencesOf(all.slice(0, 2))), new Set([1, 2]))
      assert.deepStrictEqual(
        all.slice(2).map((d) => [d.record.sequence, d.attempt]),
        [
          [3, 1],
          [4, 1]
        ]
      )
      assert.deepStrictEqual(
        all.slice(0, 2).map((d) => d.attempt),
        [2, 2]
      )
    })
  ),

  test("delivery-6", "what nobody settles within ackWait comes again, never earlier", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 1)
      const subscription = yield* topic.subscription({ name: "s", ackWait: "400 millis" })
      const started = yield* Clock.currentTimeMillis
      const silent = yield* takeOne(yield* subscription.reader())
      assert.strictEqual(silent.attempt, 1)
      const again = yield* takeOne(yield* subscription.reader())
      assert.isAtLeast((yield* Clock.currentTimeMillis) - started, 400 - roundingMillis)
      assert.strictEqual(again.record.sequence, 1)
      assert.strictEqual(again.attempt, 2)
    })
  ),

  test("delivery-7", "working starts ackWait anew", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 1)
      const subscription = yield* topic.subscription({ name: "s", ackWait: "800 millis" })
      const busy = yield* takeOne(yield* subscription.reader())
      const other = yield* subscription.reader()
      const waiting = yield* Effect.forkChild(takeOne(other))
      for (const _ of range(1, 6)) {
        yield* Effect.sleep("200 millis")
        yield* busy.working
        assert.isUndefined(waiting.pollUnsafe(), "came again although work went on")
      }
      assert.strictEqual((yield* Fiber.join(waiting)).attempt, 2)
    })
  ),

  test("delivery-8", "a late ack of the first delivery settles the second", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 1)
      const subscription = yield* topic.subscription({ name: "s", ackWait: "300 millis" })
      const first = yield* takeOne(yield* subscription.reader())
      const second = yield* takeOne(yield* subscription.reader())
      assert.strictEqual(second.attempt, 2)
      yield* first.ackConfirmed
      assert.strictEqual((yield* subscription.info).ackPending, 0)
      yield* nothingWithin(yield* subscription.reader(), 900)
    })
  ),

  test("delivery-9", "after maxDeliver a record is skipped, reported, and stays in the topic", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 2)
      const subscription = yield* topic.subscription({ name: "s", maxDeliver: 2 })
      const reader = yield* subscription.reader({ prefetch: 2 })
      const [poison, good] = yield* takeMany(reader, 2)
      yield* good?.ack ?? Effect.void
      yield* poison?.retry("20 millis") ?? Effect.void
      const again = yield* takeOne(reader)
      assert.deepStrictEqual([again.record.sequence, again.attempt], [1, 2])
      yield* again.retry("20 millis")
      yield* eventually("it is reported", subscription.info, (info) => info.exhausted.includes(1))
      yield* topic.append(record("next"))
      assert.strictEqual((yield* takeOne(reader)).record.sequence, 3)
      yield* nothingWithin(reader, 300)
      const info = yield* subscription.info
      assert.deepStrictEqual(info.exhausted, [1])
      assert.strictEqual(info.ackPending, 1)
      assert.deepStrictEqual(yield* sequences(topic), [1, 2, 3])
    })
  ),

  test("delivery-10", "a record whose reader dies on the last try is reported too", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 2)
      const subscription = yield* topic.subscription({ name: "s", maxDeliver: 1, ackWait: "500 millis" })
      const reader = yield* subscription.reader({ prefetch: 2 })
      const [silent, good] = yield* takeMany(reader, 2)
      yield* good?.ackConfirmed ?? Effect.void
      yield* nothingWithin(yield* subscription.reader(), 900)
      const info = yield* eventually("reported", subscription.info, (i) => i.exhausted.length === 1)
      assert.deepStrictEqual(info.exhausted, [silent?.record.sequence ?? 0])
    })
  ),

  test("delivery-11", "maxAckPending 1 is strict order across retries and readers", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 6)
      const subscription = yield* topic.subscription({ name: "s", maxAckPending: 1 })
      const seen: Array<string> = []
      const done: Array<number> = []
      let inFlight = 0
      const handle = Effect.fnUntraced(function* (taken: Delivery) {
        seen.push(`${taken.record.sequence}/${taken.attempt}`)
        inFlight++
        assert.strictEqual(inFlight, 1)
        yield* Effect.sleep("5 millis")
        inFlight--
        if (taken.attempt === 1) return yield* taken.retry("30 millis")
        done.push(taken.record.sequence)
        yield* taken.ack
      })
      const work = Effect.scoped(
        Effect.gen(function* () {
          const reader = yield* subscription.reader({ prefetch: 4 })
          while (true) yield* Effect.forEach(yield* reader.take(4), handle)
        })
      )
      const workers = yield* Effect.forEach([1, 2], () => Effect.forkChild(work))
      yield* eventually(
        "all six are done",
        Effect.sync(() => done.length),
        (n) => n === 6
      ).pipe(Effect.raceFirst(Fiber.joinAll(workers)))
      yield* Fiber.interruptAll(workers)
      assert.deepStrictEqual(done, range(1, 6))
      assert.deepStrictEqual(
        seen,
        range(1, 6).flatMap((n) => [`${n}/1`, `${n}/2`])
      )
    })
  ),

  test("delivery-12", "reject settles for good; the record stays in the topic and is not reported", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 2)
      const subscription = yield* topic.subscription({ name: "s", ackWait: "500 millis" })
      const reader = yield* subscription.reader({ prefetch: 2 })
      const [one, two] = yield* takeMany(reader, 2)
      yield* one?.reject('not an order, "at all"') ?? Effect.void
      yield* two?.ack ?? Effect.void
      yield* nothingWithin(reader, 900)
      const info = yield* eventually("settled", subscription.info, (i) => i.ackPending === 0)
      assert.deepStrictEqual(info.exhausted, [])
      assert.strictEqual(info.ackFloor, 2)
      assert.deepStrictEqual(yield* sequences(topic), [1, 2])
    })
  ),

  test(
    "delivery-13",
    "each subscription reports what it skipped itself, also beside others which skipped more",
    () =>
      Effect.gen(function* () {
        const topic = yield* newTopic()
        yield* fill(topic, 3)
        const spend = Effect.fnUntraced(function* (name: string, count: number) {
          const subscription = yield* topic.subscription({ name, maxDeliver: 1 })
          const reader = yield* subscription.reader({ prefetch: 3 })
          for (const taken of yield* takeMany(reader, count)) yield* taken.retry(0)
          return yield* eventually("all are reported", subscription.info, (i) => i.exhausted.length === count)
        })
        const none = yield* topic.subscription({ name: "none", maxDeliver: 1 })
        assert.deepStrictEqual((yield* spend("some", 2)).exhausted, [1, 2])
        assert.deepStrictEqual((yield* none.info).exhausted, [])
        assert.deepStrictEqual((yield* spend("all", 3)).exhausted, [1, 2, 3])
        const { subscriptions } = yield* topic.info
        assert.deepStrictEqual(
          subscriptions.map(({ exhausted, name }) => [name, exhausted]),
          [
            ["all", [1, 2, 3]],
            ["none", []],
            ["some", [1, 2]]
          ]
        )
      })
  )
]
