import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Broker } from "../Broker.ts"
import * as Subject from "../Subject.ts"
import { type ContractTest, test } from "./ContractTest.ts"
import { failsWith, fill, newTopic, range, readAll, record, sequences, uniqueName } from "./Scenario.ts"

/** Topics themselves, and removing records by hand. */
export const topic: ReadonlyArray<ContractTest> = [
  test("subject-1", "any id is a subject token, and the partition of a key is the NATS server's", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const ids = ["plain", "a.b", "a b", "*", ">", "=2E", "zażółć", "\u0000", "x".repeat(150)]
      for (const id of ids) yield* topic.append(record(`id.${Subject.encodeToken(id)}`))
      const stored = (yield* readAll(topic, { filters: ["id.*"] })).map((one) =>
        Subject.decodeToken(one.subject.slice("id.".length))
      )
      assert.deepStrictEqual(stored, ids)
      const partitions = ["a", "b", "c", "d", "e"].map((key) => Subject.partitionOf(key, 4))
      assert.deepStrictEqual(partitions, [0, 1, 2, 3, 0])
      assert.strictEqual(Subject.partitionSubject(3), "p.3")
    })
  ),

  test("topic-1", "opening with the same specification is a no-op, with another one an error", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const first = yield* newTopic({ limits: { maxRecords: 10, maxAge: "1 minute" } })
      yield* fill(first, 3)
      const again = yield* broker.topic({
        name: first.name,
        limits: { maxAge: 60_000, maxRecords: 10, discard: "old" },
        dedupeWindow: "2 minutes"
      })
      assert.deepStrictEqual(yield* sequences(again), [1, 2, 3])
      const reason = yield* failsWith(
        broker.topic({ name: first.name, limits: { maxRecords: 11, maxAge: "1 minute" } }),
        "SpecMismatch"
      )
      assert.strictEqual(reason.what, "topic")
      assert.lengthOf(reason.fields, 1)
      assert.include(reason.fields[0] ?? "", "maxRecords")
      yield* failsWith(broker.topic({ name: first.name }), "SpecMismatch")
    })
  ),

  test("topic-2", "topics are listed by name, and a deleted one begins anew", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const one = yield* newTopic()
      yield* fill(one, 2)
      yield* one.subscription({ name: "s" })
      const names = yield* broker.topics
      assert.include(names, one.name)
      assert.deepStrictEqual(names, names.toSorted())
      yield* broker.deleteTopic(one.name)
      assert.notInclude(yield* broker.topics, one.name)
      const reason = yield* failsWith(broker.deleteTopic(one.name), "NotFound")
      assert.strictEqual(reason.what, "topic")
      const again = yield* broker.topic({ name: one.name })
      const info = yield* again.info
      assert.strictEqual(info.records, 0)
      assert.deepStrictEqual(info.subscriptions, [])
      assert.strictEqual((yield* again.append(record("a"))).sequence, 1)
    })
  ),

  test("topic-3", "a name with other characters is rejected", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      for (const name of ["", "a.b", "a b", "a/b", "ä", "x".repeat(201)]) {
        yield* failsWith(broker.topic({ name }), "Rejected")
      }
    })
  ),

  test("topic-4", "the backend names itself and its durability", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      assert.include(["memory", "os", "disk"], broker.durability)
      assert.isAbove(broker.backend.length, 0)
    })
  ),

  test("topic-5", "using a topic that was deleted is NotFound", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const name = yield* uniqueName
      const one = yield* broker.topic({ name })
      yield* broker.deleteTopic(name)
      const reason = yield* failsWith(one.info, "NotFound")
      assert.strictEqual(reason.what, "topic")
    })
  ),

  test("purge-1", "a purge removes all, and sequences go on", () =>
    Effect.gen(function* () {
      const one = yield* newTopic()
      yield* fill(one, 5)
      assert.strictEqual(yield* one.purge({}), 5)
      assert.deepStrictEqual(yield* sequences(one), [])
      assert.strictEqual((yield* one.info).lastSequence, 5)
      assert.strictEqual((yield* one.info).records, 0)
      assert.strictEqual((yield* one.append(record("a"))).sequence, 6)
    })
  ),

  test("purge-2", "it can be bounded by subjects, by a sequence, and keep the last ones", () =>
    Effect.gen(function* () {
      const one = yield* newTopic()
      yield* one.appendAll(range(1, 12).map((i) => record(i % 2 === 0 ? "even.x" : "odd.x")))
      assert.strictEqual(yield* one.purge({ filter: "even.*", below: 6 }), 2)
      assert.deepStrictEqual(yield* sequences(one), [1, 3, 5, 6, 7, 8, 9, 10, 11, 12])
      assert.strictEqual(yield* one.purge({ filter: "odd.x", keep: 2 }), 4)
      assert.deepStrictEqual(yield* sequences(one), [6, 8, 9, 10, 11, 12])
      assert.strictEqual(yield* one.purge({ below: 9 }), 2)
      assert.deepStrictEqual(yield* sequences(one), [9, 10, 11, 12])
      assert.strictEqual(yield* one.purge({ keep: 1 }), 3)
      assert.deepStrictEqual(yield* sequences(one), [12])
      assert.strictEqual(yield* one.purge({ filter: "none.>" }), 0)
      assert.strictEqual(yield* one.purge({ filter: "even.>" }), 1)
      assert.deepStrictEqual(yield* sequences(one), [])
    })
  ),

  test("delete-1", "a delete removes one record; none there is NotFound", () =>
    Effect.gen(function* () {
      const one = yield* newTopic()
      yield* fill(one, 3)
      yield* one.delete(2)
      assert.deepStrictEqual(yield* sequences(one), [1, 3])
      for (const sequence of [2, 4]) {
        const reason = yield* failsWith(one.delete(sequence), "NotFound")
        assert.strictEqual(reason.what, "record")
      }
    })
  ),

  test("rollup-1", "a roll-up drops the older records of its subject and no others", () =>
    Effect.gen(function* () {
      const one = yield* newTopic()
      yield* one.appendAll(["a", "b", "a", "a.b"].map((s) => record(s)))
      assert.strictEqual((yield* one.append(record("a", { rollup: true }))).sequence, 5)
      assert.deepStrictEqual(yield* sequences(one), [2, 4, 5])
      const last = (yield* readAll(one, { from: 5 }))[0]
      assert.deepStrictEqual(last?.headers, {})
    })
  ),

  test("rollup-2", "a roll-up that is refused drops nothing", () =>
    Effect.gen(function* () {
      const one = yield* newTopic()
      yield* one.appendAll([record("a"), record("a")])
      yield* failsWith(one.append(record("a", { rollup: true, expectLast: 1 })), "Conflict")
      assert.deepStrictEqual(yield* sequences(one), [1, 2])
      yield* one.append(record("a", { rollup: true, expectLast: 2 }))
      assert.deepStrictEqual(yield* sequences(one), [3])
    })
  )
]
