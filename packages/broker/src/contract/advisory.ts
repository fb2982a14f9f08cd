import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { Advisory, AdvisoryReader } from "../Advisory.ts"
import { Broker } from "../Broker.ts"
import type { Topic } from "../Topic.ts"
import { type BounceTest, type ContractTest, type RestartTest, restartTest, test } from "./ContractTest.ts"
import {
  eventually,
  failsWith,
  fill,
  newTopic,
  range,
  record,
  sequences,
  takeMany,
  takeOne,
  uniqueName
} from "./Scenario.ts"

/** Broker and test may round one moment to different milliseconds. */
const roundingMillis = 5

const heard = Effect.fnUntraced(function* (advisories: AdvisoryReader, count: number) {
  const all: Array<Advisory> = []
  while (all.length < count) {
    all.push(...(yield* Effect.timeout(advisories.take(count - all.length), "10 seconds")))
  }
  return all
})

const hearOne = (advisories: AdvisoryReader) => Effect.map(heard(advisories, 1), ([one]) => one as Advisory)

const silent = Effect.fnUntraced(function* (advisories: AdvisoryReader, millis: number) {
  const taken = yield* Effect.timeoutOption(advisories.take(10), millis)
  if (Option.isSome(taken)) assert.fail(`told: ${JSON.stringify(taken.value)}`)
})

/** Without the time, which no test can know. */
const timeless = (advisory: Advisory) =>
  advisory._tag === "Missed" ? advisory : { ...advisory, timeMillis: undefined }

const exhausted = (subscription: string, sequence: number, attempts: number) => ({
  _tag: "Exhausted" as const,
  subscription,
  sequence,
  attempts,
  timeMillis: undefined
})

const rejected = (subscription: string, sequence: number, attempt: number, reason: string) => ({
  _tag: "Rejected" as const,
  subscription,
  sequence,
  attempt,
  reason,
  timeMillis: undefined
})

/** Of what `rejectNext` did: a backend that fetches ahead hands a record out once more, so attempts differ. */
const named = (advisory: Advisory) =>
  advisory._tag === "Rejected" && advisory.reason === `${advisory.sequence}`
    ? `${advisory.subscription} ${advisory.sequence}`
    : advisory

/** Rejects the next `count` records of a subscription, each with its sequence as the reason. */
const rejectNext = (topic: Topic, name: string, count: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      let last = 0
      const subscription = yield* topic.subscription({ name })
      const reader = yield* subscription.reader({ prefetch: Math.min(count, 256) })
      for (let left = count; left > 0; ) {
        const taken = yield* Effect.timeout(reader.take(left), "10 seconds")
        for (const { record, reject } of taken) {
          yield* reject(`${record.sequence}`)
          last = record.sequence
        }
        left -= taken.length
      }
      yield* eventually("they are settled", subscription.info, ({ ackFloor }) => ackFloor >= last)
    })
  )

/** What is told of records that nobody will deliver again. */
export const advisory: ReadonlyArray<ContractTest> = [
  test("adv-1", "a record whose deliveries are used up is told once, with how many there were", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 2)
      const advisories = yield* topic.advisories()
      const subscription = yield* topic.subscription({ name: "s", maxDeliver: 2 })
      const reader = yield* subscription.reader({ prefetch: 2 })
      const [poison, good] = yield* takeMany(reader, 2)
      const started = yield* Clock.currentTimeMillis
      yield* good?.ack ?? Effect.void
      yield* poison?.retry("20 millis") ?? Effect.void
      yield* (yield* takeOne(reader)).retry("20 millis")
      const one = yield* hearOne(advisories)
      assert.deepStrictEqual(timeless(one), exhausted("s", 1, 2))
      if (one._tag !== "Exhausted") return
      assert.isTrue(Number.isSafeInteger(one.timeMillis))
      assert.isAtLeast(one.timeMillis, started - roundingMillis)
      assert.isAtMost(one.timeMillis, (yield* Clock.currentTimeMillis) + roundingMillis)
      yield* silent(advisories, 300)
    })
  ),

  test(
    "adv-2",
    "a record whose reader dies on the last try is told too, although nobody takes any more",
    () =>
      Effect.gen(function* () {
        const topic = yield* newTopic()
        yield* fill(topic, 1)
        const subscription = yield* topic.subscription({ name: "s", maxDeliver: 1, ackWait: "400 millis" })
        const started = yield* Clock.currentTimeMillis
        yield* Effect.scoped(Effect.flatMap(subscription.reader(), takeOne))
        // It listens only now: what is under way already has its deadline too.
        const advisories = yield* topic.advisories()
        const one = yield* hearOne(advisories)
        assert.isAtLeast((yield* Clock.currentTimeMillis) - started, 400 - roundingMillis)
        assert.deepStrictEqual(timeless(one), exhausted("s", 1, 1))
      })
  ),

  test("adv-3", "a reject is told with its attempt and its reason in one line; an ack is not told", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 4)
      const advisories = yield* topic.advisories()
      const subscription = yield* topic.subscription({ name: "s", maxDeliver: 9 })
      const reader = yield* subscription.reader({ prefetch: 4 })
      const started = yield* Clock.currentTimeMillis
      const [one, two, three, four] = yield* takeMany(reader, 4)
      yield* one?.ackConfirmed ?? Effect.void
      yield* two?.reject(' kein Auftrag: "größer\r\nals 1 €" \n') ?? Effect.void
      yield* two?.reject("again") ?? Effect.void
      yield* three?.reject("x".repeat(2_000)) ?? Effect.void
      yield* four?.retry(0) ?? Effect.void
      yield* (yield* takeOne(reader)).reject("")
      const all = yield* heard(advisories, 3)
      assert.deepStrictEqual(all.map(timeless), [
        rejected("s", 2, 1, 'kein Auftrag: "größer als 1 €"'),
        rejected("s", 3, 1, "x".repeat(1_000)),
        rejected("s", 4, 2, "")
      ])
      for (const told of all) {
        assert.isAtLeast(told._tag === "Rejected" ? told.timeMillis : 0, started - roundingMillis)
      }
      yield* silent(advisories, 300)
    })
  ),

  test("adv-4", "every listener hears what happens while it is open, and nothing from before", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 4)
      const first = yield* topic.advisories()
      yield* rejectNext(topic, "s", 1)
      const second = yield* topic.advisories()
      const scope = yield* Scope.make()
      const third = yield* Scope.provide(topic.advisories(), scope)
      yield* rejectNext(topic, "s", 1)
      assert.deepStrictEqual((yield* heard(third, 1)).map(named), ["s 2"])
      yield* Scope.close(scope, Exit.void)
      yield* rejectNext(topic, "s", 1)
      assert.deepStrictEqual(
        (yield* heard(first, 3)).map(named),
        range(1, 3).map((n) => `s ${n}`)
      )
      assert.deepStrictEqual(
        (yield* heard(second, 2)).map(named),
        range(2, 3).map((n) => `s ${n}`)
      )
      yield* silent(second, 200)
    })
  ),

  test("adv-5", "a listener to one subscription hears only that one, also before it is there", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 1)
      const all = yield* topic.advisories()
      const only = yield* topic.advisories({ subscription: "b" })
      yield* rejectNext(topic, "a", 1)
      yield* rejectNext(topic, "b", 1)
      assert.deepStrictEqual((yield* heard(only, 1)).map(named), ["b 1"])
      assert.deepStrictEqual((yield* heard(all, 2)).map(named), ["a 1", "b 1"])
      yield* silent(only, 200)
      const reason = yield* failsWith(Effect.scoped(topic.advisories({ subscription: "*" })), "Rejected")
      assert.strictEqual(reason.cause, "argument")
    })
  ),

  test(
    "adv-6",
    "what nobody takes is kept up to 1 024, the newest; a Missed stands where older ones went",
    () =>
      Effect.gen(function* () {
        const topic = yield* newTopic()
        yield* fill(topic, 1_000)
        yield* fill(topic, 24)
        const slow = yield* topic.advisories()
        const quick = yield* topic.advisories()
        yield* rejectNext(topic, "s", 1_024)
        assert.lengthOf(yield* heard(quick, 1_024), 1_024)
        yield* fill(topic, 6)
        yield* rejectNext(topic, "s", 6)
        assert.deepStrictEqual(
          (yield* heard(quick, 6)).map(named),
          range(1_025, 1_030).map((n) => `s ${n}`)
        )
        const [missed, ...kept] = yield* heard(slow, 1_025)
        assert.deepStrictEqual(missed, { _tag: "Missed" })
        assert.deepStrictEqual(
          kept.map(named),
          range(7, 1_030).map((n) => `s ${n}`)
        )
        yield* silent(slow, 200)
      })
  ),

  test("adv-7", "an interrupted take loses nothing, and a take answers at most what it was asked for", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 40)
      const advisories = yield* topic.advisories()
      const subscription = yield* topic.subscription({ name: "s" })
      const reader = yield* subscription.reader({ prefetch: 40 })
      const deliveries = yield* takeMany(reader, 40)
      yield* Effect.forkChild(
        Effect.forEach(deliveries, (delivery) =>
          Effect.andThen(delivery.reject("no"), Effect.sleep("3 millis"))
        )
      )
      const seen: Array<number> = []
      yield* eventually(
        "all are heard",
        Effect.gen(function* () {
          const taken = yield* Effect.timeoutOption(advisories.take(3), "2 millis")
          const some = Option.getOrElse(taken, (): ReadonlyArray<Advisory> => [])
          assert.isAtMost(some.length, 3)
          for (const one of some) seen.push(one._tag === "Rejected" ? one.sequence : 0)
          return seen.length
        }),
        (n) => n === 40
      )
      assert.deepStrictEqual(seen, range(1, 40))
    })
  ),

  test("adv-8", "once the topic is deleted, take hands out what is left and then fails", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 1)
      const advisories = yield* topic.advisories()
      const other = yield* topic.advisories()
      yield* rejectNext(topic, "s", 1)
      yield* heard(other, 1)
      const waiting = yield* Effect.forkChild(failsWith(other.take(1), "NotFound"), {
        startImmediately: true
      })
      yield* (yield* Broker).deleteTopic(topic.name)
      const reason = yield* Effect.timeout(Fiber.join(waiting), "10 seconds")
      assert.strictEqual(reason.what, "topic")
      assert.deepStrictEqual((yield* heard(advisories, 1)).map(named), ["s 1"])
      yield* failsWith(advisories.take(1), "NotFound")
      yield* failsWith(Effect.scoped(topic.advisories()), "NotFound")
    })
  ),

  test("adv-10", "a record that is removed from the topic while somebody has it is not told", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic({ limits: { maxRecords: 3 } })
      yield* fill(topic, 3)
      const advisories = yield* topic.advisories()
      const subscription = yield* topic.subscription({ name: "s", maxDeliver: 1, ackWait: "400 millis" })
      const reader = yield* subscription.reader({ prefetch: 3 })
      yield* takeMany(reader, 3)
      yield* topic.delete(1)
      yield* fill(topic, 2, "more")
      assert.deepStrictEqual(yield* sequences(topic), [3, 4, 5])
      yield* topic.purge({ below: 4 })
      yield* silent(advisories, 800)
      yield* (yield* takeOne(reader)).reject("4")
      assert.deepStrictEqual((yield* heard(advisories, 1)).map(named), ["s 4"])
    })
  )
]

/** What is told across the end of the backend. */
export const advisoryRestart: ReadonlyArray<RestartTest> = [
  restartTest(
    "restart-12",
    "nothing is told again after a restart; what happens from then on is",
    (session) =>
      Effect.gen(function* () {
        const name = yield* uniqueName
        const spec = { name: "s", maxDeliver: 1 } as const
        yield* session(
          Effect.gen(function* () {
            const topic = yield* (yield* Broker).topic({ name })
            yield* fill(topic, 2)
            const advisories = yield* topic.advisories()
            const subscription = yield* topic.subscription(spec)
            const reader = yield* subscription.reader({ prefetch: 2 })
            const [one, two] = yield* takeMany(reader, 2)
            yield* one?.reject("no") ?? Effect.void
            yield* two?.retry("10 millis") ?? Effect.void
            assert.deepStrictEqual((yield* heard(advisories, 2)).map(timeless), [
              rejected("s", 1, 1, "no"),
              exhausted("s", 2, 1)
            ])
            yield* eventually("it is kept", subscription.info, (info) => info.exhausted.includes(2))
          })
        )
        yield* session(
          Effect.gen(function* () {
            const topic = yield* (yield* Broker).topic({ name })
            const advisories = yield* topic.advisories()
            const subscription = yield* topic.subscription(spec)
            yield* silent(advisories, 300)
            yield* topic.append(record("later"))
            yield* (yield* takeOne(yield* subscription.reader())).reject("later")
            assert.deepStrictEqual((yield* heard(advisories, 1)).map(timeless), [
              rejected("s", 3, 1, "later")
            ])
          })
        )
      })
  )
]

/** What a listener is told of a server that went and came back. */
export const advisoryBounce: ReadonlyArray<BounceTest> = [
  {
    id: "adv-9",
    title: "a listener whose connection was lost is told that it may have missed some, and goes on",
    run: (bounce) =>
      Effect.gen(function* () {
        const topic = yield* newTopic()
        yield* fill(topic, 2)
        const advisories = yield* topic.advisories()
        yield* rejectNext(topic, "s", 1)
        assert.deepStrictEqual((yield* heard(advisories, 1)).map(named), ["s 1"])
        yield* bounce
        assert.deepStrictEqual(yield* heard(advisories, 1), [{ _tag: "Missed" }])
        yield* Effect.retry(topic.append(record("more")), { while: (error) => error.isTransient, times: 50 })
        const subscription = yield* topic.subscription({ name: "t", start: 2 })
        yield* (yield* takeOne(yield* subscription.reader())).reject("2")
        assert.deepStrictEqual((yield* heard(advisories, 1)).map(named), ["t 2"])
      })
  }
]
