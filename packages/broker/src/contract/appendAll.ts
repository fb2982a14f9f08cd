import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type ContractTest, test } from "./ContractTest.ts"
import { failsWith, newTopic, range, readAll, record, sequences } from "./Scenario.ts"

/** Many appends: all or none. */
export const appendAll: ReadonlyArray<ContractTest> = [
  test("append-all-1", "records get consecutive sequences in the order given", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("first"))
      const given = yield* topic.appendAll([
        record("a", { headers: { k: "v" }, messageId: "x" }),
        record("b"),
        record("a")
      ])
      assert.deepStrictEqual(given, [2, 3, 4])
      const records = yield* readAll(topic, { from: 2 })
      assert.deepStrictEqual(
        records.map((r) => [r.sequence, r.subject]),
        [
          [2, "a"],
          [3, "b"],
          [4, "a"]
        ]
      )
      assert.deepStrictEqual(records[0]?.headers, { k: "v" })
      assert.strictEqual(records[0]?.messageId, "x")
      assert.deepStrictEqual(yield* topic.appendAll([record("alone")]), [5])
    })
  ),

  test("append-all-2", "they are consecutive beside other writers", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const group = (i: number) => topic.appendAll(range(1, 5).map((j) => record(`group.${i}.${j}`)))
      const [groups, singles] = yield* Effect.all(
        [
          Effect.forEach(range(1, 20), group, { concurrency: "unbounded" }),
          Effect.forEach(range(1, 50), (i) => topic.append(record(`single.${i}`)), {
            concurrency: "unbounded"
          })
        ],
        { concurrency: "unbounded" }
      )
      for (const given of groups) {
        const first = given[0] ?? 0
        assert.deepStrictEqual(given, range(first, first + 4))
      }
      assert.strictEqual(new Set([...groups.flat(), ...singles.map((s) => s.sequence)]).size, 150)
      assert.strictEqual((yield* topic.info).lastSequence, 150)
    })
  ),

  test("append-all-3", "1 000 records are taken, one more is rejected", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const many = range(1, 1_001).map((i) => record(`n.${i}`))
      const reason = yield* failsWith(topic.appendAll(many), "Rejected")
      assert.strictEqual(reason.cause, "count")
      assert.deepStrictEqual(yield* topic.appendAll(many.slice(1)), range(1, 1_000))
    })
  ),

  test("append-all-4", "an expectation that does not hold stores none of them", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("taken"))
      const conflict = yield* failsWith(
        topic.appendAll([record("a", { expectLast: 0 }), record("b"), record("taken", { expectLast: 0 })]),
        "Conflict"
      )
      assert.strictEqual(conflict.subject, "taken")
      assert.deepStrictEqual(yield* sequences(topic), [1])
      const given = yield* topic.appendAll([
        record("a", { expectLast: 0 }),
        record("taken", { expectLast: 1 }),
        record("b", { expectLast: 0 })
      ])
      assert.deepStrictEqual(given, [2, 3, 4])
    })
  ),

  test("append-all-5", "an expectation on a subject written earlier in the call is rejected", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const own = yield* failsWith(
        topic.appendAll([record("a"), record("b"), record("a", { expectLast: 0 })]),
        "Rejected"
      )
      assert.strictEqual(own.cause, "expectation")
      const other = yield* failsWith(
        topic.appendAll([record("a"), record("b", { expectLastOn: { subject: "a", sequence: 0 } })]),
        "Rejected"
      )
      assert.strictEqual(other.cause, "expectation")
      assert.deepStrictEqual(yield* sequences(topic), [])
    })
  ),

  test("append-all-6", "a duplicate id rejects the call", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.append(record("a", { messageId: "x" }))
      const seen = yield* failsWith(
        topic.appendAll([record("b", { messageId: "y" }), record("c", { messageId: "x" })]),
        "Rejected"
      )
      assert.strictEqual(seen.cause, "duplicate")
      const twice = yield* failsWith(
        topic.appendAll([record("b", { messageId: "z" }), record("c", { messageId: "z" })]),
        "Rejected"
      )
      assert.strictEqual(twice.cause, "duplicate")
      assert.deepStrictEqual(yield* sequences(topic), [1])
      assert.isFalse((yield* topic.append(record("d", { messageId: "y" }))).duplicate)
    })
  ),

  test("append-all-7", "the ids of a call are remembered", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* topic.appendAll([record("a", { messageId: "x" }), record("b", { messageId: "y" })])
      assert.deepStrictEqual(yield* topic.append(record("c", { messageId: "y" })), {
        sequence: 2,
        duplicate: true
      })
    })
  ),

  test("append-all-8", "an invalid subject rejects the call", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const reason = yield* failsWith(topic.appendAll([record("a"), record("b.*")]), "Rejected")
      assert.strictEqual(reason.cause, "subject")
      assert.deepStrictEqual(yield* sequences(topic), [])
    })
  ),

  test("append-all-9", "a fence holds for the call", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const epoch = (yield* topic.append(record("fence"))).sequence
      const owned = (sequence: number) =>
        topic.appendAll([record("a", { expectLastOn: { subject: "fence", sequence } }), record("b")])
      assert.deepStrictEqual(yield* owned(epoch), [2, 3])
      yield* topic.append(record("fence"))
      yield* failsWith(owned(epoch), "Conflict")
      assert.deepStrictEqual(yield* sequences(topic), [1, 2, 3, 4])
    })
  )
]
