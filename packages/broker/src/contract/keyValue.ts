import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Broker } from "../Broker.ts"
import * as KeyValue from "../KeyValue.ts"
import { type ContractTest, type RestartTest, restartTest, test } from "./ContractTest.ts"
import { bytes, eventually, failsWith, range, uniqueName, whileBusy } from "./Scenario.ts"

const decoder = new TextDecoder()

const store = Effect.fnUntraced(function* (spec: Omit<KeyValue.KeyValueSpec, "name"> = {}) {
  const broker = yield* Broker
  const name = yield* uniqueName
  const opened = yield* KeyValue.open({ name, ...spec })
  yield* Effect.addFinalizer(() => Effect.ignore(broker.deleteTopic(`kv_${name}`)))
  return opened
})

const stringOf = (entry: Option.Option<KeyValue.Entry>) =>
  Option.map(entry, (e) => decoder.decode(e.value)).pipe(Option.getOrUndefined)

const get = (kv: KeyValue.KeyValue, key: string) => Effect.map(kv.get(key), stringOf)

/** One line an event: `key=value`, `key deleted`, `current`. */
const told = (event: KeyValue.WatchEvent) => {
  if (event._tag === "Current") return "current"
  const { key, operation, value } = event.entry
  return operation === "put" ? `${key}=${decoder.decode(value)}` : `${key} ${operation}d`
}

const watching = (stream: ReturnType<KeyValue.KeyValue["watch"]>, count: number) =>
  stream.pipe(
    Stream.map(told),
    Stream.take(count),
    Stream.runCollect,
    Effect.forkChild({ startImmediately: true })
  )

const joined = <A, E>(fiber: Fiber.Fiber<A, E>) => Effect.timeout(Fiber.join(fiber), "10 seconds")

/** KeyValue, which is written once on the port: what its parts promise together on this backend. */
export const keyValue: ReadonlyArray<ContractTest> = [
  test("kv-1", "get answers what was put last; revisions are topic sequences", () =>
    Effect.gen(function* () {
      const kv = yield* store()
      assert.isTrue(Option.isNone(yield* kv.get("a")))
      assert.strictEqual(yield* kv.put("a", bytes("1")), 1)
      assert.strictEqual(yield* kv.put("b", bytes("x")), 2)
      assert.strictEqual(yield* kv.put("a", bytes("2")), 3)
      const entry = Option.getOrThrow(yield* kv.get("a"))
      assert.deepStrictEqual(
        [entry.key, stringOf(Option.some(entry)), entry.revision, entry.operation],
        ["a", "2", 3, "put"]
      )
    })
  ),

  test("kv-2", "create writes only a key that is not there", () =>
    Effect.gen(function* () {
      const kv = yield* store()
      assert.strictEqual(yield* kv.create("a", bytes("1")), 1)
      const conflict = yield* failsWith(kv.create("a", bytes("2")), "Conflict")
      if (conflict.actual !== undefined) assert.strictEqual(conflict.actual, 1)
      yield* kv.delete("a")
      assert.strictEqual(yield* kv.create("a", bytes("3")), 3)
      yield* kv.purge("a")
      assert.strictEqual(yield* kv.create("a", bytes("4")), 5)
      assert.strictEqual(yield* get(kv, "a"), "4")
    })
  ),

  test("kv-3", "update writes only over the revision it names", () =>
    Effect.gen(function* () {
      const kv = yield* store()
      const first = yield* kv.put("a", bytes("1"))
      yield* kv.put("b", bytes("1"))
      const second = yield* kv.update("a", bytes("2"), first)
      yield* failsWith(kv.update("a", bytes("3"), first), "Conflict")
      yield* failsWith(kv.update("none", bytes("3"), first), "Conflict")
      assert.strictEqual(yield* get(kv, "a"), "2")
      const racers = yield* Effect.forEach(
        range(1, 8),
        (i) => Effect.result(whileBusy(kv.update("a", bytes(`${i}`), second))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(racers.filter((r) => r._tag === "Success").length, 1)
    })
  ),

  test("kv-4", "delete and purge take the value away, where asked only at a revision", () =>
    Effect.gen(function* () {
      const kv = yield* store({ history: 5 })
      const first = yield* kv.put("a", bytes("1"))
      yield* failsWith(kv.delete("a", { revision: first + 1 }), "Conflict")
      const mark = yield* kv.delete("a", { revision: first })
      assert.strictEqual(mark, 2)
      assert.isUndefined(yield* get(kv, "a"))
      yield* failsWith(kv.purge("a", { revision: first }), "Conflict")
      yield* kv.purge("a", { revision: mark })
      assert.isUndefined(yield* get(kv, "a"))
      const history = yield* Stream.runCollect(kv.history("a"))
      assert.deepStrictEqual(
        history.map((e) => e.operation),
        ["purge"]
      )
    })
  ),

  test("kv-5", "history keeps what the store was told to keep, oldest first", () =>
    Effect.gen(function* () {
      const kv = yield* store({ history: 3 })
      for (const value of ["1", "2", "3"]) yield* kv.put("a", bytes(value))
      yield* kv.put("b", bytes("x"))
      yield* kv.delete("a")
      const history = yield* Stream.runCollect(kv.history("a"))
      assert.deepStrictEqual(
        history.map((e) => [e.revision, e.operation, decoder.decode(e.value)]),
        [
          [2, "put", "2"],
          [3, "put", "3"],
          [5, "delete", ""]
        ]
      )
    })
  ),

  test("kv-6", "keys lists those that have a value, by filter", () =>
    Effect.gen(function* () {
      const kv = yield* store()
      for (const key of ["shard.1", "shard.2", "node.1", "shard.3"]) yield* kv.put(key, bytes("x"))
      yield* kv.put("shard.1", bytes("y"))
      yield* kv.delete("shard.2")
      assert.deepStrictEqual(yield* Stream.runCollect(kv.keys()), ["node.1", "shard.3", "shard.1"])
      assert.deepStrictEqual(yield* Stream.runCollect(kv.keys("shard.*")), ["shard.3", "shard.1"])
      assert.deepStrictEqual(yield* Stream.runCollect(kv.keys("node.>")), ["node.1"])
    })
  ),

  test("kv-7", "any key of non-empty tokens", () =>
    Effect.gen(function* () {
      const kv = yield* store()
      const keys = ["Zażółć gęślą.jaźń 🙂", "a/b:c", "=41", "*", "user@example\u0000"]
      for (const key of keys) yield* kv.put(key, bytes(key))
      for (const key of keys) assert.strictEqual(yield* get(kv, key), key)
      assert.deepStrictEqual(yield* Stream.runCollect(kv.keys()), keys)
      for (const key of ["", "a..b", "."]) {
        assert.strictEqual((yield* failsWith(kv.put(key, bytes("x")), "Rejected")).cause, "subject")
      }
    })
  ),

  test("kv-8", "a watch tells the state, that it is current, and every later change", () =>
    Effect.gen(function* () {
      const kv = yield* store()
      yield* kv.put("a.1", bytes("old"))
      yield* kv.put("a.1", bytes("1"))
      yield* kv.put("a.2", bytes("2"))
      yield* kv.put("b.1", bytes("x"))
      yield* kv.delete("a.2")
      const fiber = yield* watching(kv.watch("a.*"), 6)
      yield* Effect.sleep("100 millis")
      yield* kv.put("b.1", bytes("y"))
      yield* kv.put("a.3", bytes("3"))
      yield* Effect.sleep("100 millis")
      yield* kv.delete("a.1")
      yield* Effect.sleep("100 millis")
      yield* kv.purge("a.3")
      yield* Effect.sleep("100 millis")
      yield* kv.create("a.1", bytes("4"))
      assert.deepStrictEqual(yield* joined(fiber), [
        "a.1=1",
        "current",
        "a.3=3",
        "a.1 deleted",
        "a.3 purged",
        "a.1=4"
      ])
    })
  ),

  test("kv-9", "a watch of an empty store is current at once", () =>
    Effect.gen(function* () {
      const kv = yield* store()
      assert.deepStrictEqual(yield* joined(yield* watching(kv.watch(), 1)), ["current"])
    })
  ),

  test("kv-10", "a watch resumes at a revision, deletes included", () =>
    Effect.gen(function* () {
      const kv = yield* store()
      yield* kv.put("a", bytes("1"))
      yield* kv.put("b", bytes("2"))
      const seen = yield* kv.put("c", bytes("3"))
      yield* kv.delete("a")
      yield* kv.put("b", bytes("4"))
      const fiber = yield* watching(kv.watch(">", { fromRevision: seen + 1 }), 4)
      yield* Effect.sleep("50 millis")
      yield* kv.put("d", bytes("5"))
      assert.deepStrictEqual(yield* joined(fiber), ["a deleted", "b=4", "current", "d=5"])
      const late = yield* watching(kv.watch(">", { fromRevision: 7 }), 2)
      yield* Effect.sleep("50 millis")
      yield* kv.put("e", bytes("6"))
      assert.deepStrictEqual(yield* joined(late), ["current", "e=6"])
    })
  ),

  test("kv-11", "a watch ends at the latest state under many writers", () =>
    Effect.gen(function* () {
      const kv = yield* store()
      const state = new Map<string, string>()
      let current = 0
      yield* kv.watch().pipe(
        Stream.runForEach((event) =>
          Effect.sync(() => {
            if (event._tag === "Current") current++
            else state.set(event.entry.key, decoder.decode(event.entry.value))
          })
        ),
        Effect.forkChild
      )
      yield* Effect.forEach(range(1, 200), (i) => kv.put(`k.${i % 10}`, bytes(`${i}`)), { concurrency: 8 })
      const expected = new Map<string, string>()
      for (const i of range(0, 9)) expected.set(`k.${i}`, (yield* get(kv, `k.${i}`)) ?? "")
      yield* eventually(
        "the watch has the state of the store",
        Effect.sync(() => Array.from(state)),
        () => state.size === 10 && Array.from(expected).every(([key, value]) => state.get(key) === value)
      )
      assert.strictEqual(current, 1)
    })
  ),

  test("kv-12", "a key with a ttl is gone afterwards, with its history, and can be created again", () =>
    Effect.gen(function* () {
      const kv = yield* store({ history: 3 })
      yield* kv.put("lease", bytes("older"))
      const first = yield* kv.put("lease", bytes("mine"), { ttl: "1 second" })
      yield* kv.put("other", bytes("stays"))
      assert.strictEqual(yield* get(kv, "lease"), "mine")
      yield* failsWith(kv.create("lease", bytes("yours"), { ttl: "1 second" }), "Conflict")
      yield* eventually("the lease ends", get(kv, "lease"), (value) => value !== "mine", 4_000)
      assert.isUndefined(yield* get(kv, "lease"))
      assert.strictEqual(yield* get(kv, "other"), "stays")
      yield* failsWith(kv.update("lease", bytes("late"), first, { ttl: "1 second" }), "Conflict")
      yield* kv.create("lease", bytes("yours"), { ttl: "1 second" })
    })
  ),

  test("kv-13", "an update with a ttl renews it", () =>
    Effect.gen(function* () {
      const kv = yield* store()
      let revision = yield* kv.create("lease", bytes("mine"), { ttl: "2 seconds" })
      for (const _ of range(1, 6)) {
        yield* Effect.sleep("500 millis")
        revision = yield* kv.update("lease", bytes("mine"), revision, { ttl: "2 seconds" })
      }
      assert.strictEqual(yield* get(kv, "lease"), "mine")
    })
  ),

  test("kv-14", "a store with a ttl forgets everything in time", () =>
    Effect.gen(function* () {
      const kv = yield* store({ ttl: "1 second" })
      yield* kv.put("a", bytes("1"))
      yield* eventually("it is gone", get(kv, "a"), (value) => value === undefined, 4_000)
    })
  )
]

/** What a store holds when the backend ends. */
export const keyValueRestart: ReadonlyArray<RestartTest> = [
  restartTest("restart-6", "keys, revisions and deletes survive", (session) =>
    Effect.gen(function* () {
      const name = yield* uniqueName
      yield* session(
        Effect.gen(function* () {
          const kv = yield* KeyValue.open({ name })
          yield* kv.put("a", bytes("1"))
          yield* kv.put("b", bytes("2"))
          yield* kv.delete("b")
        })
      )
      yield* session(
        Effect.gen(function* () {
          const kv = yield* KeyValue.open({ name })
          assert.deepStrictEqual(yield* Stream.runCollect(kv.keys()), ["a"])
          assert.strictEqual(yield* kv.update("a", bytes("3"), 1), 4)
          assert.strictEqual(yield* kv.create("b", bytes("4")), 5)
        })
      )
    })
  ),

  restartTest(
    "restart-11",
    "a key with a ttl ends at its time, not before; a watch goes on at its revision",
    (session) =>
      Effect.gen(function* () {
        const name = yield* uniqueName
        yield* session(
          Effect.gen(function* () {
            const kv = yield* KeyValue.open({ name })
            yield* kv.put("stays", bytes("1"))
            yield* kv.put("lease", bytes("2"), { ttl: "4 seconds" })
          })
        )
        yield* session(
          Effect.gen(function* () {
            const kv = yield* KeyValue.open({ name })
            const lease = Option.getOrThrow(yield* kv.get("lease"))
            assert.strictEqual(lease.revision, 2)
            const resumed = yield* kv.watch(">", { fromRevision: 2 }).pipe(Stream.take(2), Stream.runCollect)
            assert.deepStrictEqual(
              resumed.map((event) => (event._tag === "Entry" ? event.entry.key : event._tag)),
              ["lease", "Current"]
            )
            const [, now] = yield* eventually(
              "the key ends",
              Effect.zip(get(kv, "lease"), Clock.currentTimeMillis),
              ([value]) => value === undefined
            )
            assert.isAtLeast(now - lease.timeMillis, 4_000)
            assert.isAtMost(now - lease.timeMillis, 6_500)
            assert.strictEqual(yield* get(kv, "stays"), "1")
          })
        )
      })
  )
]
