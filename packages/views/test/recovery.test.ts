import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Codec, Replay, View, type ViewError, type ViewErrorReason, Views } from "../src/index.ts"
import { outputTopic, stateTopic } from "../src/View.ts"
import { fill, purchaseOf, table, totals, truth } from "./counting.ts"
import { asProcess } from "./killing.ts"

const partitions = 2
const settings = { partitions, chunkRecords: 50, checkpointRecords: 100 }
const view = totals({ every: 2 })

const setUp = Effect.gen(function* () {
  const broker = yield* Broker
  const input = yield* broker.topic({ name: "purchases" })
  yield* fill(input, partitions, 0, 400)
  return { broker, input, options: { ...settings, input } }
})

const sorted = (rows: ReadonlyMap<string, unknown>) => [...rows].sort()
const reasonOf = <A>(effect: Effect.Effect<A, ViewError>) =>
  Effect.map(Effect.flip(effect), (error): ViewErrorReason => error.reason)

describe("a view that starts again", () => {
  it.effect("loads its snapshot and folds only what came after it", () =>
    Effect.gen(function* () {
      const { broker, input, options } = yield* setUp
      yield* asProcess(view, options, broker, (running) => Effect.andThen(running.caughtUp(), running.stop))
      yield* fill(input, partitions, 400, 450)
      const status = yield* asProcess(view, options, broker, (running) =>
        Effect.andThen(running.caughtUp(), running.position)
      )
      assert.deepStrictEqual(
        status.map(({ replayed, snapshot }) => [snapshot, replayed]),
        [
          ["used", 0],
          ["used", 0]
        ]
      )
      assert.strictEqual(
        status.reduce((sum, { records }) => sum + records, 0),
        450
      )
      assert.deepStrictEqual(sorted(yield* Views.rows(view, table)), sorted(truth(450, 2)))
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("loses only time when all snapshots are lost", () =>
    Effect.gen(function* () {
      const { broker, options } = yield* setUp
      yield* asProcess(view, options, broker, (running) => running.caughtUp())
      const before = yield* Replay.outputDigests(view)
      yield* broker.deleteTopic(stateTopic(view))
      const status = yield* asProcess(view, options, broker, (running) =>
        Effect.andThen(running.caughtUp(), running.position)
      )
      assert.deepStrictEqual(
        status.map(({ snapshot }) => snapshot),
        ["none", "none"]
      )
      assert.strictEqual(
        status.reduce((sum, { replayed }) => sum + replayed, 0),
        400
      )
      assert.deepStrictEqual(yield* Replay.outputDigests(view), before)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("does not load a snapshot whose bytes are damaged", () =>
    Effect.gen(function* () {
      const { broker, options } = yield* setUp
      yield* asProcess(view, options, broker, (running) => Effect.andThen(running.caughtUp(), running.stop))
      const before = yield* Replay.outputDigests(view)
      const state = yield* broker.topic({ name: stateTopic(view) })
      yield* state.purge({ filter: "c.0" })
      const status = yield* asProcess(view, options, broker, (running) =>
        Effect.andThen(running.caughtUp(), running.position)
      )
      assert.deepStrictEqual(
        status.map(({ snapshot }) => snapshot),
        ["damaged", "used"]
      )
      assert.deepStrictEqual(yield* Replay.outputDigests(view), before)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect(
    "keeps a state that is larger than a record in several chunks, and drops those of older snapshots",
    () =>
      Effect.gen(function* () {
        const { broker, input } = yield* setUp
        const large = View.define<Uint8Array, number>({
          name: "large",
          version: 1,
          initial: () => new Uint8Array(1_200_000),
          fold: (state, chunk) => {
            for (const record of chunk) {
              const at = (record.sequence * 7919) % state.length
              state[at] = (state[at] ?? 0) + 1
            }
            return { state, outputs: [chunk.length] }
          },
          state: Codec.make({ encode: (state) => state, decode: (bytes) => bytes.slice() }),
          output: Codec.plainJson()
        })
        const options = { ...settings, input }
        yield* asProcess(large, options, broker, (running) =>
          Effect.andThen(running.caughtUp(), running.stop)
        )
        yield* fill(input, partitions, 400, 410)
        const status = yield* asProcess(large, options, broker, (running) =>
          Effect.andThen(Effect.andThen(running.caughtUp(), running.position), (status) =>
            Effect.as(running.stop, status)
          )
        )
        assert.deepStrictEqual(
          status.map(({ replayed, snapshot }) => [snapshot, replayed]),
          [
            ["used", 0],
            ["used", 0]
          ]
        )
        const info = yield* (yield* broker.topic({ name: stateTopic(large) })).info
        // Two partitions with one pointer and three chunks each.
        assert.strictEqual(info.records, 8)
      }).pipe(Effect.provide(layerMemory))
  )

  it.effect("rebuilds when its output topic was deleted, though snapshots are there", () =>
    Effect.gen(function* () {
      const { broker, options } = yield* setUp
      yield* asProcess(view, options, broker, (running) => Effect.andThen(running.caughtUp(), running.stop))
      yield* broker.deleteTopic(outputTopic(view))
      const status = yield* asProcess(view, options, broker, (running) =>
        Effect.andThen(running.caughtUp(), running.position)
      )
      assert.deepStrictEqual(
        status.map(({ snapshot }) => snapshot),
        ["other", "other"]
      )
      assert.deepStrictEqual(sorted(yield* Views.rows(view, table)), sorted(truth(400, 2)))
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("refuses the outputs of another code version under its name and version", () =>
    Effect.gen(function* () {
      const { broker, options } = yield* setUp
      yield* asProcess(view, options, broker, (running) => running.caughtUp())
      const other = totals({ every: 2, codeVersion: "2" })
      const reason = yield* reasonOf(asProcess(other, options, broker, (running) => running.caughtUp()))
      assert.deepStrictEqual(
        { ...reason },
        { _tag: "Foreign", where: "output", expected: other.digest, found: view.digest }
      )
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("refuses the snapshot of another code version, also where the outputs are gone", () =>
    Effect.gen(function* () {
      const { broker, options } = yield* setUp
      yield* asProcess(view, options, broker, (running) => Effect.andThen(running.caughtUp(), running.stop))
      yield* broker.deleteTopic(outputTopic(view))
      const other = totals({ every: 2, codeVersion: "2" })
      const reason = yield* reasonOf(asProcess(other, options, broker, (running) => running.caughtUp()))
      assert.deepStrictEqual(
        { ...reason },
        { _tag: "Foreign", where: "snapshot", expected: other.digest, found: view.digest }
      )
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("stops when changed code answers differently under the same digest", () =>
    Effect.gen(function* () {
      const { broker, options } = yield* setUp
      yield* asProcess(view, options, broker, (running) => running.caughtUp())
      const before = yield* Replay.outputDigests(view)
      yield* broker.deleteTopic(stateTopic(view))
      // `factor` is code, not config: the digest does not show it.
      const changed = totals({ every: 2, factor: 2 })
      assert.strictEqual(changed.digest, view.digest)
      const reason = yield* reasonOf(asProcess(changed, options, broker, (running) => running.caughtUp()))
      assert.strictEqual(reason._tag, "NotDeterministic")
      assert.deepStrictEqual(yield* Replay.outputDigests(view), before)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("stops when the input that it folded is gone", () =>
    Effect.gen(function* () {
      const { broker, input, options } = yield* setUp
      yield* asProcess(view, options, broker, (running) => running.caughtUp())
      yield* broker.deleteTopic(stateTopic(view))
      yield* input.purge({ below: 11 })
      const reason = yield* reasonOf(asProcess(view, options, broker, (running) => running.caughtUp()))
      assert.strictEqual(reason._tag, "InputMissing")
      yield* input.purge({})
      const empty = yield* reasonOf(asProcess(view, options, broker, (running) => running.caughtUp()))
      assert.strictEqual(empty._tag, "InputMissing")
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("needs only the input after its snapshot", () =>
    Effect.gen(function* () {
      const { broker, input, options } = yield* setUp
      yield* asProcess(view, options, broker, (running) => Effect.andThen(running.caughtUp(), running.stop))
      yield* input.purge({ below: 401 })
      yield* fill(input, partitions, 400, 450)
      yield* asProcess(view, options, broker, (running) => running.caughtUp())
      assert.deepStrictEqual(sorted(yield* Views.rows(view, table)), sorted(truth(450, 2)))
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect(
    "folds the chunks of the live end again as they were cut, even with a fold that sees the cuts",
    () =>
      Effect.gen(function* () {
        const broker = yield* Broker
        const input = yield* broker.topic({ name: "purchases" })
        // Against the law of folds: says how long its chunks are, and nothing for odd ones.
        const lawless = View.define<number, number>({
          name: "lawless",
          version: 1,
          initial: () => 0,
          fold: (state, chunk) => ({
            state: state + 1,
            outputs: chunk.length % 2 === 0 ? [chunk.length, state] : []
          }),
          state: Codec.plainJson(),
          output: Codec.plainJson()
        })
        const options = { input, partitions: 1, chunkRecords: 50 }
        yield* asProcess(lawless, options, broker, (running) =>
          Effect.forEach([3, 5, 2, 7, 4, 60, 1, 6], (length) =>
            Effect.gen(function* () {
              const { lastSequence } = yield* input.info
              yield* fill(input, 1, lastSequence, lastSequence + length)
              yield* running.caughtUp()
            })
          )
        )
        const before = yield* Replay.outputDigests(lawless)
        assert.isAbove(before[0]?.outputs ?? 0, 4)
        const status = yield* asProcess(lawless, options, broker, (running) =>
          Effect.andThen(running.caughtUp(), running.position)
        )
        assert.strictEqual(status[0]?.replayed, 88)
        assert.deepStrictEqual(yield* Replay.outputDigests(lawless), before)
      }).pipe(Effect.provide(layerMemory))
  )

  it.effect("stops at a fold that throws, and commits nothing of that chunk", () =>
    Effect.gen(function* () {
      const { broker, input } = yield* setUp
      const throwing = View.define<null, string>({
        name: "throwing",
        version: 1,
        initial: () => null,
        fold: (state, chunk) => ({
          state,
          outputs: chunk.map((record) => {
            if (record.sequence === 333) throw new Error("cannot read this")
            return purchaseOf(record).customer
          })
        }),
        state: Codec.plainJson(),
        output: Codec.plainJson()
      })
      const error = yield* Effect.flip(
        asProcess(throwing, { ...settings, input }, broker, (running) => running.caughtUp())
      )
      assert.match(error.message, /FoldFailed.*cannot read this/)
      const output = yield* broker.topic({ name: outputTopic(throwing) })
      const records = yield* Stream.runCollect(output.read({ from: "first" }))
      const [culprit] = yield* Stream.runCollect(input.read({ from: 333, limit: 1 }))
      const committed = records.filter(({ subject }) => culprit?.subject.startsWith(subject))
      assert.isAbove(committed.length, 0)
      assert.isBelow(Math.max(...committed.map((record) => Number(record.headers["in"]))), 333)
      const verified = yield* Replay.verify(throwing, { input, partitions, chunkRecords: 50 })
      assert.isTrue(verified.replayEqualsLive)
    }).pipe(Effect.provide(layerMemory))
  )
})
