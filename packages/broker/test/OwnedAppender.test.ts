import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Broker } from "../src/Broker.ts"
import { layerMemory } from "../src/MemoryBroker.ts"
import * as Ownership from "../src/Ownership.ts"
import type { OwnershipLost } from "../src/OwnershipLost.ts"
import type { Topic } from "../src/Topic.ts"

const data = new Uint8Array(1)

/** A topic whose every append takes 100 ms, and how many of them were asked for and ran side by side. */
const slowTopic = Effect.gen(function* () {
  const topic = yield* (yield* Broker).topic({ name: "t" })
  const seen = { groups: [] as Array<number>, inside: 0, most: 0 }
  const slowly = <A, E>(size: number, append: Effect.Effect<A, E>) =>
    Effect.gen(function* () {
      seen.groups.push(size)
      seen.most = Math.max(seen.most, ++seen.inside)
      yield* Effect.sleep("100 millis")
      seen.inside--
      return yield* append
    })
  const slow: Topic = {
    ...topic,
    append: (request) => slowly(1, topic.append(request)),
    appendAll: (requests) => slowly(requests.length, topic.appendAll(requests))
  }
  return { slow, seen }
})

const claimed = Effect.gen(function* () {
  const { seen, slow } = yield* slowTopic
  const claiming = yield* Effect.forkChild(
    Effect.flatMap(Ownership.make({ topic: slow, name: "work" }), (work) => work.claim(0))
  )
  yield* TestClock.adjust("100 millis")
  const owned = yield* Fiber.join(claiming)
  seen.groups.length = 0
  return { owned, seen }
})

describe("owned appends", () => {
  it.effect("share one group while another one is in flight, each with its own answer", () =>
    Effect.gen(function* () {
      const { owned, seen } = yield* claimed
      const fibers = yield* Effect.forEach(Array.from({ length: 10 }), (_, i) =>
        Effect.forkChild(owned.append([{ subject: `a.${i}`, data }]), { startImmediately: true })
      )
      yield* TestClock.adjust("100 millis")
      yield* TestClock.adjust("100 millis")
      const answers = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(seen.groups, [1, 9])
      assert.strictEqual(seen.most, 1)
      assert.deepStrictEqual(
        answers.flat(),
        Array.from({ length: 10 }, (_, i) => owned.epoch + 1 + i)
      )
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("with an id or a check of their own go alone; one that is refused fails alone", () =>
    Effect.gen(function* () {
      const { owned, seen } = yield* claimed
      const requests: ReadonlyArray<Ownership.OwnedRecord> = [
        { subject: "first", data },
        { subject: "a", data },
        { subject: "not a subject", data },
        { subject: "b", data },
        { subject: "c", data, messageId: "id" },
        { subject: "d", data, expectLast: 0 },
        { subject: "e", data }
      ]
      const fibers = yield* Effect.forEach(requests, (request) =>
        Effect.forkChild(Effect.exit(owned.append([request])), { startImmediately: true })
      )
      for (let i = 0; i < 12; i++) yield* TestClock.adjust("100 millis")
      const exits: ReadonlyArray<Exit.Exit<ReadonlyArray<number>, unknown>> = yield* Effect.forEach(
        fibers,
        Fiber.join
      )
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, true, false, true, true, true, true])
      // The three together, then each of them for itself; the check takes the claim along.
      assert.deepStrictEqual(seen.groups, [1, 3, 1, 1, 1, 1, 2, 1])
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("one that is interrupted while it waits is not stored, and holds up nobody", () =>
    Effect.gen(function* () {
      const { owned, seen } = yield* claimed
      const append = (subject: string) =>
        Effect.forkChild(owned.append([{ subject, data }]), { startImmediately: true })
      const first = yield* append("a")
      const second = yield* append("b")
      const third = yield* append("c")
      yield* Fiber.interrupt(second)
      yield* TestClock.adjust("100 millis")
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(third)].flat(), [
        owned.epoch + 1,
        owned.epoch + 2
      ])
      assert.deepStrictEqual(seen.groups, [1, 1])
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("a lease that cannot be renewed in its time is lost, though nobody else has it", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      let isDown = false
      const topic = yield* broker.topic({ name: "t" })
      const down = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.suspend(() => (isDown ? Effect.never : effect))
      const work = yield* Ownership.make({ topic, name: "work" }).pipe(
        Effect.provideService(Broker, {
          ...broker,
          topic: (spec) =>
            Effect.map(broker.topic(spec), (store) => ({
              ...store,
              append: (request) => down(store.append(request))
            }))
        })
      )
      const owned = yield* work.claim(0)
      const lost = yield* Effect.forkChild(Effect.flip(owned.lost))
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(lost.pollUnsafe())
      isDown = true
      yield* TestClock.adjust("10 seconds")
      assert.isUndefined(lost.pollUnsafe())
      yield* TestClock.adjust("6 seconds")
      const error: OwnershipLost = yield* Fiber.join(lost)
      assert.strictEqual(error.by, "lease")
      assert.strictEqual(error.epoch, owned.epoch)
      isDown = false
    }).pipe(Effect.provide(layerMemory))
  )
})
