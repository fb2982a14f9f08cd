import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory, TypedTopic } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

class Placed extends Schema.TaggedClass<Placed>()("Placed", { id: Schema.String, at: Schema.Date }) {}
class Cancelled extends Schema.TaggedClass<Cancelled>()("Cancelled", { id: Schema.String }) {}
const Event = Schema.Union([Placed, Cancelled])

const placed = new Placed({ id: "o-1", at: new Date(1_700_000_000_123) })
const cancelled = new Cancelled({ id: "o-1" })

const open = Effect.gen(function* () {
  const broker = yield* Broker
  return TypedTopic.json(yield* broker.topic({ name: "orders" }), Event)
})

describe("TypedTopic.json", () => {
  it.effect("values read back as they were appended, classes and dates included", () =>
    Effect.gen(function* () {
      const orders = yield* open
      yield* orders.append({ subject: "o-1", value: placed, messageId: "m", headers: { k: "v" } })
      yield* orders.appendAll([{ subject: "o-1", value: cancelled, expectLast: 1 }])
      const records = yield* Stream.runCollect(orders.read({ from: "first" }))
      assert.deepStrictEqual(
        records.map((record) => record.value),
        [placed, cancelled]
      )
      assert.instanceOf(records[0]?.value, Placed)
      assert.deepInclude(records[0], { sequence: 1, subject: "o-1", messageId: "m", headers: { k: "v" } })
      assert.deepStrictEqual(Option.getOrThrow(yield* orders.last("o-1")).value, cancelled)
      assert.isTrue(Option.isNone(yield* orders.last("o-2")))
      const followed = yield* orders.follow({ from: 2 }).pipe(Stream.take(1), Stream.runCollect)
      assert.deepStrictEqual(followed[0]?.value, cancelled)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("a value for later is appended at its moment", () =>
    Effect.gen(function* () {
      const orders = yield* open
      yield* orders.appendAt({ atMillis: 5_000, schedule: "later.o-1", subject: "o-1", value: cancelled })
      yield* TestClock.adjust("4999 millis")
      assert.isTrue(Option.isNone(yield* orders.last("o-1")))
      yield* TestClock.adjust("1 millis")
      const last = Option.getOrThrow(yield* orders.last("o-1"))
      assert.deepStrictEqual(last.value, cancelled)
      assert.strictEqual(last.timeMillis, 5_000)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("the bytes are plain JSON", () =>
    Effect.gen(function* () {
      const orders = yield* open
      yield* orders.append({ subject: "o-1", value: placed })
      const [record] = yield* Stream.runCollect(orders.topic.read({ from: "first" }))
      assert.deepStrictEqual(JSON.parse(new TextDecoder().decode(record?.data)), {
        _tag: "Placed",
        id: "o-1",
        at: "2023-11-14T22:13:20.123Z"
      })
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("a bad record ends the stream after the good ones before it, and is named", () =>
    Effect.gen(function* () {
      const orders = yield* open
      yield* orders.append({ subject: "o-1", value: placed })
      yield* orders.append({ subject: "o-1", value: cancelled })
      const bad = [`{"_tag":"Unheard"}`, "{", `{"_tag":"Placed","id":1}`].map((text) =>
        new TextEncoder().encode(text)
      )
      for (const data of bad) yield* orders.topic.append({ subject: "o-2", data })
      const seen: Array<number> = []
      const error = yield* orders.read({ from: "first" }).pipe(
        Stream.runForEach((record) => Effect.sync(() => seen.push(record.sequence))),
        Effect.flip
      )
      assert.deepStrictEqual(seen, [1, 2])
      assert.strictEqual(error._tag, "UndecodableRecord")
      assert.include(error.message, "record 3 of orders (subject o-2)")
      for (const sequence of [3, 4, 5]) {
        const one = yield* Effect.flip(Stream.runDrain(orders.read({ from: sequence })))
        assert.strictEqual(one._tag === "UndecodableRecord" ? one.sequence : one._tag, sequence)
      }
      const [record] = yield* Stream.runCollect(orders.topic.read({ from: 3, to: 3 }))
      assert.isTrue(record !== undefined && Result.isFailure(orders.decode(record)))
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("a value that does not fit stores nothing, of a group none", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const topic = yield* broker.topic({ name: "numbers" })
      const numbers = TypedTopic.json(topic, Schema.Int)
      for (const append of [
        Effect.asVoid(numbers.append({ subject: "n", value: 1.5 })),
        Effect.asVoid(
          numbers.appendAll([
            { subject: "n", value: 1 },
            { subject: "n", value: 1.5 }
          ])
        )
      ]) {
        assert.strictEqual((yield* Effect.flip(append))._tag, "SchemaError")
      }
      assert.strictEqual((yield* topic.info).records, 0)
    }).pipe(Effect.provide(layerMemory))
  )
})
