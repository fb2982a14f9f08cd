import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (data: Uint8Array) => new TextDecoder().decode(data)

describe("the memory broker", () => {
  it.effect("appends, reads, follows and hands out under the test clock", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const topic = yield* broker.topic({ name: "t" })
      const follower = yield* Effect.forkChild(
        topic.follow({ from: "first" }).pipe(
          Stream.take(3),
          Stream.map((r) => text(r.data)),
          Stream.runCollect
        )
      )
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
      yield* first[0]!.ack
      const waiting = yield* Effect.forkChild(reader.take(5))
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const again = yield* Fiber.join(waiting)
      assert.deepStrictEqual(
        again.map((d) => [d.record.sequence, d.attempt]),
        [[2, 2]]
      )
      yield* topic.append({ subject: "x.y", data: bytes("c") })
      assert.deepStrictEqual(yield* Fiber.join(follower), ["a", "b", "c"])
      yield* TestClock.adjust("10 seconds")
      const info = yield* subscription.info
      assert.deepStrictEqual(info, {
        name: "s",
        pending: 1,
        ackPending: 0,
        redelivered: 0,
        ackFloor: 2,
        exhausted: [2]
      })
    }).pipe(Effect.provide(layerMemory))
  )
})
