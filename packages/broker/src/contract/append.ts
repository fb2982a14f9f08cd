import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Broker } from "../Broker.ts"
import { type ContractTest, type RestartTest, restartTest, test } from "./ContractTest.ts"
import {
  bytes,
  failsWith,
  newTopic,
  range,
  readAll,
  record,
  sequences,
  textOf,
  uniqueName,
  whileBusy
} from "./Scenario.ts"

/** One append: sequences, what is stored, expectations, fencing, de-duplication. */
export const append: ReadonlyArray<ContractTest> = [
  test("append-1", "sequences are 1, 2, 3 and the record reads back as it was given", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const before = yield* Clock.currentTimeMillis
      const first = yield* topic.append({
        subject: "order.7.placed",
        data: bytes("one"),
        headers: { trace: "abc", "x-note": "zażółć = 5: yes" },
        messageId: "m-1"
      })
      assert.deepStrictEqual(first, { sequence: 1, duplicate: false })
      assert.deepStrictEqual(yield* topic.append(record("order.8.placed")), { sequence: 2, duplicate: false })
      assert.deepStrictEqual(yield* topic.append(record("order.7.paid")), { sequence: 3, duplicate: false })
      const after = yield* Clock.currentTimeMillis
      const [one, two, three] = yield* readAll(topic)
      assert.deepStrictEqual(
        { ...one, data: one && textOf(one), timeMillis: 0 },
        {
          sequence: 1,
          subject: "order.7.placed",
          timeMillis: 0,
          headers: { trace: "abc", "x-note": "zażółć = 5: yes" },
          data: "one",
          messageId: "m-1"
        }
      )
      assert.deepStrictEqual(two?.headers, {})
      assert.isFalse(Object.hasOwn(two ?? {}, "messageId"))
      for (const { timeMillis } of [one, two, three].filter((r) => r !== undefined)) {
        assert.isTrue(Number.isInteger(timeMillis))
        assert.isAtLeast(timeMillis, before - 1_000)
        assert.isAtMost(timeMillis, after + 1_000)
      }
      assert.isAtMost(one?.timeMillis ?? 0, three?.timeMillis ?? 0)
    })
  ),

  test("append-2", "any bytes are stored, none included, and the caller may reuse the buffer", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const all = Uint8Array.from(range(0, 255))
      yield* topic.append({ subject: "a", data: new Uint8Array(0) })
      yield* topic.append({ subject: "a", data: all })
      all.fill(7)
      const [empty, full] = yield* readAll(topic)
      assert.strictEqual(empty?.data.length, 0)
      assert.deepStrictEqual(Array.from(full?.data ?? []), range(0, 255))
    })
  ),

  test("append-3", "a subject with an empty token, a wildcard or another character is rejected", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      for (const subject of ["", ".", "a.", ".a", "a..b", "a.*", "a.>", "a b", "ä", "a/b"]) {
        const reason = yield* failsWith(topic.append(record(subject)), "Rejected")
        assert.strictEqual(reason.cause, "subject", `subject ${JSON.stringify(subject)}`)
      }
      assert.deepStrictEqual(yield* sequences(topic), [])
      yield* topic.append(record("Az09_-=.b"))
      assert.deepStrictEqual(yield* sequences(topic), [1])
    })
  ),

  test("append-4", "appends in flight are accepted in the order of their calls", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const results = yield* Effect.forEach(range(1, 200), (i) => topic.append(record(`n.${i}`)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        results.map((r) => r.sequence),
        range(1, 200)
      )
      assert.deepStrictEqual(
        (yield* readAll(topic)).map((r) => r.subject),
        range(1, 200).map((i) => `n.${i}`)
      )
    })
  ),

  test("append-5", "a sequence is never given twice, also after its record was deleted", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("a"))
      yield* topic.append(record("a"))
      yield* topic.delete(2)
      assert.strictEqual((yield* topic.append(record("a"))).sequence, 3)
      yield* topic.purge({})
      assert.strictEqual((yield* topic.append(record("a"))).sequence, 4)
      assert.deepStrictEqual(yield* sequences(topic), [4])
    })
  ),

  test("expect-1", "expectLast 0 means that the subject has no record", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("other"))
      assert.strictEqual((yield* topic.append(record("a", { expectLast: 0 }))).sequence, 2)
      const conflict = yield* failsWith(topic.append(record("a", { expectLast: 0 })), "Conflict")
      assert.strictEqual(conflict.subject, "a")
      assert.strictEqual(conflict.expected, 0)
      if (conflict.actual !== undefined) assert.strictEqual(conflict.actual, 2)
      assert.deepStrictEqual(yield* sequences(topic), [1, 2])
    })
  ),

  test("expect-2", "expectLast n is the last sequence of that subject, whatever others got", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("a"))
      yield* topic.append(record("b"))
      assert.strictEqual((yield* topic.append(record("a", { expectLast: 1 }))).sequence, 3)
      for (const expectLast of [1, 2, 4]) {
        const conflict = yield* failsWith(topic.append(record("a", { expectLast })), "Conflict")
        assert.strictEqual(conflict.expected, expectLast)
        if (conflict.actual !== undefined) assert.strictEqual(conflict.actual, 3)
      }
      assert.strictEqual((yield* topic.append(record("a", { expectLast: 3 }))).sequence, 4)
      assert.deepStrictEqual(yield* sequences(topic), [1, 2, 3, 4])
    })
  ),

  test("expect-3", "of many appends with the same expectation exactly one is stored", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const results = yield* Effect.forEach(
        range(1, 10),
        (i) => Effect.result(whileBusy(topic.append({ subject: "a", data: bytes(`${i}`), expectLast: 0 }))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(results.filter((r) => r._tag === "Success").length, 1)
      for (const result of results) {
        if (result._tag === "Failure") assert.strictEqual(result.failure.reason._tag, "Conflict")
      }
      assert.strictEqual((yield* topic.info).records, 1)
    })
  ),

  test("expect-4", "a purged subject has no record", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("a"))
      yield* topic.append(record("b"))
      yield* topic.purge({ filter: "a" })
      yield* failsWith(topic.append(record("a", { expectLast: 1 })), "Conflict")
      assert.strictEqual((yield* topic.append(record("a", { expectLast: 0 }))).sequence, 3)
    })
  ),

  test("fence-1", "after a new claim every append of the old owner is rejected", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const claim = (expectLast: number) =>
        Effect.map(topic.append(record("fence.7", { expectLast })), (a) => a.sequence)
      const owned = (sequence: number) =>
        topic.append(record("events.abc", { expectLastOn: { subject: "fence.7", sequence } }))
      yield* owned(0)
      const first = yield* claim(0)
      yield* failsWith(owned(0), "Conflict")
      yield* owned(first)
      yield* owned(first)
      const second = yield* claim(first)
      const conflict = yield* failsWith(owned(first), "Conflict")
      assert.strictEqual(conflict.subject, "fence.7")
      assert.strictEqual(conflict.expected, first)
      if (conflict.actual !== undefined) assert.strictEqual(conflict.actual, second)
      yield* owned(second)
      assert.deepStrictEqual(yield* sequences(topic), [1, 2, 3, 4, 5, 6])
    })
  ),

  test("fence-2", "an expectation on a wildcard, or two of them, is rejected", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      for (const subject of ["fence.*", "fence.>", ">"]) {
        const reason = yield* failsWith(
          topic.append(record("a", { expectLastOn: { subject, sequence: 0 } })),
          "Rejected"
        )
        assert.strictEqual(reason.cause, "expectation")
      }
      yield* failsWith(
        topic.append(record("a", { expectLast: 0, expectLastOn: { subject: "b", sequence: 0 } })),
        "Rejected"
      )
      assert.deepStrictEqual(yield* sequences(topic), [])
    })
  ),

  test("dedupe-1", "a second append with the same id changes nothing and answers the first sequence", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("a"))
      yield* topic.append(record("a", { messageId: "x" }))
      yield* topic.append(record("a", { messageId: "y" }))
      const again = yield* topic.append(record("other.subject", { messageId: "x" }))
      assert.deepStrictEqual(again, { sequence: 2, duplicate: true })
      assert.deepStrictEqual(
        (yield* readAll(topic)).map((r) => r.subject),
        ["a", "a", "a"]
      )
      assert.strictEqual((yield* topic.append(record("a"))).sequence, 4)
    })
  ),

  test("dedupe-2", "it is checked before the expectation", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const request = record("a", { messageId: "x", expectLast: 0 })
      assert.deepStrictEqual(yield* topic.append(request), { sequence: 1, duplicate: false })
      assert.deepStrictEqual(yield* topic.append(request), { sequence: 1, duplicate: true })
    })
  ),

  test("dedupe-3", "the same id in flight many times is stored once", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const results = yield* Effect.forEach(
        range(1, 20),
        () => whileBusy(topic.append(record("a", { messageId: "x" }))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(results.filter((r) => !r.duplicate).length, 1)
      assert.deepStrictEqual(new Set(results.map((r) => r.sequence)), new Set([1]))
    })
  ),

  test("dedupe-4", "ids are those of one topic", () =>
    Effect.gen(function* () {
      const one = yield* newTopic()
      const other = yield* newTopic()
      yield* one.append(record("a", { messageId: "x" }))
      assert.isFalse((yield* other.append(record("a", { messageId: "x" }))).duplicate)
    })
  ),

  test("dedupe-5", "the window counts from the first append: repeats do not prolong it", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic({ dedupeWindow: "2 seconds" })
      const request = record("a", { messageId: "x" })
      const started = yield* Clock.currentTimeMillis
      yield* topic.append(request)
      let repeats = 0
      for (;;) {
        const again = yield* topic.append(request)
        const elapsed = (yield* Clock.currentTimeMillis) - started
        if (!again.duplicate) {
          assert.isAtLeast(elapsed, 1_990, "forgotten early")
          break
        }
        repeats++
        assert.isBelow(elapsed, 10_000, "an id repeated every 30 ms is never forgotten")
        yield* Effect.sleep("30 millis")
      }
      assert.isAbove(repeats, 0)
    })
  ),

  test("dedupe-6", "a refused append leaves no id behind", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("a"))
      yield* failsWith(topic.append(record("a", { messageId: "x", expectLast: 0 })), "Conflict")
      assert.deepStrictEqual(yield* topic.append(record("a", { messageId: "x", expectLast: 1 })), {
        sequence: 2,
        duplicate: false
      })
    })
  )
]

/** What an append leaves behind when the backend ends. */
export const appendRestart: ReadonlyArray<RestartTest> = [
  restartTest("restart-1", "records, headers and the next sequence survive", (session) =>
    Effect.gen(function* () {
      const name = yield* uniqueName
      const open = Effect.flatMap(Broker, (broker) => broker.topic({ name }))
      const before = yield* session(
        Effect.gen(function* () {
          const topic = yield* open
          yield* topic.append(record("a", { headers: { k: "v" }, messageId: "x" }))
          yield* topic.append(record("b"))
          yield* topic.append(record("c"))
          yield* topic.delete(3)
          return yield* readAll(topic)
        })
      )
      yield* session(
        Effect.gen(function* () {
          const topic = yield* open
          assert.deepStrictEqual(
            (yield* readAll(topic)).map((r) => ({ ...r, data: textOf(r) })),
            before.map((r) => ({ ...r, data: textOf(r) }))
          )
          assert.strictEqual((yield* topic.append(record("d"))).sequence, 4)
        })
      )
    })
  ),

  restartTest("restart-2", "ids of stored records are still known", (session) =>
    Effect.gen(function* () {
      const name = yield* uniqueName
      const append = Effect.flatMap(Broker, (broker) =>
        Effect.flatMap(broker.topic({ name }), (topic) => topic.append(record("a", { messageId: "x" })))
      )
      assert.deepStrictEqual(yield* session(append), { sequence: 1, duplicate: false })
      assert.deepStrictEqual(yield* session(append), { sequence: 1, duplicate: true })
    })
  ),

  restartTest("restart-3", "expectations hold against what was stored before", (session) =>
    Effect.gen(function* () {
      const name = yield* uniqueName
      const open = Effect.flatMap(Broker, (broker) => broker.topic({ name }))
      yield* session(Effect.flatMap(open, (topic) => topic.append(record("fence"))))
      yield* session(
        Effect.gen(function* () {
          const topic = yield* open
          yield* failsWith(topic.append(record("fence", { expectLast: 0 })), "Conflict")
          yield* failsWith(
            topic.append(record("a", { expectLastOn: { subject: "fence", sequence: 0 } })),
            "Conflict"
          )
          yield* topic.append(record("a", { expectLastOn: { subject: "fence", sequence: 1 } }))
        })
      )
    })
  )
]
