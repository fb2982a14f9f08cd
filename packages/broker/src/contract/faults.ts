import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Broker } from "../Broker.ts"
import { BrokerError } from "../BrokerError.ts"
import { type Fault, seededFaults, withFaults } from "../Faults.ts"
import type { AppendRequest, Topic } from "../Topic.ts"
import { type ContractTest, type RestartTest, restartTest, test } from "./ContractTest.ts"
import {
  bytes,
  eventually,
  failsWith,
  newTopic,
  range,
  readAll,
  record,
  sequences,
  textOf,
  uniqueName
} from "./Scenario.ts"

/** The topic as it is seen through a connection that does this to each append in turn. */
const through = (topic: Topic, faults: Parameters<typeof withFaults>[1]) =>
  Effect.flatMap(Broker, (broker) =>
    withFaults({ ...broker, topic: () => Effect.succeed(topic) }, faults).topic({ name: topic.name })
  )

const inTurn = (...faults: ReadonlyArray<Fault["failure"]>) => {
  const left = [...faults]
  return {
    next: (): Fault | undefined => {
      const failure = left.shift()
      return failure === undefined ? undefined : { failure }
    }
  }
}

const persistently = <A>(effect: Effect.Effect<A, BrokerError>) =>
  Effect.retry(effect, {
    while: (error) => error.isTransient,
    schedule: Schedule.spaced("5 millis").pipe(Schedule.jittered)
  })

/** What the reasons of failures promise, on this backend behind a bad connection. */
export const faults: ReadonlyArray<ContractTest> = [
  test("fault-1", "after Busy and Unavailable nothing is stored, and the same request may succeed", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const faulty = yield* through(topic, inTurn("Busy", "Unavailable", "Unavailable"))
      const request = record("a", { messageId: "id", expectLast: 0 })
      for (const tag of ["Busy", "Unavailable"] as const) {
        const error = yield* Effect.flip(faulty.append(request))
        assert.strictEqual(error.reason._tag, tag)
        assert.isTrue(error.isTransient)
      }
      yield* Effect.flip(faulty.appendAll([request, record("b")]))
      assert.deepStrictEqual(yield* sequences(topic), [])
      assert.deepStrictEqual(yield* faulty.append(request), { sequence: 1, duplicate: false })
    })
  ),

  test("fault-2", "after Unknown the same request finds out: stored or not, it is there once", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const faulty = yield* through(
        topic,
        inTurn({ unknown: { stored: true } }, { unknown: { stored: false } })
      )
      const first = record("a", { messageId: "1", expectLast: 0 })
      yield* failsWith(faulty.append(first), "Unknown")
      // Somebody else writes there meanwhile: the expectation of the repeat holds no more, and is not asked.
      yield* topic.append(record("a"))
      assert.deepStrictEqual(
        yield* faulty.append(record("c")).pipe(
          Effect.flip,
          Effect.map((e) => e.reason._tag)
        ),
        "Unknown"
      )
      assert.deepStrictEqual(yield* faulty.append(first), { sequence: 1, duplicate: true })
      assert.deepStrictEqual(
        (yield* readAll(topic)).map((one) => one.subject),
        ["a", "a"]
      )
    })
  ),

  test("fault-3", "writers that retry as the reasons say store each record once and in order", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      const faulty = yield* through(
        topic,
        seededFaults({ seed: 7, busy: 0.1, unavailable: 0.1, unknown: 0.2, delayMillisMax: 3 })
      )
      yield* Effect.forEach(
        range(1, 6),
        Effect.fnUntraced(function* (writer) {
          let last = 0
          for (const n of range(1, 20)) {
            const request: AppendRequest = {
              subject: `w.${writer}`,
              data: bytes(`${n}`),
              messageId: `${writer}-${n}`,
              expectLast: last
            }
            last = (yield* persistently(faulty.append(request))).sequence
          }
        }),
        { concurrency: "unbounded" }
      )
      const records = yield* readAll(topic)
      assert.lengthOf(records, 120)
      for (const writer of range(1, 6)) {
        assert.deepStrictEqual(
          records.filter((one) => one.subject === `w.${writer}`).map((one) => Number(textOf(one))),
          range(1, 20)
        )
      }
    })
  ),

  test("fresh-1", "every way of reading sees a record as soon as its append is answered", () =>
    Effect.gen(function* () {
      // Several topics, whose leaders are several servers: a client that reads from the nearest one sees the others' late.
      const topics = yield* Effect.forEach(range(1, 4), () => newTopic())
      yield* Effect.forEach(
        topics,
        Effect.fnUntraced(function* (topic) {
          for (const n of range(1, 20)) {
            const subject = `s.${n % 3}`
            const look = (sequence: number) =>
              Effect.all(
                [
                  Effect.map(topic.last(subject), (last) => Option.getOrUndefined(last)?.sequence),
                  Effect.map(sequences(topic, { from: sequence }), (read) => read.at(-1)),
                  Effect.map(topic.info, (info) => info.lastSequence),
                  Effect.map(sequences(topic, { from: "last", filters: ["s.*"] }), (end) => end.at(-1)),
                  n % 10 > 0
                    ? Effect.succeed(sequence)
                    : Effect.map(
                        Stream.runCollect(topic.lastPerSubject("s.*")),
                        (all) => all.at(-1)?.sequence
                      )
                ],
                { concurrency: "unbounded" }
              )
            const { sequence } = yield* topic.append(record(subject))
            assert.deepStrictEqual(yield* look(sequence), Array(5).fill(sequence))
          }
        }),
        { concurrency: "unbounded", discard: true }
      )
    })
  )
]

/** What was answered before the backend ended, and who asks afterwards. */
export const faultsRestart: ReadonlyArray<RestartTest> = [
  restartTest(
    "durable-1",
    "what was answered before the end is there, whole groups, and in order",
    (session) =>
      Effect.gen(function* () {
        const name = yield* uniqueName
        const opened = Effect.flatMap(Broker, (broker) => broker.topic({ name }))
        const answered = new Map<number, string>()
        for (const round of range(1, 3)) {
          yield* session(
            Effect.gen(function* () {
              const topic = yield* opened
              const writer = (fiber: number) =>
                Effect.gen(function* () {
                  for (let n = 1; ; n += 2) {
                    const [one, two] = [`${round}.${fiber}.${n}`, `${round}.${fiber}.${n + 1}`]
                    const [first = 0, second = 0] = yield* topic.appendAll(
                      [one, two].map((text) => ({ subject: `w.${fiber}`, data: bytes(text) }))
                    )
                    answered.set(first, one)
                    answered.set(second, two)
                  }
                })
              const writers = yield* Effect.forEach(range(1, 4), (fiber) => Effect.forkChild(writer(fiber)))
              yield* Effect.sleep("60 millis")
              // A loaded machine may not have answered any yet.
              yield* eventually(
                "some are answered",
                Effect.sync(() => answered.size),
                (size) => size >= 8 * round
              )
              // In the middle of what they do.
              yield* Effect.forEach(writers, Fiber.interrupt, { discard: true, concurrency: "unbounded" })
            })
          )
        }
        yield* session(
          Effect.gen(function* () {
            const records = yield* readAll(yield* opened)
            const stored = new Map(records.map((one) => [one.sequence, textOf(one)]))
            assert.isAbove(answered.size, 10)
            for (const [sequence, text] of answered) assert.strictEqual(stored.get(sequence), text)
            const last = new Map<string, number>()
            for (const one of records) {
              const [round = "", fiber = "", n = ""] = textOf(one).split(".")
              const writer = `${round}.${fiber}`
              assert.strictEqual(Number(n), (last.get(writer) ?? 0) + 1, writer)
              last.set(writer, Number(n))
            }
            for (const [writer, n] of last) assert.strictEqual(n % 2, 0, `${writer} ends with half a group`)
          })
        )
      })
  ),

  restartTest(
    "fault-4",
    "who still uses a broker that is closed is told Unavailable, and nothing is stored",
    (session) =>
      Effect.gen(function* () {
        const name = yield* uniqueName
        const left = yield* session(
          Effect.gen(function* () {
            const topic = yield* (yield* Broker).topic({ name })
            yield* topic.append(record("a"))
            const subscription = yield* topic.subscription({ name: "s" })
            return { topic, subscription }
          })
        )
        const { subscription, topic } = left
        const uses: ReadonlyArray<readonly [string, Effect.Effect<unknown, BrokerError>]> = [
          ["append", topic.append(record("late"))],
          ["appendAll", topic.appendAll([record("late"), record("late")])],
          ["appendAt", topic.appendAt({ ...record("late"), atMillis: 0, schedule: "later" })],
          ["cancelAt", topic.cancelAt("later")],
          ["read", readAll(topic)],
          ["read of several subjects", readAll(topic, { filters: ["a", "b"] })],
          ["follow", Stream.runHead(topic.follow({ from: "first" }))],
          ["last", topic.last("a")],
          ["lastPerSubject", Stream.runHead(topic.lastPerSubject(">"))],
          ["info", topic.info],
          ["purge", topic.purge({})],
          ["delete", topic.delete(1)],
          ["subscription", topic.subscription({ name: "other" })],
          ["updateSubscription", topic.updateSubscription("s", { maxDeliver: 2 })],
          ["info of the subscription", subscription.info],
          ["update", subscription.update({ maxDeliver: 2 })],
          ["reset", subscription.reset("first")],
          ["take", Effect.scoped(Effect.flatMap(subscription.reader(), (reader) => reader.take(1)))],
          ["advisories", Effect.scoped(topic.advisories())]
        ]
        for (const [use, effect] of uses) {
          const error = yield* Effect.flip(Effect.timeout(effect, "8 seconds"))
          assert.instanceOf(error, BrokerError, use)
          if (error._tag === "BrokerError") assert.strictEqual(error.reason._tag, "Unavailable", use)
        }
        yield* session(
          Effect.gen(function* () {
            const again = yield* (yield* Broker).topic({ name })
            assert.deepStrictEqual(yield* sequences(again), [1])
            yield* again.subscription({ name: "s" })
          })
        )
      })
  ),

  restartTest("fault-5", "who waits when the broker is closed is told Unavailable", (session) =>
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const name = yield* uniqueName
      const waiting = yield* session(
        Effect.gen(function* () {
          const topic = yield* (yield* Broker).topic({ name })
          const reader = yield* Scope.provide(
            Effect.flatMap(topic.subscription({ name: "s" }), (subscription) => subscription.reader()),
            scope
          )
          const advisories = yield* Scope.provide(topic.advisories(), scope)
          const fibers = yield* Effect.forEach(
            [reader.take(1), advisories.take(1), Stream.runHead(topic.follow({ from: "first" }))],
            (wait: Effect.Effect<unknown, BrokerError>) => Effect.forkIn(Effect.flip(wait), scope)
          )
          yield* Effect.sleep("200 millis")
          return fibers
        })
      )
      for (const fiber of waiting) {
        const error = yield* Effect.timeout(Fiber.join(fiber), "10 seconds")
        assert.instanceOf(error, BrokerError)
        if (error instanceof BrokerError) assert.strictEqual(error.reason._tag, "Unavailable")
      }
    })
  )
]
