import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Broker } from "../Broker.ts"
import type { ScheduledAppend, Topic } from "../Topic.ts"
import type { TopicRecord } from "../TopicRecord.ts"
import { type ContractTest, type RestartTest, restartTest, test } from "./ContractTest.ts"
import {
  bytes,
  eventually,
  failsWith,
  newTopic,
  range,
  readAll,
  record,
  takeOne,
  textOf,
  uniqueName,
  whileBusy
} from "./Scenario.ts"

/** What the port allows between a moment and its record. */
const lateMillisMax = 250

/** `later.<name>` becomes `now.<name>` that long from now. */
const appendIn = Effect.fnUntraced(function* (
  topic: Topic,
  name: string,
  millis: number,
  options: Partial<ScheduledAppend> = {}
) {
  const atMillis = (yield* Clock.currentTimeMillis) + millis
  const schedule = `later.${name}`
  const request = { atMillis, schedule, subject: `now.${name}`, data: bytes(name), ...options }
  return { atMillis: request.atMillis, appended: yield* whileBusy(topic.appendAt(request)) }
})

/** The records that came, when there are `count` of them. */
const came = (topic: Topic, count: number) =>
  eventually(
    `${count} records come at their moment`,
    readAll(topic, { filters: ["now.>"] }),
    (records) => records.length >= count
  )

/** How much later than asked for a timer of this process may go off just now: a busy machine is no late backend. */
const timerLateness = Effect.gen(function* () {
  let worst = 0
  for (;;) {
    const asked = (yield* Clock.currentTimeMillis) + 10
    yield* Effect.sleep("10 millis")
    worst = Math.max(worst, (yield* Clock.currentTimeMillis) - asked)
    watched.worstMillis = worst
  }
})
const watched = { worstMillis: 0 }

const isOnTime = (one: TopicRecord | undefined, atMillis: number) => {
  const late = (one?.timeMillis ?? Number.NaN) - atMillis
  assert.isAtLeast(late, 0, "never early")
  assert.isAtMost(late, lateMillisMax + 25 + watched.worstMillis, "late by at most 250 ms")
}

/** Records that are appended at a moment. */
export const schedule: ReadonlyArray<ContractTest> = [
  test("at-1", "a record waits on a subject of its own and takes its place at its moment", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const reader = yield* Effect.flatMap(topic.subscription({ name: "s", filters: ["now.>"] }), (opened) =>
        opened.reader()
      )
      yield* Effect.forkScoped(timerLateness)
      const { appended, atMillis } = yield* appendIn(topic, "a", 600, {
        headers: { trace: "abc", "x-note": " spaces stay " },
        messageId: "m-1"
      })
      assert.deepStrictEqual(appended, { sequence: 1, duplicate: false })
      const [waiting] = yield* readAll(topic)
      assert.deepStrictEqual(waiting?.schedule, { atMillis, subject: "now.a" })
      assert.strictEqual(waiting?.subject, "later.a")
      assert.strictEqual(waiting?.messageId, "m-1")
      assert.deepStrictEqual(waiting?.headers, { trace: "abc", "x-note": " spaces stay " })

      const delivery = yield* takeOne(reader)
      isOnTime(delivery.record, atMillis)
      assert.strictEqual(textOf(delivery.record), "a")
      assert.deepStrictEqual(delivery.record.headers, { trace: "abc", "x-note": " spaces stay " })
      assert.isUndefined(delivery.record.messageId)
      assert.isUndefined(delivery.record.schedule)
      const left = yield* readAll(topic)
      assert.deepStrictEqual(
        left.map((one) => [one.sequence, one.subject]),
        [[2, "now.a"]]
      )
      assert.isTrue(Option.isNone(yield* topic.last("later.a")))
    })
  ),

  test("at-2", "never early, and late by at most 250 ms, whatever the moments lie apart", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* Effect.forkScoped(timerLateness)
      const moments = yield* Effect.forEach(
        range(0, 24),
        (i) =>
          Effect.map(appendIn(topic, `${i}`, 150 + ((i * 173) % 1_400)), ({ atMillis }) => ({ i, atMillis })),
        { concurrency: 8 }
      )
      const records = yield* came(topic, moments.length)
      assert.lengthOf(records, moments.length)
      for (const { atMillis, i } of moments) {
        isOnTime(
          records.find((one) => one.subject === `now.${i}`),
          atMillis
        )
      }
      assert.deepStrictEqual(yield* readAll(topic, { filters: ["later.>"] }), [])
    })
  ),

  test("at-3", "the next one on the same subject replaces it; expectLast guards the replacement", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const first = yield* appendIn(topic, "a", 400, { data: bytes("first"), expectLast: 0 })
      const again = { atMillis: first.atMillis, schedule: "later.a", subject: "now.b", data: bytes("x") }
      const reason = yield* failsWith(topic.appendAt({ ...again, expectLast: 0 }), "Conflict")
      assert.strictEqual(reason.subject, "later.a")
      const second = yield* appendIn(topic, "a", 900, {
        data: bytes("second"),
        expectLast: first.appended.sequence
      })
      assert.deepStrictEqual(
        (yield* readAll(topic)).map((one) => [one.sequence, one.schedule?.atMillis]),
        [[second.appended.sequence, second.atMillis]]
      )
      const records = yield* came(topic, 1)
      assert.deepStrictEqual(records.map(textOf), ["second"])
      assert.isAtLeast(records[0]?.timeMillis ?? 0, second.atMillis)
    })
  ),

  test("at-4", "a cancelled one never comes; other records cannot be cancelled", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("plain"))
      yield* appendIn(topic, "a", 700)
      yield* appendIn(topic, "b", 700)
      assert.isTrue(yield* topic.cancelAt("later.a"))
      assert.isFalse(yield* topic.cancelAt("later.a"))
      assert.isFalse(yield* topic.cancelAt("later.never"))
      assert.isFalse(yield* topic.cancelAt("plain"))
      yield* failsWith(topic.cancelAt("later.*"), "Rejected")
      yield* came(topic, 1)
      yield* Effect.sleep("500 millis")
      assert.deepStrictEqual(
        (yield* readAll(topic)).map((one) => one.subject),
        ["plain", "now.b"]
      )
      assert.isFalse(yield* topic.cancelAt("later.b"))
    })
  ),

  test("at-5", "a moment that has passed means at once", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const called = yield* Clock.currentTimeMillis
      yield* Effect.forkScoped(timerLateness)
      yield* appendIn(topic, "a", -60_000)
      yield* appendIn(topic, "b", 0, { atMillis: 0 })
      const records = yield* came(topic, 2)
      for (const one of records) isOnTime(one, called)
    })
  ),

  test("at-6", "a repeated messageId changes nothing, also after the moment", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const { appended } = yield* appendIn(topic, "a", 300, { messageId: "once" })
      const repeat = appendIn(topic, "a", 60_000, { messageId: "once", data: bytes("later") })
      assert.deepStrictEqual((yield* repeat).appended, { sequence: appended.sequence, duplicate: true })
      yield* came(topic, 1)
      assert.isTrue((yield* repeat).appended.duplicate)
      assert.deepStrictEqual((yield* readAll(topic)).map(textOf), ["a"])
    })
  ),

  test("at-7", "what no backend can keep is rejected", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const fine = { atMillis: 0, schedule: "later", subject: "now", data: bytes("x") }
      for (const [change, cause] of [
        [{ subject: "later" }, "subject"],
        [{ subject: "now.*" }, "subject"],
        [{ schedule: "later.>" }, "subject"],
        [{ atMillis: Number.NaN }, "argument"],
        [{ atMillis: -1 }, "argument"],
        [{ atMillis: 1e18 }, "argument"],
        [{ ttl: 10 }, "argument"]
      ] as const) {
        const reason = yield* failsWith(topic.appendAt({ ...fine, ...change }), "Rejected")
        assert.strictEqual(reason.cause, cause, JSON.stringify(change))
      }
      assert.deepStrictEqual(yield* readAll(topic), [])
      const full = yield* newTopic({ limits: { maxRecords: 10, discard: "reject" } })
      assert.strictEqual((yield* failsWith(full.appendAt(fine), "Rejected")).cause, "argument")
    })
  ),

  test("at-8", "its ttl counts from its moment", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* appendIn(topic, "a", 1_300, { ttl: "1 second" })
      const [one] = yield* came(topic, 1)
      assert.isAtLeast((yield* Clock.currentTimeMillis) - (one?.timeMillis ?? 0), 0)
      const gone = yield* eventually(
        "it expires",
        Effect.zip(readAll(topic), Clock.currentTimeMillis),
        ([records]) => records.length === 0,
        3_000
      )
      assert.isAtLeast(gone[1] - (one?.timeMillis ?? 0), 1_000)
    })
  ),

  test("at-9", "a limit that drops the waiting record drops its appointment", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic({ limits: { maxRecords: 2 } })
      yield* appendIn(topic, "a", 400)
      yield* appendIn(topic, "b", 400)
      yield* topic.append(record("other"))
      yield* came(topic, 1)
      yield* Effect.sleep("400 millis")
      assert.deepStrictEqual(
        (yield* readAll(topic)).map((one) => one.subject),
        ["other", "now.b"]
      )
    })
  )
]

/** Records that wait while the backend is down. */
export const scheduleRestart: ReadonlyArray<RestartTest> = [
  restartTest(
    "restart-8",
    "a record that waits survives: due while down, it comes at opening, else at its moment; once",
    (session) =>
      Effect.gen(function* () {
        const name = yield* uniqueName
        const opened = Effect.flatMap(Broker, (broker) => broker.topic({ name }))
        const later = yield* session(
          Effect.gen(function* () {
            const topic = yield* opened
            yield* appendIn(topic, "cancelled", 300)
            yield* appendIn(topic, "early", 300)
            yield* appendIn(topic, "replaced", 200)
            yield* topic.cancelAt("later.cancelled")
            yield* appendIn(topic, "replaced", 3_000, { data: bytes("second") })
            return yield* appendIn(topic, "late", 3_000)
          })
        )
        yield* Effect.sleep("500 millis")
        yield* session(
          Effect.gen(function* () {
            const topic = yield* opened
            const records = yield* came(topic, 3)
            assert.deepStrictEqual(records.map(textOf).toSorted(), ["early", "late", "second"])
            const late = records.find((one) => one.subject === "now.late")
            assert.isAtLeast(late?.timeMillis ?? 0, later.atMillis)
          })
        )
        yield* session(
          Effect.gen(function* () {
            const topic = yield* opened
            yield* Effect.sleep("600 millis")
            assert.lengthOf(yield* Stream.runCollect(topic.read({ from: "first" })), 3)
          })
        )
      })
  )
]
