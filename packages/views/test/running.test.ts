import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory, type ReadOptions, type Topic } from "@troupe/broker"
import { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Outputs, Replay, Table, TableDiff, TableDigest, Views } from "../src/index.ts"
import { fill, purchase, request, table, totals, truth } from "./counting.ts"
import { asProcess, killer, topicsOf } from "./killing.ts"

const partitions = 4
const layer = Layer.mergeAll(layerMemory, ActorSystem.layer)
const local = Effect.provide(layer, { local: true })

const setUp = (events: number) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const input = yield* broker.topic({ name: "purchases" })
    yield* fill(input, partitions, 0, events)
    return { broker, input, options: { input, partitions, chunkRecords: 32 } }
  })
const sorted = (rows: ReadonlyMap<string, unknown>) => [...rows].sort()

describe("a running view", () => {
  it.effect("is one actor a partition, as the inspection stream shows", () =>
    Effect.gen(function* () {
      const { options } = yield* setUp(200)
      const system = yield* ActorSystem
      const events = yield* Effect.forkChild(
        system.inspection.pipe(
          Stream.takeUntil((event) => event._tag === "Stopped" && event.id === "p.3"),
          Stream.runCollect
        ),
        { startImmediately: true }
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const running = yield* Views.run(totals({}), options)
          assert.strictEqual(running.actor, "views/totals@1")
          yield* running.caughtUp()
          yield* running.stop
        })
      )
      const seen = yield* Fiber.join(events)
      const spawned = seen
        .filter((event) => event._tag === "Spawned")
        .map(({ actor, id }) => `${actor}/${id}`)
      assert.deepStrictEqual(spawned.sort(), [
        "views/totals@1/p.0",
        "views/totals@1/p.1",
        "views/totals@1/p.2",
        "views/totals@1/p.3"
      ])
      const received = seen.flatMap((event) =>
        event._tag === "Received" && event.id === "p.1" ? [event.message._tag] : []
      )
      assert.deepStrictEqual([received[0], received[1], received.at(-1)], ["Start", "ChunkArrived", "Stop"])
      assert.isFalse(seen.some((event) => event._tag === "Failed" || event._tag === "DeadLettered"))
    }).pipe(local)
  )

  it.effect("runs version 2 beside version 1, and the difference is the one that the versions make", () =>
    Effect.gen(function* () {
      const { input, options } = yield* setUp(300)
      const [v1, v2] = [totals({ every: 2 }), totals({ every: 3, version: 2 })]
      const one = yield* Views.run(v1, options)
      yield* one.caughtUp()
      const before = yield* Replay.outputDigests(v1)
      const two = yield* Views.run(v2, options)
      yield* fill(input, partitions, 300, 500)
      yield* one.caughtUp()
      yield* two.caughtUp()
      const [rows1, rows2] = [yield* Views.rows(v1, table), yield* Views.rows(v2, table)]
      assert.deepStrictEqual(sorted(rows1), sorted(truth(500, 2)))
      assert.deepStrictEqual(sorted(rows2), sorted(truth(500, 3)))

      const expected = sorted(truth(500, 2)).filter(
        ([key, row]) => JSON.stringify(row) !== JSON.stringify(truth(500, 3).get(key as string))
      )
      const diff = TableDiff.diff(rows1, rows2, { examples: 100 })
      assert.isFalse(diff.equal)
      assert.deepStrictEqual(
        [...diff.changed.examples],
        expected.map(([key]) => key)
      )
      assert.deepStrictEqual([diff.added.count, diff.removed.count], [0, 0])
      // Version 1 went on where it was: what it had committed before is still the beginning of what it committed.
      const at300 = yield* Views.rows(v1, table, { through: 300 })
      assert.deepStrictEqual(sorted(at300), sorted(truth(300, 2)))
      assert.isTrue(before.every((lane) => lane.inSequence <= 300))
    }).pipe(Effect.scoped, local)
  )

  it.effect("replays from the beginning in a namespace of its own, and in memory, to equal outputs", () =>
    Effect.gen(function* () {
      const { input, options } = yield* setUp(0)
      const view = totals({ every: 2 })
      const live = yield* Views.run(view, options)
      // Live: many short chunks.
      for (let at = 0; at < 400; at += 20) {
        yield* fill(input, partitions, at, at + 20)
        yield* live.caughtUp()
      }
      const again = yield* Views.run(view, { ...options, namespace: "again", chunkRecords: 64 })
      assert.strictEqual(again.outputTopic, "totals-v1-again")
      yield* again.caughtUp()
      const digests = (lanes: ReadonlyArray<Replay.OutputDigest>) =>
        lanes.map(({ digest, outputs, partition }) => ({ partition, outputs, digest }))
      const stored = digests(yield* Replay.outputDigests(view))
      assert.deepStrictEqual(digests(yield* Replay.outputDigests(view, { namespace: "again" })), stored)
      const memory = yield* Replay.replay(view, { input, partitions, table, chunkRecords: 7 })
      assert.deepStrictEqual(digests(memory.partitions), stored)
      assert.strictEqual(
        TableDigest.canonical(memory.rows),
        TableDigest.canonical(yield* Views.rows(view, table))
      )
      assert.deepStrictEqual(yield* Replay.verify(view, { input, partitions }), {
        replayEqualsLive: true,
        outputs: stored.reduce((sum, { outputs }) => sum + outputs, 0),
        differences: []
      })
    }).pipe(Effect.scoped, local)
  )

  it.effect("verify names the partitions whose replay differs from what is stored", () =>
    Effect.gen(function* () {
      const { input, options } = yield* setUp(200)
      const running = yield* Views.run(totals({ every: 2 }), options)
      yield* running.caughtUp()
      const changed = totals({ every: 2, factor: 3 })
      const verified = yield* Replay.verify(changed, { input, partitions })
      assert.isFalse(verified.replayEqualsLive)
      assert.deepStrictEqual(
        verified.differences.map(({ partition }) => partition),
        [0, 1, 2, 3]
      )
    }).pipe(Effect.scoped, local)
  )

  it.effect(
    "commits a chunk whose outputs do not fit into one record in several, also when it is killed between them",
    () =>
      Effect.gen(function* () {
        // 32 outputs of about 60 kB: four records of at most 512 KiB each.
        const view = totals({ padding: 60_000 })
        const run = (at: number) =>
          Effect.gen(function* () {
            const { broker, input } = yield* setUp(64)
            const options = { input, partitions, only: [1], chunkRecords: 32 }
            const deadly = killer(broker, topicsOf(view), at, "after")
            yield* asProcess(view, options, deadly.broker, (running) => running.caughtUp()).pipe(
              Effect.raceFirst(deadly.killed)
            )
            yield* asProcess(view, options, broker, (running) => running.caughtUp())
            const commits = yield* Stream.runCollect(Outputs.read(view))
            return commits.map(({ commit, payload }) => ({ ...commit, bytes: payload.length }))
          }).pipe(local)
        const undisturbed = yield* run(1_000)
        assert.isAbove(undisturbed[0]?.parts ?? 0, 2)
        assert.deepStrictEqual(
          undisturbed.slice(0, undisturbed[0]?.parts).map(({ part }) => part),
          Array.from({ length: undisturbed[0]?.parts ?? 0 }, (_, index) => index + 1)
        )
        for (const { bytes } of undisturbed) assert.isAtMost(bytes, 512 * 1024)
        for (let at = 1; at <= undisturbed.length; at++) {
          assert.deepStrictEqual(yield* run(at), undisturbed, `killed after write ${at}`)
        }
      })
  )

  it.effect("waits for a sequence that is not there yet, and passes records that are on no partition", () =>
    Effect.gen(function* () {
      const { input, options } = yield* setUp(10)
      const running = yield* Views.run(totals({}), options)
      const waiting = yield* Effect.forkChild(running.caughtUp(12), { startImmediately: true })
      yield* input.append(request(purchase(10), partitions))
      yield* running.caughtUp()
      assert.strictEqual(waiting.pollUnsafe(), undefined)
      yield* input.append({ subject: "other", data: new Uint8Array() })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
    }).pipe(Effect.scoped, local)
  )

  it.effect("says how far it is, and ends at the total", () =>
    Effect.gen(function* () {
      const { options } = yield* setUp(500)
      const running = yield* Views.run(totals({}), options)
      yield* running.caughtUp()
      const samples = yield* Effect.forkChild(Stream.runCollect(Stream.take(running.progress("1 second"), 3)))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual((yield* Fiber.join(samples)).at(-1), {
        done: 500,
        total: 500,
        ratePerSecond: 0,
        etaMillis: 0
      })
    }).pipe(Effect.scoped, local)
  )

  it.effect("stops saying how far it is when it has failed, and says why", () =>
    Effect.gen(function* () {
      const { input, options } = yield* setUp(10)
      const running = yield* Views.run(totals({}), options)
      const before = yield* Effect.forkChild(Effect.flip(Stream.runDrain(running.progress("1 second"))))
      yield* running.caughtUp()
      yield* input.append({ subject: "p.9", data: new Uint8Array() })
      yield* Effect.flip(running.failure)
      const after = yield* Effect.forkChild(Effect.flip(Stream.runDrain(running.progress("1 second"))))
      yield* TestClock.adjust("3 seconds")
      for (const fiber of [before, after])
        assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "NoSuchPartition")
    }).pipe(Effect.scoped, local)
  )

  it.effect("runs only the partitions that it is given", () =>
    Effect.gen(function* () {
      const { broker, input, options } = yield* setUp(300)
      const view = totals({})
      yield* asProcess(view, { ...options, only: [1, 3] }, broker, (running) => running.caughtUp())
      assert.deepStrictEqual(
        (yield* Replay.outputDigests(view)).map(({ partition }) => partition),
        [1, 3]
      )
      yield* asProcess(view, { ...options, only: [0, 2] }, broker, (running) => running.caughtUp())
      assert.isTrue((yield* Replay.verify(view, { input, partitions })).replayEqualsLive)
      assert.deepStrictEqual(sorted(yield* Views.rows(view, table)), sorted(truth(300, 1)))
    }).pipe(local)
  )

  it.effect("stops at a record of a partition that it was not told of", () =>
    Effect.gen(function* () {
      const { options } = yield* setUp(100)
      const running = yield* Views.run(totals({}), { ...options, partitions: 2 })
      const error = yield* Effect.flip(running.caughtUp())
      assert.strictEqual(error.reason._tag, "NoSuchPartition")
    }).pipe(Effect.scoped, local)
  )

  it.effect("reads nothing twice at a restart because a partition was quiet", () =>
    Effect.gen(function* () {
      const { broker, input } = yield* setUp(0)
      const view = totals({})
      // All on partition 0.
      for (let index = 0; index < 100; index++) {
        yield* input.append({ ...request(purchase(index), 1), subject: "p.0.x" })
      }
      const options = { input, partitions, chunkRecords: 32 }
      yield* asProcess(view, options, broker, (running) => Effect.andThen(running.caughtUp(), running.stop))
      let records = 0
      const counted: Topic = {
        ...input,
        read: (options: ReadOptions) => Stream.tap(input.read(options), () => Effect.sync(() => records++))
      }
      yield* asProcess(view, { ...options, input: counted }, broker, (running) => running.caughtUp())
      assert.strictEqual(records, 0)
    }).pipe(local)
  )

  it.effect("says that it was stopped to whoever waits for it", () =>
    Effect.gen(function* () {
      const { options } = yield* setUp(10)
      const running = yield* Views.run(totals({}), options)
      const waiting = yield* Effect.forkChild(Effect.flip(running.caughtUp(99)), { startImmediately: true })
      yield* running.stop
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "Stopped")
      assert.strictEqual((yield* Effect.flip(running.checkpoint)).reason._tag, "Stopped")
      // And the same version may run again at once.
      const again = yield* Views.run(totals({}), options)
      yield* again.caughtUp()
    }).pipe(Effect.scoped, local)
  )

  it.effect("feeds a live table from its output topic", () =>
    Effect.gen(function* () {
      const { input, options } = yield* setUp(50)
      const view = totals({})
      const live = Table.make(table)
      const running = yield* Views.run(view, options)
      yield* Outputs.follow(view).pipe(
        Stream.runForEach((committed) => Effect.sync(() => live.apply(Outputs.decode(view, committed)))),
        Effect.forkScoped
      )
      yield* fill(input, partitions, 50, 120)
      yield* running.caughtUp()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(sorted(live.rows), sorted(truth(120, 1)))
    }).pipe(Effect.scoped, local)
  )
})
