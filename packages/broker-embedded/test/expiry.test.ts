import { assert, describe, it } from "@effect/vitest"
import { Broker, type Topic } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

const data = new Uint8Array(1)

const sequences = (topic: Topic) =>
  topic.read({ from: "first" }).pipe(
    Stream.map((record) => record.sequence),
    Stream.runCollect
  )

describe("time over a restart", () => {
  it.effect("a purge that keeps the last ones counts again what was there then, not what had expired", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const layer = Embedded.layer({ directory, durability: "os" })
      yield* Effect.gen(function* () {
        const topic = yield* (yield* Broker).topic({ name: "t" })
        yield* topic.append({ subject: "a", data })
        yield* topic.append({ subject: "a", data, ttl: "1 second" })
        yield* topic.append({ subject: "a", data })
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* topic.purge({ keep: 2 }), 0)
        assert.deepStrictEqual(yield* sequences(topic), [1, 3])
      }).pipe(Effect.provide(layer, { local: true }))
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* sequences(yield* (yield* Broker).topic({ name: "t" })), [1, 3])
      }).pipe(Effect.provide(layer, { local: true }))
    })
  )

  it.effect("ages, ttls, ids and the delays of retries go on", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const layer = Embedded.layer({ directory, durability: "os" })
      const open = Effect.flatMap(Broker, (broker) =>
        broker.topic({ name: "t", limits: { maxAge: "10 seconds" }, dedupeWindow: "5 seconds" })
      )
      yield* Effect.gen(function* () {
        const topic = yield* open
        yield* topic.append({ subject: "a", data, messageId: "m" })
        yield* topic.append({ subject: "b", data, ttl: "4 seconds" })
        const reader = yield* (yield* topic.subscription({ name: "s" })).reader()
        const [delivery] = yield* reader.take(1)
        yield* delivery?.retry("3 seconds") ?? Effect.void
        yield* TestClock.adjust("2 seconds")
      }).pipe(Effect.scoped, Effect.provide(layer, { local: true }))

      yield* Effect.gen(function* () {
        const topic = yield* open
        const repeat = topic.append({ subject: "a", data, messageId: "m" })
        assert.deepStrictEqual(yield* repeat, { sequence: 1, duplicate: true })
        const reader = yield* (yield* topic.subscription({ name: "s" })).reader({ prefetch: 5 })
        const [fresh] = yield* reader.take(5)
        assert.deepStrictEqual([fresh?.record.sequence, fresh?.attempt], [2, 1])
        const waiting = yield* Effect.forkChild(reader.take(5), { startImmediately: true })
        yield* TestClock.adjust("999 millis")
        assert.isUndefined(waiting.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        const [again] = yield* Fiber.join(waiting)
        assert.deepStrictEqual([again?.record.sequence, again?.attempt], [1, 2])
        assert.deepStrictEqual(yield* sequences(topic), [1, 2])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* sequences(topic), [1])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* repeat, { sequence: 3, duplicate: false })
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(yield* sequences(topic), [3])
      }).pipe(Effect.scoped, Effect.provide(layer, { local: true }))
    })
  )
})
