import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Topic } from "../Topic.ts"
import { type ContractTest, test } from "./ContractTest.ts"
import { failsWith, fill, newTopic, range, record, sequences } from "./Scenario.ts"

/** Late by 2 s is allowed; one more second for a busy machine to look. */
const lateMillisMax = 2_000 + 1_000

/** Watches the last record of a subject expire: never early, not later than promised. */
const expires = Effect.fnUntraced(function* (topic: Topic, subject: string, afterMillis: number) {
  const { timeMillis } = Option.getOrThrow(yield* topic.last(subject))
  for (;;) {
    const asked = yield* Clock.currentTimeMillis
    const found = yield* topic.last(subject)
    const answered = yield* Clock.currentTimeMillis
    if (Option.isNone(found)) {
      assert.isAtLeast(answered - timeMillis, afterMillis, "expired early")
      return
    }
    assert.isAtMost(asked - timeMillis, afterMillis + lateMillisMax, "expired late")
    yield* Effect.sleep("25 millis")
  }
})

/** Limits of a topic and of a record. */
export const limits: ReadonlyArray<ContractTest> = [
  test("limits-1", "maxAge: records expire late by at most 2 s, never early", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic({ limits: { maxAge: "1 second" } })
      yield* fill(topic, 3, "a")
      yield* expires(topic, "a.1", 1_000)
      assert.strictEqual((yield* topic.append(record("b"))).sequence, 4)
      assert.deepStrictEqual(yield* sequences(topic, { from: 4 }), [4])
    })
  ),

  test("limits-2", "ttl: one record expires late by at most 2 s, never early; the others stay", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("stays"))
      yield* topic.append(record("goes", { ttl: "1 second" }))
      yield* topic.append(record("stays"))
      yield* expires(topic, "goes", 1_000)
      assert.deepStrictEqual(yield* sequences(topic), [1, 3])
      assert.strictEqual((yield* topic.append(record("goes", { expectLast: 0 }))).sequence, 4)
    })
  ),

  test("limits-3", "a ttl below one second is rejected", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const reason = yield* failsWith(topic.append(record("a", { ttl: "900 millis" })), "Rejected")
      assert.strictEqual(reason.cause, "argument")
      assert.deepStrictEqual(yield* sequences(topic), [])
    })
  ),

  test("limits-4", "maxRecords drops the oldest", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic({ limits: { maxRecords: 3 } })
      yield* Effect.forEach(range(1, 5), (i) => topic.append(record(`n.${i}`)))
      assert.deepStrictEqual(yield* sequences(topic), [3, 4, 5])
      assert.strictEqual((yield* topic.info).firstSequence, 3)
    })
  ),

  test("limits-5", "maxRecords with discard reject refuses until there is room", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic({ limits: { maxRecords: 2, discard: "reject" } })
      yield* topic.append(record("a"))
      yield* topic.append(record("b"))
      const reason = yield* failsWith(topic.append(record("c")), "Rejected")
      assert.strictEqual(reason.cause, "limit")
      yield* topic.delete(1)
      yield* topic.append(record("c"))
      assert.lengthOf(yield* sequences(topic), 2)
    })
  ),

  test("limits-6", "maxRecordsPerSubject keeps the last of each subject", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic({ limits: { maxRecordsPerSubject: 2 } })
      for (const subject of ["a", "b", "a", "a", "b", "a"]) yield* topic.append(record(subject))
      assert.deepStrictEqual(yield* sequences(topic), [2, 4, 5, 6])
    })
  ),

  test("limits-7", "maxRecordsPerSubject 1 is compaction by key", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic({ limits: { maxRecordsPerSubject: 1 } })
      yield* Effect.forEach(range(1, 30), (i) => topic.append(record(`key.${i % 3}`)))
      assert.deepStrictEqual(yield* sequences(topic), [28, 29, 30])
      assert.strictEqual((yield* topic.info).records, 3)
    })
  ),

  test("limits-8", "maxBytes drops the oldest, and never the newest", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic({ limits: { maxBytes: 20_000 } })
      const data = new Uint8Array(1_000)
      yield* Effect.forEach(range(1, 40), () => topic.append({ subject: "a", data }))
      const kept = yield* sequences(topic)
      assert.isAtLeast(kept.length, 5)
      assert.isAtMost(kept.length, 20)
      assert.deepStrictEqual(kept, range(41 - kept.length, 40))
      assert.isAtMost((yield* topic.info).bytes, 20_000)
    })
  ),

  test("limits-9", "maxBytes with discard reject refuses", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic({ limits: { maxBytes: 5_000, discard: "reject" } })
      const append = topic.append({ subject: "a", data: new Uint8Array(1_000) })
      yield* append
      const reason = yield* failsWith(Effect.forever(append), "Rejected")
      assert.strictEqual(reason.cause, "limit")
      const kept = yield* sequences(topic)
      assert.deepStrictEqual(kept, range(1, kept.length))
      assert.isAtMost(kept.length, 5)
    })
  ),

  test("limits-10", "a record over maxRecordBytes is rejected", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic({ limits: { maxRecordBytes: 1_000 } })
      yield* topic.append({ subject: "a", data: new Uint8Array(1_000) })
      const reason = yield* failsWith(topic.append({ subject: "a", data: new Uint8Array(1_001) }), "Rejected")
      assert.strictEqual(reason.cause, "size")
      assert.deepStrictEqual(yield* sequences(topic), [1])
    })
  ),

  test("limits-11", "without a limit 900 000 bytes are taken and 1 000 001 are not", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append({ subject: "a", data: new Uint8Array(900_000) })
      const reason = yield* failsWith(
        topic.append({ subject: "a", data: new Uint8Array(1_000_001) }),
        "Rejected"
      )
      assert.strictEqual(reason.cause, "size")
      assert.deepStrictEqual(yield* sequences(topic), [1])
    })
  )
]
