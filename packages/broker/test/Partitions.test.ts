import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { Broker } from "../src/Broker.ts"
import { layerMemory } from "../src/MemoryBroker.ts"
import * as Ownership from "../src/Ownership.ts"
import { OwnershipLost } from "../src/OwnershipLost.ts"
import * as Partitions from "../src/Partitions.ts"

const partitions = 6

const newWork = Effect.flatMap(Broker, (broker) =>
  Effect.flatMap(broker.topic({ name: "t" }), (topic) => Ownership.make({ topic, name: "work" }))
)

/** A process that writes down which partitions it has. */
const member = Effect.gen(function* () {
  const work = yield* newWork
  const has = new Set<number>()
  const fiber = yield* Effect.forkChild(
    Partitions.run({
      ownership: work,
      partitions,
      each: (owned) =>
        Effect.acquireUseRelease(
          Effect.sync(() => has.add(owned.partition)),
          () =>
            owned
              .append([{ subject: `by.${owned.partition}`, data: new Uint8Array(1) }])
              .pipe(Effect.delay("1 second"), Effect.forever),
          () => Effect.sync(() => has.delete(owned.partition))
        )
    })
  )
  return { work, has, fiber }
})

/** Time enough for every notice, not for a lease to end. */
const soon = Effect.forEach([1, 2, 3, 4], () => TestClock.adjust("500 millis"), { discard: true })

describe("the share of a member", () => {
  it("is as equal as can be, and all of them are everything", () => {
    for (let n = 0; n <= 20; n++) {
      for (let members = 1; members <= 8; members++) {
        const shares = Array.from({ length: members }, (_, rank) => Partitions.shareOf(n, members, rank))
        assert.strictEqual(
          shares.reduce((sum, share) => sum + share, 0),
          n
        )
        assert.isAtMost(Math.max(...shares) - Math.min(...shares), 1)
      }
    }
  })
})

describe("members that share partitions out", () => {
  it.effect("have them all between them, each one once, as members come and go", () =>
    Effect.gen(function* () {
      const one = yield* member
      yield* soon
      assert.strictEqual(one.has.size, 6)
      const two = yield* member
      const three = yield* member
      yield* soon
      const held = [one, two, three].map(({ has }) => Array.from(has))
      assert.deepStrictEqual(
        held.map((own) => own.length),
        [2, 2, 2]
      )
      assert.strictEqual(new Set(held.flat()).size, 6)
      yield* Fiber.interrupt(two.fiber)
      yield* soon
      assert.deepStrictEqual([one.has.size, two.has.size, three.has.size].toSorted(), [0, 3, 3])
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("take over from one that died when its leases have run out", () =>
    Effect.gen(function* () {
      const one = yield* member
      // As a killed process leaves it: a member and a partition whose leases nobody renews.
      yield* one.work.leases.put(`${one.work.prefix}.member.zz`, new Uint8Array(1), { ttl: "15 seconds" })
      yield* one.work.leases.put(`${one.work.prefix}.lease.0`, new Uint8Array(1), { ttl: "15 seconds" })
      yield* soon
      assert.strictEqual(one.has.size, 3)
      for (let i = 0; i < 12; i++) yield* TestClock.adjust("1 second")
      assert.strictEqual(one.has.size, 3)
      // The leases have ended by then, and were looked for within a third of their time.
      for (let i = 0; i < 8; i++) yield* TestClock.adjust("1 second")
      assert.strictEqual(one.has.size, 6)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("a partition whose work says that it is lost is claimed again", () =>
    Effect.gen(function* () {
      const work = yield* newWork
      const epochs: Array<number> = []
      const running = yield* Effect.forkChild(
        Partitions.run({
          ownership: work,
          partitions: 1,
          each: ({ epoch, partition }) => {
            epochs.push(epoch)
            const lost = new OwnershipLost({ topic: "t", name: "work", partition, epoch, by: "claimed" })
            return epochs.length < 3 ? Effect.fail(lost) : Effect.never
          }
        })
      )
      yield* soon
      yield* soon
      assert.lengthOf(epochs, 3)
      assert.isUndefined(running.pollUnsafe())
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect(
    "a partition that is lost ends alone, whether its appends or its lease tell; another failure ends all",
    () =>
      Effect.gen(function* () {
        const one = yield* member
        yield* soon
        // Somebody claims without regard to the lease: the next append learns it.
        yield* one.work.leases.purge(`${one.work.prefix}.lease.3`)
        const scope = yield* Scope.make()
        yield* Scope.provide(one.work.claim(3), scope)
        yield* soon
        assert.isFalse(one.has.has(3))
        assert.strictEqual(one.has.size, 5)
        assert.isUndefined(one.fiber.pollUnsafe())
        yield* Scope.close(scope, Exit.void)
        yield* soon
        assert.strictEqual(one.has.size, 6)
        const failing = yield* Effect.forkChild(
          Effect.flip(
            Partitions.run({ ownership: one.work, partitions, each: () => Effect.fail("broken" as const) })
          )
        )
        yield* soon
        assert.strictEqual(yield* Fiber.join(failing), "broken")
      }).pipe(Effect.provide(layerMemory))
  )
})
