import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Consumer from "../Consumer.ts"
import { type ContractTest, test } from "./ContractTest.ts"
import { ackMany, eventually, fill, newTopic, range, sorted } from "./Scenario.ts"

/** The runner on the port: flow control, heartbeats, giving back. */
export const consumer: ReadonlyArray<ContractTest> = [
  test("consumer-1", "a handler slower than ackWait keeps its record: working is sent by itself", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 3)
      const handled: Array<readonly [number, number]> = []
      yield* Consumer.run({
        topic,
        subscription: { name: "s", ackWait: "2 seconds" },
        // One more than there are records: a redelivery would find room.
        concurrency: 4,
        handle: ({ attempt, record }) =>
          Effect.gen(function* () {
            handled.push([record.sequence, attempt])
            yield* Effect.sleep("5 seconds")
            return Consumer.ack
          })
      }).pipe(Effect.forkChild)
      const subscription = yield* topic.subscription({ name: "s", ackWait: "2 seconds" })
      yield* eventually("all settled", subscription.info, (info) => info.ackFloor === 3)
      assert.deepStrictEqual(handled, [
        [1, 1],
        [2, 1],
        [3, 1]
      ])
    })
  ),

  test("consumer-2", "in flight is what the concurrency says, prefetched records included", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 20)
      const subscription = yield* topic.subscription({ name: "s" })
      let running = 0
      let runningMax = 0
      let aheadMax = 0
      const done: Array<number> = []
      yield* Consumer.run({
        topic,
        subscription: { name: "s" },
        concurrency: 3,
        handle: ({ record }) =>
          Effect.gen(function* () {
            runningMax = Math.max(runningMax, ++running)
            // Not `ackPending`: a server may count an ack that is on its way.
            const { pending } = yield* subscription.info
            aheadMax = Math.max(aheadMax, 20 - pending - done.length)
            yield* Effect.sleep("10 millis")
            running--
            done.push(record.sequence)
            return Consumer.ack
          })
      }).pipe(Effect.forkChild)
      yield* eventually("all settled", subscription.info, (info) => info.ackFloor === 20)
      assert.strictEqual(runningMax, 3)
      assert.isAtMost(aheadMax, 3)
      assert.deepStrictEqual(sorted(done), range(1, 20))
    })
  ),

  test("consumer-3", "an interrupted one ends what it can and gives the rest back at once", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 4)
      const spec = { name: "s", ackWait: "60 seconds" } as const
      const subscription = yield* topic.subscription(spec)
      let started = 0
      const fiber = yield* Consumer.run({
        topic,
        subscription: spec,
        concurrency: 2,
        drainWithin: "300 millis",
        handle: ({ record }) =>
          Effect.suspend(() => {
            started++
            return Effect.as(Effect.sleep(record.sequence === 1 ? "100 millis" : "1 hour"), Consumer.ack)
          })
      }).pipe(Effect.forkChild)
      yield* eventually(
        "two run",
        Effect.sync(() => started),
        (n) => n === 2
      )
      yield* Fiber.interrupt(fiber)
      const reader = yield* subscription.reader({ prefetch: 10 })
      const rest = yield* ackMany(reader, 3)
      assert.deepStrictEqual(sorted(rest.map((d) => d.record.sequence)), [2, 3, 4])
    })
  ),

  test("consumer-4", "a failed handler gets the record again as the policy says", () =>
    Effect.gen(function* () {
      const topic = yield* newTopic()
      yield* fill(topic, 2)
      const seen: Array<string> = []
      yield* Consumer.run({
        topic,
        subscription: { name: "s", maxAckPending: 1 },
        handle: ({ attempt, record }) => {
          seen.push(`${record.sequence}/${attempt}`)
          if (attempt === 1) return Effect.fail("first")
          return attempt === 2 ? Effect.die("second") : Effect.succeed(Consumer.ack)
        },
        onFailure: (_, { record }) =>
          Effect.succeed(record.sequence === 1 ? Consumer.retry("50 millis") : Consumer.reject("no"))
      }).pipe(Effect.forkChild)
      const subscription = yield* topic.subscription({ name: "s", maxAckPending: 1 })
      yield* eventually("all settled", subscription.info, (info) => info.ackFloor === 2)
      assert.deepStrictEqual(seen, ["1/1", "1/2", "1/3", "2/1"])
    })
  )
]
