import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { FileSystem } from "../../src/disk/FileSystem.ts"
import { SimFs } from "../../src/disk/SimFs.ts"
import { Log } from "../../src/log.ts"
import { AckGroups } from "../../src/shipping/AckGroups.ts"
import { Ack, asEvents, asWal, inProcess, Primary, promote, Replica } from "../../src/shipping.ts"
import { recordOf } from "../sim-log.ts"

const shape = { durability: "disk", segmentBytes: 1500 } as const

describe("a slot", () => {
  it.effect(
    "keeps what its replica needs from retention, up to maxSlotBytes; then the replica begins anew",
    () =>
      Effect.gen(function* () {
        const transport = inProcess()
        const log = yield* Log.open({ directory: "/p", ...shape })
        const primary = yield* Primary.make({ log, transport, maxSlotBytes: 20_000 })
        const life = yield* Scope.make()
        const replica = yield* Replica.open({ directory: "/r", name: "r", transport }).pipe(
          Scope.provide(life)
        )
        const write = Effect.fnUntraced(function* (records: number) {
          for (let n = 0; n < records; n++) yield* primary.append(recordOf(n))
        })
        yield* write(40)
        yield* replica.caughtUp(41)
        yield* TestClock.adjust(500)
        yield* Scope.close(life, Exit.void)

        yield* write(60)
        yield* log.retain({ below: log.endSequence })
        assert.isAtMost(log.firstSequence, 41, "retention took what the slot holds")
        const [held] = yield* primary.replicas
        assert.deepInclude(held, { holdsRetention: true, lagRecords: 60 })
        assert.isAbove(held?.lagBytes ?? 0, 3000)

        yield* write(600)
        yield* log.retain({ below: log.endSequence })
        assert.isAbove(log.firstSequence, 100, "the slot held back more than maxSlotBytes")
        assert.isFalse((yield* primary.replicas)[0]?.holdsRetention)

        const again = yield* Replica.open({ directory: "/r", name: "r", transport })
        yield* TestClock.adjust(2000)
        yield* again.caughtUp(log.endSequence)
        const report = yield* again.report
        assert.strictEqual(report.firstSequence, log.firstSequence)
        assert.deepInclude(report, { durable: 701, state: "streaming", failure: undefined })
        assert.isTrue((yield* primary.replicas)[0]?.holdsRetention)
      }).pipe(Effect.scoped, Effect.provideService(FileSystem, new SimFs(1)))
  )

  it.effect("a directory with another log is refused and left alone", () =>
    Effect.gen(function* () {
      const transport = inProcess()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const other = yield* Log.open({ directory: "/r", ...shape })
          other.append(recordOf(1))
        })
      )
      const log = yield* Log.open({ directory: "/p", ...shape })
      yield* Primary.make({ log, transport })
      const replica = yield* Replica.open({ directory: "/r", name: "r", transport })
      yield* TestClock.adjust(1000)
      const error = yield* Effect.flip(replica.caughtUp(1))
      assert.strictEqual(error.reason._tag, "OtherLog")
      assert.strictEqual((yield* replica.report).received, 2)
    }).pipe(Effect.scoped, Effect.provideService(FileSystem, new SimFs(2)))
  )
})

describe("acknowledgement", () => {
  it.effect("durable(1) does not answer before a replica has it, and one promise answers a group", () =>
    Effect.gen(function* () {
      const transport = inProcess()
      const log = yield* Log.open({ directory: "/p", ...shape })
      const primary = yield* Primary.make({ log, transport, ack: Ack.durable(1) })
      const waiting = yield* Effect.forkChild(primary.append(recordOf(1)))
      yield* TestClock.adjust(10_000)
      assert.isUndefined(waiting.pollUnsafe(), "answered without a replica")
      assert.strictEqual(primary.acknowledgedTo, 0)
      assert.strictEqual(log.endSequence, 2)
      yield* Replica.open({ directory: "/r", name: "r", transport })
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* Fiber.join(waiting), 1)

      const groups = new AckGroups<never>()
      for (let sequence = 1; sequence <= 1000; sequence++) {
        yield* Effect.forkChild(groups.wait(sequence, 1001), { startImmediately: true })
      }
      assert.strictEqual(groups.waiting, 1)
      groups.settle(1000)
      assert.strictEqual(groups.waiting, 1)
      groups.settle(1001)
      assert.strictEqual(groups.waiting, 0)
    }).pipe(Effect.scoped, Effect.provideService(FileSystem, new SimFs(3)))
  )

  it.effect(
    "a replica that serves two levels: received(1) is answered, durable(2) with one replica is not",
    () =>
      Effect.gen(function* () {
        const transport = inProcess()
        const log = yield* Log.open({ directory: "/p", ...shape })
        const primary = yield* Primary.make({ log, transport, ack: Ack.received(1) })
        yield* Replica.open({ directory: "/r", name: "r", transport })
        assert.strictEqual(yield* primary.append(recordOf(1)), 1)
        const strict = yield* Primary.make({ log, transport: inProcess(), ack: Ack.durable(2) })
        const waiting = yield* Effect.forkChild(strict.append(recordOf(2)))
        yield* TestClock.adjust(5000)
        assert.isUndefined(waiting.pollUnsafe())
      }).pipe(Effect.scoped, Effect.provideService(FileSystem, new SimFs(4)))
  )
})

describe("promotion", () => {
  it.effect(
    "with too few replicas fenced, of none with a log, and behind a promised epoch nothing begins",
    () =>
      Effect.gen(function* () {
        const transport = inProcess()
        const lonely = yield* Replica.open({ directory: "/r", name: "r", transport })
        const reason = (effect: Effect.Effect<unknown, unknown, Scope.Scope>) =>
          Effect.map(Effect.flip(effect), (error) => (error as { reason?: { _tag: string } }).reason?._tag)
        assert.strictEqual(yield* reason(lonely.promote()), "Empty")
        const life = yield* Scope.make()
        const log = yield* Log.open({ directory: "/p", ...shape }).pipe(Scope.provide(life))
        const primary = yield* Primary.make({ log, transport, ack: Ack.durable(1) }).pipe(Scope.provide(life))
        yield* TestClock.adjust(2000)
        yield* primary.append(recordOf(1))
        assert.strictEqual(
          yield* reason(promote({ candidates: [lonely], replicas: 2, durable: 1 })),
          "TooFew"
        )
        assert.strictEqual(
          yield* primary.append(recordOf(2)),
          2,
          "a promotion that cannot be deposed the primary"
        )
        // Fenced, the replica tells the primary; and the primary's directory takes no older epoch any more.
        yield* lonely.fence(5)
        yield* TestClock.adjust(5000)
        assert.strictEqual(yield* primary.deposed, 5)
        yield* Scope.close(life, Exit.void)
        const again = yield* Log.open({ directory: "/p", ...shape })
        assert.strictEqual(yield* reason(Primary.make({ log: again, transport })), "Fenced")
        assert.strictEqual((yield* Primary.make({ log: again, transport, epoch: 5 })).epoch, 5)
      }).pipe(Effect.scoped, Effect.provideService(FileSystem, new SimFs(5)))
  )
})

describe("one log, two readings", () => {
  it.effect("the same bytes as events and as a database's log: puts, deletes, chain and epoch", () =>
    Effect.gen(function* () {
      const log = yield* Log.open({ directory: "/p", ...shape })
      const utf8 = new TextEncoder()
      log.appendBatch([
        { key: utf8.encode("a"), value: utf8.encode("1"), timeMillis: 10, subject: "kv" },
        { key: utf8.encode("b"), value: utf8.encode("2"), timeMillis: 11, subject: "kv" },
        { key: utf8.encode("a"), value: new Uint8Array(), tombstone: true, timeMillis: 12, subject: "kv" }
      ])
      yield* log.flush
      log.append({ value: utf8.encode("plain"), timeMillis: 13 })
      yield* log.flush
      const [first, second] = log.read(1, 1 << 20)
      assert.isDefined(first)
      assert.isDefined(second)
      const events = [...asEvents(first as never), ...asEvents(second as never)]
      assert.deepStrictEqual(
        events.map((event) => [event.sequence, event.timeMillis, event.subject]),
        [
          [1, 10, "kv"],
          [2, 11, "kv"],
          [3, 12, "kv"],
          [4, 13, ""]
        ]
      )
      const wal = asWal(first as never)
      assert.deepStrictEqual(
        wal.operations.map((operation) => operation._tag),
        ["Put", "Put", "Delete"]
      )
      const next = asWal(second as never)
      assert.deepStrictEqual(
        next.operations.map((operation) => operation._tag),
        ["Append"]
      )
      assert.deepInclude(wal, { sequence: 1, nextSequence: 4, epoch: 0, syncedTo: 1 })
      assert.strictEqual(next.chain, wal.headerCrc)
      assert.strictEqual(next.syncedTo, 4)
    }).pipe(Effect.scoped, Effect.provideService(FileSystem, new SimFs(6)))
  )
})
