import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Topic } from "../Topic.ts"
import { type BounceTest, type ContractTest, test } from "./ContractTest.ts"
import {
  eventually,
  failsWith,
  fill,
  newTopic,
  range,
  readAll,
  record,
  sequences,
  textOf,
  whileBusy
} from "./Scenario.ts"

/** Appends until the broker's clock has moved on, so that times tell the records apart. */
const appendLater = Effect.fnUntraced(function* (topic: Topic, subject: string) {
  const last = (yield* readAll(topic, { from: "last" }))[0]?.timeMillis ?? 0
  yield* eventually("the clock moves", Clock.currentTimeMillis, (now) => now > last + 1)
  yield* topic.append(record(subject))
})

/** Reading: positions, filters, ends, following, last records, information. */
export const read: ReadonlyArray<ContractTest> = [
  test("read-1", "a read answers all in order and ends; an empty topic ends at once", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      assert.deepStrictEqual(yield* sequences(topic), [])
      assert.deepStrictEqual(yield* sequences(topic, { from: "last" }), [])
      assert.deepStrictEqual(yield* sequences(topic, { from: 5 }), [])
      yield* fill(topic, 10)
      assert.deepStrictEqual(yield* sequences(topic), range(1, 10))
      assert.deepStrictEqual(yield* sequences(topic, { from: 11 }), [])
    })
  ),

  test("read-2", "from, to and limit bound it, inclusively", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 10)
      assert.deepStrictEqual(yield* sequences(topic, { from: 4 }), range(4, 10))
      assert.deepStrictEqual(yield* sequences(topic, { from: 4, to: 6 }), [4, 5, 6])
      assert.deepStrictEqual(yield* sequences(topic, { from: 4, to: 4 }), [4])
      assert.deepStrictEqual(yield* sequences(topic, { from: 6, to: 4 }), [])
      assert.deepStrictEqual(yield* sequences(topic, { from: 4, limit: 2 }), [4, 5])
      assert.deepStrictEqual(yield* sequences(topic, { from: "first", to: 100, limit: 3 }), [1, 2, 3])
      assert.deepStrictEqual(yield* sequences(topic, { from: "last" }), [10])
    })
  ),

  test("read-3", "a moment means the first record at or after it", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("a"))
      yield* appendLater(topic, "b")
      yield* appendLater(topic, "c")
      const [one, two, three] = (yield* readAll(topic)).map((r) => r.timeMillis)
      assert.isBelow(one ?? 0, two ?? 0)
      assert.isBelow(two ?? 0, three ?? 0)
      const from = (timeMillis: number) => sequences(topic, { from: { timeMillis } })
      assert.deepStrictEqual(yield* from(0), [1, 2, 3])
      assert.deepStrictEqual(yield* from(two ?? 0), [2, 3])
      assert.deepStrictEqual(yield* from((two ?? 0) + 1), [3])
      assert.deepStrictEqual(yield* from((three ?? 0) + 3_600_000), [])
    })
  ),

  test("read-4", "filters: a token, one token, the rest; several; each record once", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.appendAll(["a", "a.b", "a.c", "a.b.c", "b", "b.b"].map((subject) => record(subject)))
      const matching = (...filters: Array<string>) => sequences(topic, { filters })
      assert.deepStrictEqual(yield* matching("a"), [1])
      assert.deepStrictEqual(yield* matching("a.*"), [2, 3])
      assert.deepStrictEqual(yield* matching("a.>"), [2, 3, 4])
      assert.deepStrictEqual(yield* matching("*.b"), [2, 6])
      assert.deepStrictEqual(yield* matching(">"), range(1, 6))
      assert.deepStrictEqual(yield* matching("*"), [1, 5])
      assert.deepStrictEqual(yield* matching("a", "b"), [1, 5])
      assert.deepStrictEqual(yield* matching("a.>", "a.b"), [2, 3, 4])
      assert.deepStrictEqual(yield* matching("a.*", "*.b"), [2, 3, 6])
      assert.deepStrictEqual(yield* matching("none.>"), [])
      assert.deepStrictEqual(yield* sequences(topic, { filters: ["*.b"], from: 3 }), [6])
      assert.deepStrictEqual(yield* sequences(topic, { filters: ["a.>"], limit: 2 }), [2, 3])
      assert.deepStrictEqual(yield* sequences(topic, { filters: ["*.b"], to: 5 }), [2])
    })
  ),

  test("read-5", "a filter that is none is rejected", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("a"))
      for (const filter of ["", "a.", "a.>.b", "a b", "a*"]) {
        const reason = yield* failsWith(sequences(topic, { filters: [filter] }), "Rejected")
        assert.strictEqual(reason.cause, "subject", `filter ${JSON.stringify(filter)}`)
      }
    })
  ),

  test("read-6", "what was removed is skipped", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 6)
      yield* topic.delete(1)
      yield* topic.delete(3)
      yield* topic.delete(6)
      assert.deepStrictEqual(yield* sequences(topic), [2, 4, 5])
      assert.deepStrictEqual(yield* sequences(topic, { from: 3 }), [4, 5])
      assert.deepStrictEqual(yield* sequences(topic, { from: "last" }), [5])
    })
  ),

  test("read-7", "a read ends at the record that was last when it began", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 3)
      const seen = yield* topic.read({ from: "first" }).pipe(
        Stream.mapEffect((r) => Effect.as(topic.append(record("more")), r.sequence)),
        Stream.runCollect
      )
      assert.deepStrictEqual(seen, [1, 2, 3])
      assert.strictEqual((yield* topic.info).lastSequence, 6)
    })
  ),

  test("read-8", "thousands of records come complete, in order and in chunks", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 1_000)
      yield* fill(topic, 1_000)
      yield* fill(topic, 1_000)
      const chunks = yield* Stream.runCollect(Stream.chunks(topic.read({ from: "first" })))
      assert.deepStrictEqual(
        chunks.flat().map((r) => r.sequence),
        range(1, 3_000)
      )
      assert.isAtMost(chunks.length, 300)
      assert.deepStrictEqual(
        yield* sequences(topic, { filters: ["item.500", "item.1000"] }),
        [500, 1_000, 1_500, 2_000, 2_500, 3_000]
      )
      assert.strictEqual(
        yield* Stream.runCount(topic.read({ from: "first", consistency: "any", to: 2_000 })),
        2_000
      )
    })
  ),

  test("read-9", "a reader that stops early leaves nothing behind", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 500)
      for (const _ of range(1, 5)) {
        const taken = yield* Stream.runCollect(Stream.take(topic.read({ from: "first" }), 3))
        assert.deepStrictEqual(
          taken.map((r) => r.sequence),
          [1, 2, 3]
        )
      }
      yield* eventually("no subscription stays", topic.info, (info) => info.subscriptions.length === 0)
    })
  ),

  test("follow-1", "what is there and what comes, without gap or repeat", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 50)
      const follower = yield* topic
        .follow({ from: "first" })
        .pipe(Stream.take(500), Stream.runCollect, Effect.forkChild({ startImmediately: true }))
      yield* Effect.forEach(range(51, 500), (i) => topic.append(record(`item.${i}`)), { concurrency: 32 })
      const followed = yield* Effect.timeout(Fiber.join(follower), "10 seconds")
      assert.deepStrictEqual(
        followed.map((r) => r.sequence),
        range(1, 500)
      )
    })
  ),

  test("follow-2", "it waits at the end, and honours position and filters", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 3)
      const started = yield* Deferred.make<void>()
      const fromLast = yield* topic.follow({ from: "last" }).pipe(
        Stream.tap(() => Deferred.succeed(started, undefined)),
        Stream.take(3),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const later = yield* topic
        .follow({ from: 5, filters: ["b.*"] })
        .pipe(Stream.take(2), Stream.runCollect, Effect.forkChild({ startImmediately: true }))
      yield* Effect.timeout(Deferred.await(started), "10 seconds")
      for (const subject of ["b.4", "b.5", "a.6", "b.7"]) yield* topic.append(record(subject))
      assert.deepStrictEqual(
        (yield* Effect.timeout(Fiber.join(fromLast), "10 seconds")).map((r) => r.sequence),
        [3, 4, 5]
      )
      assert.deepStrictEqual((yield* Effect.timeout(Fiber.join(later), "10 seconds")).map(textOf), [
        "b.5",
        "b.7"
      ])
    })
  ),

  test("follow-3", "many followers see the same", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const followers = yield* Effect.forEach(range(1, 5), () =>
        topic
          .follow({ from: "first" })
          .pipe(Stream.take(100), Stream.runCollect, Effect.forkChild({ startImmediately: true }))
      )
      yield* Effect.forEach(range(1, 100), (i) => topic.append(record(`item.${i}`)), { concurrency: 10 })
      for (const follower of followers) {
        const seen = yield* Effect.timeout(Fiber.join(follower), "10 seconds")
        assert.deepStrictEqual(
          seen.map((r) => r.sequence),
          range(1, 100)
        )
      }
    })
  ),

  test("last-1", "the last record of a subject", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      assert.isTrue(Option.isNone(yield* topic.last("a")))
      yield* topic.append({ ...record("a", { headers: { k: "v" }, messageId: "x" }) })
      yield* topic.append(record("a.b"))
      const one = Option.getOrThrow(yield* topic.last("a"))
      assert.deepStrictEqual([one.sequence, one.subject, textOf(one)], [1, "a", "a"])
      assert.deepStrictEqual(one.headers, { k: "v" })
      assert.strictEqual(one.messageId, "x")
      yield* topic.append(record("a"))
      assert.strictEqual(Option.getOrThrow(yield* topic.last("a")).sequence, 3)
      yield* topic.delete(3)
      assert.strictEqual(Option.getOrThrow(yield* topic.last("a")).sequence, 1)
      yield* topic.delete(1)
      assert.isTrue(Option.isNone(yield* topic.last("a")))
    })
  ),

  test("last-2", "the last record of each subject that matches, in sequence order", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.appendAll(["a.1", "a.2", "b.1", "a.1", "b.1", "a.3"].map((s) => record(s)))
      const lasts = (filter: string) =>
        Effect.map(Stream.runCollect(topic.lastPerSubject(filter)), (all) => all.map((r) => r.sequence))
      assert.deepStrictEqual(yield* lasts("a.*"), [2, 4, 6])
      assert.deepStrictEqual(yield* lasts(">"), [2, 4, 5, 6])
      assert.deepStrictEqual(yield* lasts("b.1"), [5])
      assert.deepStrictEqual(yield* lasts("c.>"), [])
    })
  ),

  test("last-3", "also of thousands of subjects", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 1_000, "a")
      yield* fill(topic, 1_000, "b")
      yield* fill(topic, 1_000, "b")
      const lasts = yield* Stream.runCollect(topic.lastPerSubject(">"))
      assert.deepStrictEqual(
        lasts.map((r) => r.sequence),
        [...range(1, 1_000), ...range(2_001, 3_000)]
      )
    })
  ),

  test("info-1", "counts, and the first and last sequence", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const empty = yield* topic.info
      assert.deepStrictEqual(
        { ...empty },
        {
          name: topic.name,
          firstSequence: 0,
          lastSequence: 0,
          records: 0,
          bytes: 0,
          subjects: 0,
          subscriptions: []
        }
      )
      yield* topic.appendAll(["a", "b", "b", "c"].map((s) => record(s)))
      yield* topic.delete(1)
      yield* topic.delete(4)
      yield* topic.subscription({ name: "one" })
      const info = yield* topic.info
      assert.strictEqual(info.firstSequence, 2)
      assert.strictEqual(info.lastSequence, 4)
      assert.strictEqual(info.records, 2)
      assert.strictEqual(info.subjects, 1)
      assert.isAtLeast(info.bytes, 2)
      assert.deepStrictEqual(
        info.subscriptions.map((s) => [s.name, s.pending]),
        [["one", 2]]
      )
    })
  ),

  test("info-2", "whoever asks and then reads has every record that was named, while others append", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const appending = yield* Effect.forEach(range(1, 8), (writer) =>
        Effect.forkChild(
          Effect.forEach(range(1, 25), () => topic.append(record(`p.${writer % 4}`)), {
            discard: true
          })
        )
      )
      let read = 0
      while (read < 200) {
        const { lastSequence } = yield* topic.info
        const found = yield* sequences(topic, { from: read + 1, filters: ["p.>"] })
        assert.deepStrictEqual(found, range(read + 1, read + found.length))
        assert.isAtLeast(read + found.length, lastSequence)
        read += found.length
        yield* Effect.yieldNow
      }
      yield* Effect.forEach(appending, Fiber.join, { discard: true })
    })
  )
]

/** Following while the server goes away and comes back. */
export const readBounce: ReadonlyArray<BounceTest> = [
  {
    id: "follow-4",
    title: "no gap and no repeat while the server restarts under the follower",
    run: (bounce) =>
      Effect.gen(function* () {
        const topic = yield* newTopic()
        yield* fill(topic, 20)
        const follower = yield* topic
          .follow({ from: "first" })
          .pipe(Stream.take(40), Stream.runCollect, Effect.forkChild({ startImmediately: true }))
        yield* bounce
        yield* Effect.forEach(range(21, 40), (i) =>
          Effect.retry(whileBusy(topic.append(record(`item.${i}`, { messageId: `${i}` }))), {
            while: (error) => error.isTransient,
            times: 100
          })
        )
        const followed = yield* Effect.timeout(Fiber.join(follower), "20 seconds")
        assert.deepStrictEqual(
          followed.map((r) => r.sequence),
          range(1, 40)
        )
      })
  }
]
