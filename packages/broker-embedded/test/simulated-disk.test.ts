import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker, BrokerError, type TopicRecord } from "@troupe/broker"
import { makeLocalBroker } from "@troupe/broker/backend"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { makeFileStorage } from "../src/FileStorage.ts"
import { type DiskFaults, LogDisk, LossyDisk } from "./LossyDisk.ts"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

const utf8 = new TextEncoder()
const text = (record: TopicRecord) => new TextDecoder().decode(record.data)

/** What was answered before the disk failed. */
interface Told {
  readonly tried: Set<string>
  readonly stored: Map<string, number>
  readonly deleting: Set<number>
  readonly deleted: Set<number>
  /** Asked for; it may have been kept. */
  readonly acked: Set<number>
  readonly confirmed: Set<number>
  isOpened: boolean
  isSubscribed: boolean
  isUpdated: boolean
}

const nothingTold = (): Told => ({
  tried: new Set(),
  stored: new Map(),
  deleting: new Set(),
  deleted: new Set(),
  acked: new Set(),
  confirmed: new Set(),
  isOpened: false,
  isSubscribed: false,
  isUpdated: false
})

/** The broker of class disk with small files, on this disk; the subscriptions' logs are written anew every few entries. */
const layerOn = (directory: string, disk: LossyDisk) =>
  Layer.effect(
    Broker,
    Effect.gen(function* () {
      const storage = yield* makeFileStorage({
        directory,
        durability: "disk",
        segmentBytes: 600,
        compactAfter: 6
      })
      return yield* makeLocalBroker(storage, { backend: "embedded", durability: "disk" })
    })
  ).pipe(Layer.provide(Layer.succeed(LogDisk, disk)))

const spec = { name: "s", ackWait: "1 minute" } as const

/** Appends, groups, deletes, takes, settles and changes; stops at the first failure, which must be a typed one. */
const work = (told: Told) =>
  Effect.gen(function* () {
    const topic = yield* (yield* Broker).topic({ name: "t" })
    told.isOpened = true
    const subscription = yield* topic.subscription(spec)
    told.isSubscribed = true
    const reader = yield* subscription.reader({ prefetch: 100 })
    let n = 0
    const append = Effect.gen(function* () {
      const names = [`r.${++n}`, `r.${++n}`]
      for (const name of names) told.tried.add(name)
      const sequences = yield* topic.appendAll(
        names.map((name) => ({ subject: "a", data: utf8.encode(name), headers: { name } }))
      )
      names.forEach((name, i) => {
        told.stored.set(name, sequences[i] ?? 0)
      })
    })
    for (let round = 0; round < 6; round++) {
      yield* append
      yield* append
      const [one, two, three, four] = yield* reader.take(4)
      if (one !== undefined) told.acked.add(one.record.sequence)
      yield* one?.ackConfirmed ?? Effect.void
      if (one !== undefined) told.confirmed.add(one.record.sequence)
      if (two !== undefined) told.acked.add(two.record.sequence)
      yield* two?.ack ?? Effect.void
      yield* three?.retry("1 hour") ?? Effect.void
      if (four !== undefined && round % 2 === 0) {
        told.deleting.add(four.record.sequence)
        yield* topic.delete(four.record.sequence)
        told.deleted.add(four.record.sequence)
      }
      if (round === 3) {
        yield* subscription.update({ maxDeliver: 9 })
        told.isUpdated = true
      }
    }
  }).pipe(Effect.scoped)

/** On a disk that fails so; answers what was told and how many calls there were. */
const failing = Effect.fnUntraced(function* (directory: string, faults: DiskFaults) {
  const disk = new LossyDisk(faults)
  const told = nothingTold()
  const exit = yield* Effect.exit(
    Effect.provide(work(told), layerOn(directory, disk), { local: true }).pipe(Effect.timeout("20 seconds"))
  )
  if (exit._tag === "Failure") {
    for (const reason of exit.cause.reasons) {
      const error = reason._tag === "Fail" ? reason.error : reason
      assert.instanceOf(error, BrokerError, `call ${disk.calls}: ${JSON.stringify(reason)}`)
      if (error instanceof BrokerError) assert.include(["StorageFailed", "Unknown"], error.reason._tag)
    }
  }
  return { disk, told }
})

/** What is there on a sound disk afterwards, against what was told. */
const verify = (directory: string, told: Told) =>
  Effect.gen(function* () {
    const topic = yield* (yield* Broker).topic({ name: "t" })
    const records = yield* Stream.runCollect(topic.read({ from: "first" }))
    const stored = new Map(records.map((record) => [text(record), record.sequence]))
    for (const record of records) {
      assert.isTrue(told.tried.has(text(record)), `${text(record)} was never appended`)
      assert.deepStrictEqual(record.headers, { name: text(record) })
      assert.isFalse(told.deleted.has(record.sequence), `${record.sequence} was deleted and is back`)
    }
    for (const [name, sequence] of told.stored) {
      if (!told.deleting.has(sequence))
        assert.strictEqual(stored.get(name), sequence, `${name} was acknowledged`)
    }
    const numbers = records.map((record) => Number(text(record).slice(2)))
    assert.deepStrictEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      "order"
    )
    if (!told.isSubscribed) return
    // An update that was answered holds; one that was not may hold.
    const subscription = yield* topic
      .subscription(told.isUpdated ? { ...spec, maxDeliver: 9 } : spec)
      .pipe(
        Effect.catchReason("BrokerError", "SpecMismatch", () =>
          told.isUpdated || told.confirmed.size < 4
            ? Effect.die("the specification is another one")
            : topic.subscription({ ...spec, maxDeliver: 9 })
        )
      )
    const reader = yield* subscription.reader({ prefetch: 100 })
    const seen = new Set<number>()
    for (;;) {
      const { ackPending, pending } = yield* subscription.info
      if (pending === 0 && ackPending === 0) break
      const taken = yield* Effect.timeoutOption(reader.take(100), "100 millis")
      // What is left waits for its hour.
      if (taken._tag === "None") break
      for (const delivery of taken.value) {
        const { sequence } = delivery.record
        assert.isFalse(told.confirmed.has(sequence), `${sequence} was confirmed and came again`)
        seen.add(sequence)
        yield* delivery.ack
      }
    }
    const { ackPending } = yield* subscription.info
    const missing = records.filter(
      ({ sequence }) => !seen.has(sequence) && !told.confirmed.has(sequence) && !told.acked.has(sequence)
    )
    assert.isAtMost(missing.length, ackPending, "nothing unsettled is forgotten")
  }).pipe(Effect.scoped, Effect.provide(layerOn(directory, new LossyDisk()), { local: true }))

const calls = Effect.scoped(
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const { disk, told } = yield* failing(directory, {})
    assert.strictEqual(told.stored.size, 24)
    assert.isTrue(told.isUpdated)
    assert.isAbove(disk.calls, 100)
    yield* verify(directory, told)
    return disk.calls
  })
)

/** Every n-th call in the long run, a few of them in the quick one, spread over the whole. */
const points = (all: number) => {
  const step = Math.max(1, Math.floor(all / count({ quick: 20, long: 100_000 })))
  return Array.from({ length: Math.ceil(all / step) }, (_, i) => 1 + i * step + (firstSeed() % step)).filter(
    (n) => n <= all
  )
}

describe("a disk that fails under topics and subscriptions", () => {
  for (const code of ["EIO", "ENOSPC"] as const) {
    it.live(
      `${code} at any call is a typed failure, and what was acknowledged is there afterwards`,
      () =>
        Effect.gen(function* () {
          for (const failAt of points(yield* calls)) {
            yield* Effect.scoped(
              Effect.gen(function* () {
                const directory = yield* temporaryDirectory
                const { told } = yield* failing(directory, { failAt, code })
                yield* verify(directory, told)
              })
            ).pipe(Effect.onError(() => Effect.logError(`failAt ${failAt}`)))
          }
        }),
      count({ quick: 60_000, long: 600_000 })
    )
  }

  it.live(
    "a power cut at any call loses nothing of class disk, whatever it tears, drops or reorders",
    () =>
      Effect.gen(function* () {
        for (const cutAt of points(yield* calls)) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              const directory = yield* temporaryDirectory
              const { disk, told } = yield* failing(directory, { cutAt })
              for (const seed of [cutAt, cutAt + 1_000]) {
                const after = path.join(yield* temporaryDirectory, "after")
                disk.restore(directory, after, seed)
                yield* verify(after, told).pipe(Effect.onError(() => Effect.logError(`seed ${seed}`)))
              }
            })
          ).pipe(Effect.onError(() => Effect.logError(`cutAt ${cutAt}`)))
        }
      }),
    count({ quick: 60_000, long: 600_000 })
  )
})
