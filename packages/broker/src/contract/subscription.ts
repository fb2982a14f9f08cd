import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Subscription } from "../Subscription.ts"
import type { Topic } from "../Topic.ts"
import { type ContractTest, test } from "./ContractTest.ts"
import {
  ackMany,
  eventually,
  failsWith,
  fill,
  newTopic,
  nothingWithin,
  range,
  readAll,
  record,
  sequences,
  sequencesOf,
  takeMany,
  takeOne
} from "./Scenario.ts"

/** Everything matching is settled. */
const settled = (subscription: Subscription) =>
  eventually("all settled", subscription.info, (info) => info.pending === 0 && info.ackPending === 0)

const openFrom = Effect.fnUntraced(function* (
  topic: Topic,
  name: string,
  start: "first" | "new" | "lastPerSubject" | number | { readonly timeMillis: number }
) {
  const subscription = yield* topic.subscription({ name, start })
  return yield* subscription.reader({ prefetch: 100 })
})

/** What a subscription is: positions, filters, specification, information. */
export const subscription: ReadonlyArray<ContractTest> = [
  test("subscription-1", "hands out every record in sequence order, as attempt 1, until settled", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 200)
      const subscription = yield* topic.subscription({ name: "s" })
      const reader = yield* subscription.reader({ prefetch: 16 })
      const taken = yield* ackMany(reader, 200)
      assert.deepStrictEqual(sequencesOf(taken), range(1, 200))
      assert.deepStrictEqual(new Set(taken.map((d) => d.attempt)), new Set([1]))
      const info = yield* settled(subscription)
      assert.strictEqual(info.ackFloor, 200)
      yield* topic.append(record("later", { headers: { k: "v" }, messageId: "x" }))
      const later = yield* takeOne(reader)
      const [stored] = yield* readAll(topic, { from: 201 })
      assert.deepStrictEqual(
        { ...later.record, data: Array.from(later.record.data) },
        stored && { ...stored, data: Array.from(stored.data) }
      )
    })
  ),

  test("subscription-2", "only what its filters name, each record once", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const spec = { name: "s", filters: ["a.*", "b.>"] }
      const subscription = yield* topic.subscription(spec)
      yield* topic.appendAll(["a.1", "c.1", "b.1.2", "a", "b", "a.2", "a.2.x"].map((s) => record(s)))
      const reader = yield* subscription.reader({ prefetch: 10 })
      assert.deepStrictEqual(sequencesOf(yield* ackMany(reader, 3)), [1, 3, 6])
      yield* nothingWithin(reader, 200)
      const reason = yield* failsWith(topic.subscription({ name: "t", filters: ["a..b"] }), "Rejected")
      assert.strictEqual(reason.cause, "subject")
    })
  ),

  test(
    "subscription-3",
    "begins at the first, a sequence, a moment, what is new, or each subject's last",
    () =>
      Effect.gen(function* () {
        const topic = yield* newTopic()
        yield* topic.appendAll(["a", "b", "a"].map((s) => record(s)))
        const third = (yield* readAll(topic, { from: 3 }))[0]?.timeMillis ?? 0
        yield* eventually("the clock moves", Clock.currentTimeMillis, (now) => now > third + 1)
        yield* topic.append(record("b"))
        const fourth = (yield* readAll(topic, { from: 4 }))[0]?.timeMillis ?? 0
        const readers = {
          first: yield* openFrom(topic, "first", "first"),
          sequence: yield* openFrom(topic, "sequence", 2),
          time: yield* openFrom(topic, "time", { timeMillis: fourth }),
          fresh: yield* openFrom(topic, "fresh", "new"),
          lasts: yield* openFrom(topic, "lasts", "lastPerSubject")
        }
        yield* topic.append(record("c"))
        assert.deepStrictEqual(sequencesOf(yield* ackMany(readers.first, 5)), [1, 2, 3, 4, 5])
        assert.deepStrictEqual(sequencesOf(yield* ackMany(readers.sequence, 4)), [2, 3, 4, 5])
        assert.deepStrictEqual(sequencesOf(yield* ackMany(readers.time, 2)), [4, 5])
        assert.deepStrictEqual(sequencesOf(yield* ackMany(readers.fresh, 1)), [5])
        assert.deepStrictEqual(sequencesOf(yield* ackMany(readers.lasts, 3)), [3, 4, 5])
      })
  ),

  test(
    "subscription-4",
    "opening with the same specification keeps the position, with another one is an error",
    () =>
      Effect.gen(function* () {
        const topic = yield* newTopic()
        yield* fill(topic, 3)
        const spec = { name: "s", ackWait: "5 seconds", maxDeliver: 4 } as const
        const first = yield* topic.subscription(spec)
        yield* Effect.scoped(Effect.flatMap(first.reader(), (reader) => ackMany(reader, 2)))
        yield* eventually("two are settled", first.info, (info) => info.ackFloor === 2)
        const again = yield* topic.subscription({ ...spec, ackWait: 5_000, maxAckPending: 1_000 })
        assert.strictEqual((yield* takeOne(yield* again.reader())).record.sequence, 3)
        const reason = yield* failsWith(topic.subscription({ ...spec, maxDeliver: 5 }), "SpecMismatch")
        assert.strictEqual(reason.what, "subscription")
        assert.deepStrictEqual(reason.fields, ["maxDeliver"])
      })
  ),

  test("subscription-5", "update changes the specification", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.appendAll(["a", "b", "a"].map((s) => record(s)))
      const subscription = yield* topic.subscription({ name: "s", maxAckPending: 1 })
      yield* subscription.update({ maxAckPending: 2 })
      yield* topic.subscription({ name: "s", maxAckPending: 2 })
      yield* failsWith(topic.subscription({ name: "s", maxAckPending: 1 }), "SpecMismatch")
      const reader = yield* subscription.reader({ prefetch: 10 })
      assert.deepStrictEqual(sequencesOf(yield* takeMany(reader, 2)), [1, 2])
      yield* nothingWithin(reader, 200)
    })
  ),

  test("subscription-6", "paused hands nothing out until it is updated", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 2)
      const subscription = yield* topic.subscription({ name: "s", paused: true })
      const reader = yield* subscription.reader({ prefetch: 10 })
      yield* nothingWithin(reader, 300)
      yield* subscription.update({ paused: false })
      assert.deepStrictEqual(sequencesOf(yield* ackMany(reader, 2)), [1, 2])
      yield* subscription.update({ paused: true })
      yield* fill(topic, 1)
      yield* nothingWithin(reader, 300)
    })
  ),

  test("subscription-7", "reset moves it, and attempts count from 1", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 4)
      const subscription = yield* topic.subscription({ name: "s" })
      const all = Effect.scoped(
        Effect.gen(function* () {
          const reader = yield* subscription.reader({ prefetch: 10 })
          const pending = (yield* subscription.info).pending
          const taken = yield* ackMany(reader, pending)
          yield* settled(subscription)
          return taken.map((d) => [d.record.sequence, d.attempt])
        })
      )
      assert.lengthOf(yield* all, 4)
      yield* subscription.reset(3)
      assert.deepStrictEqual(yield* all, [
        [3, 1],
        [4, 1]
      ])
      yield* subscription.reset("first")
      assert.lengthOf(yield* all, 4)
      yield* subscription.reset("first")
      yield* subscription.reset("new")
      assert.deepStrictEqual(yield* all, [])
      yield* fill(topic, 1)
      yield* eventually("it is counted", subscription.info, (info) => info.pending === 1)
      assert.deepStrictEqual(yield* all, [[5, 1]])
    })
  ),

  test("subscription-8", "subscriptions of one topic know nothing of each other", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 5)
      const one = yield* topic.subscription({ name: "one" })
      const two = yield* topic.subscription({ name: "two" })
      assert.lengthOf(yield* ackMany(yield* one.reader({ prefetch: 5 }), 5), 5)
      assert.lengthOf(yield* ackMany(yield* two.reader({ prefetch: 5 }), 5), 5)
    })
  ),

  test("subscription-9", "a deleted one is forgotten with its position", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 2)
      const subscription = yield* topic.subscription({ name: "s" })
      yield* Effect.scoped(Effect.flatMap(subscription.reader(), (reader) => ackMany(reader, 2)))
      yield* topic.deleteSubscription("s")
      assert.deepStrictEqual((yield* topic.info).subscriptions, [])
      assert.strictEqual((yield* failsWith(topic.deleteSubscription("s"), "NotFound")).what, "subscription")
      const again = yield* topic.subscription({ name: "s", maxAckPending: 7 })
      assert.strictEqual((yield* takeOne(yield* again.reader())).record.sequence, 1)
    })
  ),

  test(
    "subscription-10",
    "info: pending, unsettled, redelivered, and the floor below which all is settled",
    () =>
      Effect.gen(function* () {
        const topic = yield* newTopic()
        yield* fill(topic, 6)
        const subscription = yield* topic.subscription({ name: "s" })
        const untouched = yield* subscription.info
        assert.deepStrictEqual(
          { ...untouched },
          { name: "s", pending: 6, ackPending: 0, redelivered: 0, ackFloor: 0, exhausted: [] }
        )
        const reader = yield* subscription.reader({ prefetch: 4 })
        const [one, two, three, four] = yield* takeMany(reader, 4)
        assert.isDefined(one && two && three && four)
        yield* eventually(
          "four in flight",
          subscription.info,
          (info) => info.pending === 2 && info.ackPending === 4
        )
        yield* subscription.update({ paused: true })
        yield* one?.ack ?? Effect.void
        yield* three?.ack ?? Effect.void
        yield* eventually(
          "the floor stops below the first gap",
          subscription.info,
          (info) => info.ackFloor === 1 && info.ackPending === 2
        )
        yield* two?.ack ?? Effect.void
        yield* eventually("the floor passes it", subscription.info, (info) => info.ackFloor === 3)
        yield* four?.retry("10 millis") ?? Effect.void
        yield* subscription.update({ paused: false })
        const again = yield* takeMany(reader, 3)
        assert.deepStrictEqual(new Set(sequencesOf(again)), new Set([4, 5, 6]))
        yield* eventually("one is redelivered", subscription.info, (info) => info.redelivered === 1)
      })
  ),

  test("subscription-11", "a record that was removed is not handed out, and the next ones are", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 4)
      const subscription = yield* topic.subscription({ name: "s" })
      yield* topic.delete(1)
      yield* topic.purge({ filter: "item.3" })
      const reader = yield* subscription.reader({ prefetch: 10 })
      assert.deepStrictEqual(sequencesOf(yield* ackMany(reader, 2)), [2, 4])
      yield* settled(subscription)
      assert.deepStrictEqual(yield* sequences(topic), [2, 4])
    })
  ),

  test("subscription-12", "an ackWait below 100 ms, or another number out of range, is rejected", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      for (const spec of [{ ackWait: "50 millis" as const }, { maxDeliver: 0 }, { maxAckPending: 0 }]) {
        const reason = yield* failsWith(topic.subscription({ name: "s", ...spec }), "Rejected")
        assert.strictEqual(reason.cause, "argument")
      }
      yield* failsWith(topic.subscription({ name: "a.b" }), "Rejected")
    })
  ),

  test("subscription-13", "it can be changed by its name, whatever specification it has", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 3)
      const subscription = yield* topic.subscription({ name: "s", maxAckPending: 1, paused: true })
      const reader = yield* subscription.reader({ prefetch: 10 })
      yield* topic.updateSubscription("s", { maxAckPending: 2, paused: false })
      assert.deepStrictEqual(sequencesOf(yield* takeMany(reader, 2)), [1, 2])
      yield* nothingWithin(reader, 200)
      yield* topic.subscription({ name: "s", maxAckPending: 2 })
      const reason = yield* failsWith(topic.updateSubscription("t", { maxDeliver: 2 }), "NotFound")
      assert.strictEqual(reason.what, "subscription")
      yield* failsWith(topic.updateSubscription("s", { maxDeliver: 0 }), "Rejected")
    })
  ),

  test("subscription-14", "a lower maxDeliver judges what waits for its next delivery too", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 2)
      const subscription = yield* topic.subscription({ name: "s", maxDeliver: 5 })
      const reader = yield* subscription.reader({ prefetch: 2 })
      const [one, two] = yield* takeMany(reader, 2)
      yield* two?.ack ?? Effect.void
      yield* one?.retry("500 millis") ?? Effect.void
      yield* subscription.update({ maxDeliver: 1 })
      yield* nothingWithin(reader, 1_000)
      yield* eventually("it is reported", subscription.info, (info) => info.exhausted.includes(1))
      assert.deepStrictEqual(yield* sequences(topic), [1, 2])
    })
  )
]
