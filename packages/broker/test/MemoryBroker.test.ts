import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (data: Uint8Array) => new TextDecoder().decode(data)

describe("the memory broker under the test clock", () => {
  it.effect("hands out again exactly at ackWait, and gives up after maxDeliver", () =>
    Effect.gen(function* () {
      const topic = yield* (yield* Broker).topic({ name: "t" })
      for (const value of ["a", "b"]) yield* topic.append({ subject: "x.y", data: bytes(value) })
      const subscription = yield* topic.subscription({ name: "s", ackWait: "10 seconds", maxDeliver: 2 })
      const reader = yield* subscription.reader({ prefetch: 2 })
      const first = yield* reader.take(5)
      assert.deepStrictEqual(
        first.map((d) => [d.record.sequence, d.attempt]),
        [
          [1, 1],
          [2, 1]
        ]
      )
      yield* first[0]?.ack ?? Effect.void
      const waiting = yield* Effect.forkChild(reader.take(5))
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const again = yield* Fiber.join(waiting)
      assert.deepStrictEqual(
        again.map((d) => [d.record.sequence, d.attempt]),
        [[2, 2]]
      )
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* subscription.info, {
        name: "s",
        pending: 0,
        ackPending: 0,
        redelivered: 0,
        ackFloor: 2,
        exhausted: [2]
      })
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("wakes a reader at the delay of a retry, not before and without polling", () =>
    Effect.gen(function* () {
      const topic = yield* (yield* Broker).topic({ name: "t" })
      yield* topic.append({ subject: "a", data: bytes("a") })
      const subscription = yield* topic.subscription({ name: "s" })
      const reader = yield* subscription.reader()
      const [delivery] = yield* reader.take(1)
      yield* delivery?.retry("7 seconds") ?? Effect.void
      const waiting = yield* Effect.forkChild(reader.take(1))
      yield* TestClock.adjust("6999 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(waiting))[0]?.attempt, 2)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("hides a record at the end of its time, never early", () =>
    Effect.gen(function* () {
      const topic = yield* (yield* Broker).topic({ name: "t", limits: { maxAge: "1 minute" } })
      yield* topic.append({ subject: "short", data: bytes("s"), ttl: "2 seconds" })
      yield* topic.append({ subject: "long", data: bytes("l") })
      const subjects = topic.read({ from: "first" }).pipe(
        Stream.map((record) => record.subject),
        Stream.runCollect
      )
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(yield* subjects, ["short", "long"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* subjects, ["long"])
      yield* TestClock.adjust("57999 millis")
      assert.deepStrictEqual(yield* subjects, ["long"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* subjects, [])
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect(
    "a follower sees each record once, in order, over removals, and ends when the topic is deleted",
    () =>
      Effect.gen(function* () {
        const broker = yield* Broker
        const topic = yield* broker.topic({ name: "t", limits: { maxRecords: 10 } })
        const seen: Array<string> = []
        const follower = yield* topic.follow({ from: "first" }).pipe(
          Stream.runForEach((record) => Effect.sync(() => seen.push(text(record.data)))),
          Effect.flip,
          Effect.forkChild({ startImmediately: true })
        )
        for (let i = 0; i < 50; i++) {
          yield* topic.append({ subject: "a", data: bytes(String(i)) })
          yield* Effect.yieldNow
          if (i % 10 === 3) yield* topic.delete((yield* topic.info).firstSequence)
        }
        yield* Effect.yieldNow
        yield* broker.deleteTopic("t")
        const error = yield* Fiber.join(follower)
        assert.strictEqual(error.reason._tag, "NotFound")
        const numbers = seen.map(Number)
        assert.deepStrictEqual(
          numbers,
          Array.from(new Set(numbers)).sort((a, b) => a - b)
        )
        assert.deepStrictEqual(numbers.at(-1), 49)
      }).pipe(Effect.provide(layerMemory))
  )

  it.effect("keeps its own bytes: a caller may use its buffer again", () =>
    Effect.gen(function* () {
      const topic = yield* (yield* Broker).topic({ name: "t" })
      const buffer = bytes("first")
      yield* topic.append({ subject: "a", data: buffer })
      buffer.fill(0)
      const [record] = yield* Stream.runCollect(topic.read({ from: "first" }))
      assert.strictEqual(text(record?.data ?? new Uint8Array()), "first")
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("answers those who wait when it is closed", () =>
    Effect.gen(function* () {
      const waiting = yield* Effect.gen(function* () {
        const topic = yield* (yield* Broker).topic({ name: "t" })
        const subscription = yield* topic.subscription({ name: "s" })
        const reader = yield* subscription.reader()
        return yield* Effect.forkDetach(Effect.flip(reader.take(1)), { startImmediately: true })
      }).pipe(Effect.provide(layerMemory), Effect.scoped)
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "Unavailable")
    })
  )
})
