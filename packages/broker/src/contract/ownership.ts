import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Broker } from "../Broker.ts"
import * as Ownership from "../Ownership.ts"
import { OwnershipLost } from "../OwnershipLost.ts"
import { type ContractTest, type RestartTest, restartTest, test } from "./ContractTest.ts"
import { eventually, failsWith, newTopic, range, readAll, record, textOf, uniqueName } from "./Scenario.ts"

/** A topic, and an ownership of some work on it. */
const newWork = Effect.gen(function* () {
  const topic = yield* newTopic()
  return { topic, work: yield* Ownership.make({ topic, name: "work" }) }
})

/** Takes a partition from its owner as the end of a lease does: behind the owner's back. */
const expireLease = (work: Ownership.Ownership, partition: number) =>
  work.leases.purge(`${work.prefix}.lease.${partition}`)

/** What an append of an owner that was replaced must answer. */
const isRefused = Effect.fnUntraced(function* (
  owned: Ownership.Owned,
  ...records: Array<Ownership.OwnedRecord>
) {
  const error = yield* Effect.flip(owned.append(records))
  assert.instanceOf(error, OwnershipLost)
  assert.strictEqual(error.epoch, owned.epoch)
  return error
})

const subjects = (topic: Parameters<typeof readAll>[0], filters?: ReadonlyArray<string>) =>
  Effect.map(readAll(topic, filters === undefined ? {} : { filters }), (records) =>
    records.map((one) => one.subject)
  )

/** Claims, leases, epochs, fenced appends. */
export const ownership: ReadonlyArray<ContractTest> = [
  test(
    "own-1",
    "a claim is a record in the topic, and its sequence is the epoch: it grows with every claim",
    () =>
      Effect.gen(function* () {
        const { topic, work } = yield* newWork
        yield* topic.append(record("before"))
        const first = yield* Effect.scoped(
          Effect.gen(function* () {
            const owned = yield* work.claim(0)
            assert.strictEqual(owned.partition, 0)
            assert.deepStrictEqual(yield* owned.append([record("a"), record("b")]), [
              owned.epoch + 1,
              owned.epoch + 2
            ])
            return owned.epoch
          })
        )
        const second = yield* work.claim(0)
        const other = yield* work.claim(1)
        assert.isAbove(second.epoch, first)
        assert.isAbove(other.epoch, second.epoch)
        const last = yield* topic.last("claim.work.0")
        assert.strictEqual(Option.getOrThrow(last).sequence, second.epoch)
        // Only the last claim of a partition is kept.
        assert.deepStrictEqual(yield* subjects(topic), ["before", "a", "b", "claim.work.0", "claim.work.1"])
      })
  ),

  test("own-2", "after a new claim every append of the old owner is rejected, those on their way too", () =>
    Effect.gen(function* () {
      const { topic, work } = yield* newWork
      const old = yield* work.claim(0)
      yield* old.append([record("old.before")])
      const writers = yield* Effect.forEach(range(1, 8), (i) =>
        Effect.forkChild(
          old
            .append(i % 2 === 0 ? [record(`old.${i}`)] : [record(`old.${i}`), record(`old.${i}`)])
            .pipe(Effect.forever, Effect.flip)
        )
      )
      yield* Effect.sleep("50 millis")
      yield* expireLease(work, 0)
      const owner = yield* work.claim(0)
      yield* owner.append([record("new")])
      for (const writer of writers) {
        const error = yield* Effect.timeout(Fiber.join(writer), "10 seconds")
        assert.instanceOf(error, OwnershipLost)
      }
      const error = yield* isRefused(old, record("old.after"))
      assert.strictEqual(error.by, "claimed")
      yield* isRefused(old, record("old.after", { expectLast: 0 }))
      const late = (yield* readAll(topic, { from: owner.epoch })).filter((one) =>
        one.subject.startsWith("old.")
      )
      assert.deepStrictEqual(late, [])
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.timeout(old.lost, "5 seconds"))))
      yield* owner.append([record("new")])
    })
  ),

  test("own-3", "an owned append may have expectations of its own; they do not cost the ownership", () =>
    Effect.gen(function* () {
      const { topic, work } = yield* newWork
      const owned = yield* work.claim(3)
      const [first = 0] = yield* owned.append([record("state")], { expectLast: 0 })
      const error = yield* Effect.flip(owned.append([record("state")], { expectLast: 0 }))
      assert.strictEqual(error._tag, "BrokerError")
      if (error._tag === "BrokerError") assert.strictEqual(error.reason._tag, "Conflict")
      const [second = 0, third = 0] = yield* owned.append(
        [record("state"), record("other", { expectLast: 0 })],
        { expectLast: first }
      )
      assert.strictEqual(third, second + 1)
      yield* owned.append([record("state", { expectLast: second }), record("free")])
      assert.deepStrictEqual(yield* subjects(topic, ["state", "other", "free"]), [
        "state",
        "state",
        "other",
        "state",
        "free"
      ])
      // The claim goes with appends that have only checks of their own, and still fences.
      yield* expireLease(work, 3)
      const next = yield* work.claim(3)
      assert.isAbove(next.epoch, third)
      yield* isRefused(owned, record("state", { expectLast: third + 1 }))
    })
  ),

  test("own-4", "a partition has one owner: a second claim waits until the first one's scope closes", () =>
    Effect.gen(function* () {
      const { work } = yield* newWork
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(work.claim(0), scope)
      assert.isTrue(Option.isNone(yield* Effect.scoped(work.tryClaim(0))))
      assert.isTrue(Option.isSome(yield* work.tryClaim(1)))
      const waiting = yield* Effect.forkChild(work.claim(0))
      yield* Effect.sleep("300 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* first.append([record("a")])
      yield* Scope.close(scope, Exit.void)
      const second = yield* Effect.timeout(Fiber.join(waiting), "3 seconds")
      assert.isAbove(second.epoch, first.epoch)
      assert.strictEqual((yield* isRefused(first, record("a"))).by, "released")
      yield* second.append([record("b")])
    })
  ),

  test("own-5", "the lease of an owner that is gone runs out, and who waits gets the partition", () =>
    Effect.gen(function* () {
      const { work } = yield* newWork
      // As an owner leaves it that was killed: nobody renews it, nobody gives it back.
      yield* work.leases.create(`${work.prefix}.lease.0`, new Uint8Array([1]), { ttl: "2 seconds" })
      assert.isTrue(Option.isNone(yield* Effect.scoped(work.tryClaim(0))))
      const owned = yield* Effect.timeout(work.claim(0), "8 seconds")
      yield* owned.append([record("a")])
    })
  ),

  test("own-6", "a lease is renewed by compare-and-set, and lost at the first conflict", () =>
    Effect.gen(function* () {
      const { work } = yield* newWork
      const key = `${work.prefix}.lease.0`
      const owned = yield* work.claim(0)
      const first = Option.getOrThrow(yield* work.leases.get(key))
      const renewed = yield* eventually(
        "the lease is renewed",
        Effect.map(work.leases.get(key), Option.getOrThrow),
        ({ revision }) => revision > first.revision,
        7_000
      )
      assert.deepStrictEqual(renewed.value, first.value)
      yield* owned.append([record("a")])
      // Somebody else has it now: the owner learns it at its next renewal.
      yield* work.leases.put(key, new Uint8Array([1]))
      const error = yield* Effect.flip(Effect.timeout(owned.lost, "7 seconds"))
      assert.instanceOf(error, OwnershipLost)
      assert.strictEqual((yield* isRefused(owned, record("b"))).by, "lease")
    })
  ),

  test("own-7", "many appends in flight: each is whole, and those of one fiber keep their order", () =>
    Effect.gen(function* () {
      const { topic, work } = yield* newWork
      const owned = yield* work.claim(0)
      const answers = yield* Effect.forEach(
        range(0, 19),
        (writer) =>
          Effect.forEach(range(0, 9), (i) =>
            Effect.map(
              owned.append([record(`w.${writer}.${i}`), record(`w.${writer}.${i}`)]),
              (sequences) => ({ writer, i, sequences })
            )
          ),
        { concurrency: "unbounded" }
      )
      const stored = new Map((yield* readAll(topic)).map((one) => [one.sequence, one.subject]))
      for (const writer of answers) {
        let before = 0
        for (const { i, sequences, writer: number } of writer) {
          const [first = 0, second = 0] = sequences
          assert.isAbove(first, before)
          assert.strictEqual(second, first + 1)
          assert.strictEqual(stored.get(first), `w.${number}.${i}`)
          assert.strictEqual(stored.get(second), `w.${number}.${i}`)
          before = second
        }
      }
      assert.strictEqual(stored.size, 401)
    })
  ),

  test(
    "own-8",
    "a record that is refused fails its own caller alone; a repeated id answers the first sequence",
    () =>
      Effect.gen(function* () {
        const { work } = yield* newWork
        const owned = yield* work.claim(0)
        const exits = yield* Effect.forEach(
          range(0, 9),
          (i) => Effect.exit(owned.append([record(i === 5 ? "not a subject" : `fine.${i}`)])),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          exits.map((exit) => Exit.isFailure(exit)),
          range(0, 9).map((i) => i === 5)
        )
        const first = yield* owned.append([record("once", { messageId: "id" })])
        assert.deepStrictEqual(yield* owned.append([record("once", { messageId: "id" })]), first)
        assert.deepStrictEqual(yield* owned.append([]), [])
      })
  ),

  test("own-9", "what cannot be owned is rejected", () =>
    Effect.gen(function* () {
      const { topic, work } = yield* newWork
      yield* failsWith(Ownership.make({ topic, name: "work", lease: "14 seconds" }), "Rejected")
      yield* failsWith(Ownership.make({ topic, name: "" }), "Rejected")
      for (const partition of [-1, 0.5, Number.NaN]) {
        yield* failsWith(Effect.scoped(work.tryClaim(partition)), "Rejected")
      }
    })
  ),

  test("own-10", "of many that want a partition one has it at a time, each under a greater epoch", () =>
    Effect.gen(function* () {
      const { topic, work } = yield* newWork
      let inside = 0
      const epochs: Array<number> = []
      const done = yield* Deferred.make<void>()
      yield* Effect.forEach(
        range(1, 5),
        (i) =>
          Effect.scoped(
            Effect.gen(function* () {
              const owned = yield* work.claim(0)
              assert.strictEqual(++inside, 1)
              epochs.push(owned.epoch)
              yield* owned.append([record(`by.${i}`)])
              yield* Effect.sleep("20 millis")
              inside--
            })
          ),
        { concurrency: "unbounded" }
      ).pipe(Effect.timeout("20 seconds"), Effect.andThen(Deferred.succeed(done, undefined)))
      assert.deepStrictEqual(
        epochs,
        epochs.toSorted((a, b) => a - b)
      )
      assert.strictEqual(new Set(epochs).size, 5)
      assert.lengthOf(yield* subjects(topic, ["by.*"]), 5)
    })
  )
]

/** What is left of a claim when the backend ends. */
export const ownershipRestart: ReadonlyArray<RestartTest> = [
  restartTest(
    "restart-9",
    "claims survive: the next epoch is greater, and the old one still fenced",
    (session) =>
      Effect.gen(function* () {
        const name = yield* uniqueName
        const opened = Effect.flatMap(Broker, (broker) => broker.topic({ name }))
        const claimed = Effect.gen(function* () {
          const topic = yield* opened
          const work = yield* Ownership.make({ topic, name: "any name: ü" })
          const owned = yield* work.claim(7)
          yield* owned.append([record("a")])
          const claim = (yield* Stream.runCollect(topic.read({ from: owned.epoch, limit: 1 })))[0]
          return { epoch: owned.epoch, subject: claim?.subject ?? "" }
        })
        const first = yield* session(Effect.scoped(claimed))
        const second = yield* session(Effect.scoped(claimed))
        assert.isAbove(second.epoch, first.epoch)
        yield* session(
          Effect.gen(function* () {
            const topic = yield* opened
            const late = record("late", { expectLastOn: { subject: first.subject, sequence: first.epoch } })
            const reason = yield* failsWith(topic.append(late), "Conflict")
            assert.strictEqual(reason.actual, second.epoch)
            assert.deepStrictEqual((yield* readAll(topic, { filters: ["a", "late"] })).map(textOf), [
              "a",
              "a"
            ])
          })
        )
      })
  )
]
