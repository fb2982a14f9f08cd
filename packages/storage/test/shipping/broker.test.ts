import { assert, describe, it } from "@effect/vitest"
import { KeyValue, layerMemory } from "@troupe/broker"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { FileSystem } from "../../src/disk/FileSystem.ts"
import { SimFs } from "../../src/disk/SimFs.ts"
import { Log } from "../../src/log.ts"
import { Ack, Lease, overBroker, Primary, Replica } from "../../src/shipping.ts"
import { recordOf } from "../sim-log.ts"

describe("shipping over a broker", () => {
  it.effect("a replica gets every record of a log, also those of batches larger than a frame", () =>
    Effect.gen(function* () {
      const transport = yield* overBroker({ log: "orders" })
      const log = yield* Log.open({ directory: "/p", durability: "disk", segmentBytes: 1 << 20 })
      const primary = yield* Primary.make({ log, transport, ack: Ack.durable(1) })
      const replica = yield* Replica.open({ directory: "/r", name: "eu west/1", transport })
      log.append({ value: new Uint8Array(1_500_000).fill(7), timeMillis: 1 })
      for (let n = 2; n < 50; n++) log.append(recordOf(n))
      yield* primary.acknowledged(49)
      yield* replica.caughtUp(50)
      const report = yield* replica.report
      assert.deepInclude(report, { durable: 50, lagRecords: 0, unfit: undefined, failure: undefined })
    }).pipe(Effect.scoped, Effect.provide(layerMemory), Effect.provideService(FileSystem, new SimFs(1)))
  )
})

describe("the lease", () => {
  it.effect(
    "one holder at a time; the next one gets a larger epoch; a holder that cannot renew hears of it",
    () =>
      Effect.gen(function* () {
        const store = yield* KeyValue.open({ name: "leases" })
        const lease = (holder: string) => Lease.take({ store, log: "orders", holder, ttl: "3 seconds" })
        const epoch = yield* Effect.scoped(
          Effect.gen(function* () {
            const first = yield* lease("a")
            const refused = yield* Effect.flip(lease("b"))
            assert.strictEqual(refused._tag === "ShippingError" ? refused.reason._tag : "", "LeaseHeld")
            yield* TestClock.adjust("20 seconds")
            const still = yield* Effect.flip(lease("b"))
            assert.include(still.message, "a holds it")
            return first.epoch
          })
        )
        const second = yield* lease("b")
        assert.strictEqual(second.epoch, epoch + 1)
        yield* store.put("orders.lease", new TextEncoder().encode("c"))
        yield* TestClock.adjust("3 seconds")
        const lost = yield* second.lost
        assert.strictEqual(lost.reason._tag, "Fenced")
      }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )
})
