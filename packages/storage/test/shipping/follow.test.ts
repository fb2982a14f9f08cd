import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { FileSystem } from "../../src/disk/FileSystem.ts"
import { SimFs } from "../../src/disk/SimFs.ts"
import { Log } from "../../src/log.ts"
import { Ack, inProcess, Primary, promote, Replica } from "../../src/shipping.ts"
import { writtenOf } from "../sim-log.ts"

const record = (n: number) => ({
  value: new TextEncoder().encode(`value ${n}`),
  timeMillis: 1_700_000_000_000 + n,
  subject: `orders.${n % 3}`
})

/** The files of a log under `directory`, without those that belong to one node only. */
const filesOf = (fs: SimFs, directory: string): Record<string, string> =>
  Object.fromEntries(
    [...fs.files()]
      .filter(([path]) => path.startsWith(`${directory}/`) && /\.(log|idx)$/.test(path))
      .map(([path, bytes]) => [
        path.slice(directory.length + 1),
        Buffer.from(writtenOf(bytes)).toString("hex")
      ])
  )

describe("following a primary", () => {
  it.effect(
    "two replicas have the primary's files, byte for byte, over rolls; a late one from a snapshot",
    () => {
      const fs = new SimFs(1)
      return Effect.gen(function* () {
        const transport = inProcess()
        const log = yield* Log.open({ directory: "/p", durability: "disk", segmentBytes: 2000 })
        const primary = yield* Primary.make({ log, transport, ack: Ack.durable(1) })
        const one = yield* Replica.open({ directory: "/one", name: "one", transport })
        for (let n = 1; n <= 100; n++) yield* primary.append(record(n))
        assert.strictEqual(primary.acknowledgedTo, 101)
        const two = yield* Replica.open({ directory: "/two", name: "two", transport })
        for (let n = 101; n <= 200; n++) yield* primary.append(record(n))
        yield* one.caughtUp(201)
        yield* two.caughtUp(201)
        yield* TestClock.adjust(1000)
        assert.isAbove(log.raw.segments.length, 3)
        assert.deepStrictEqual(filesOf(fs, "/one"), filesOf(fs, "/p"))
        assert.deepStrictEqual(filesOf(fs, "/two"), filesOf(fs, "/p"))
        const [status] = yield* primary.replicas
        assert.deepInclude(status, {
          name: "one",
          state: "streaming",
          durable: 201,
          lagRecords: 0,
          lagBytes: 0
        })
      }).pipe(Effect.scoped, Effect.provideService(FileSystem, fs))
    }
  )

  it.effect("a deposed primary is cut to the common point, and its lost tail is kept and reported", () => {
    const fs = new SimFs(2)
    return Effect.gen(function* () {
      const transport = inProcess()
      const old = yield* Scope.make()
      const log = yield* Log.open({ directory: "/p", durability: "disk" }).pipe(Scope.provide(old))
      const primary = yield* Primary.make({ log, transport, ack: Ack.durable(1) }).pipe(Scope.provide(old))
      const one = yield* Replica.open({ directory: "/one", name: "one", transport })
      const two = yield* Replica.open({ directory: "/two", name: "two", transport })
      for (let n = 1; n <= 20; n++) yield* primary.append(record(n))
      yield* one.caughtUp(21)
      yield* two.caughtUp(21)

      const promoted = yield* promote({ candidates: [one, two], replicas: 2, durable: 1 })
      assert.strictEqual(promoted.log.endSequence, 21)
      assert.strictEqual(promoted.epoch, 2)
      // The old primary does not know yet: what it appends is on its own disk only.
      log.appendBatch([record(900), record(901)])
      yield* log.flush
      const next = yield* Primary.make({ log: promoted.log, transport, ack: Ack.durable(1) })
      yield* TestClock.adjust(5000)
      const refused = yield* Effect.flip(primary.append(record(902)))
      assert.strictEqual(refused._tag, "ShippingError")
      assert.strictEqual(yield* primary.deposed, 2)
      yield* Scope.close(old, yield* Effect.exit(Effect.void))

      yield* next.append(record(21))
      const back = yield* Replica.open({ directory: "/p", name: "back", transport })
      yield* TestClock.adjust(5000)
      yield* back.caughtUp(22)
      const report = yield* back.report
      assert.strictEqual(report.lostTails.length, 1)
      assert.deepInclude(report.lostTails[0], { fromSequence: 21, toSequence: 23 })
      assert.isAbove(report.lostTails[0]?.bytes ?? 0, 0)
      assert.isTrue(fs.files().has(report.lostTails[0]?.copies[0] ?? ""))
      const chosen = promoted.name === "one" ? "/one" : "/two"
      assert.deepStrictEqual(filesOf(fs, "/p"), filesOf(fs, chosen))
    }).pipe(Effect.scoped, Effect.provideService(FileSystem, fs))
  })
})
