import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory, type Topic, type TopicRecord } from "@troupe/broker"
import { Codec, Replay, View } from "@troupe/views"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Archive, History } from "../src/index.ts"
import { columns, directory, fill, likeOf } from "./feed.ts"

const partitions = 3

const collect = <E>(records: Stream.Stream<TopicRecord, E>) =>
  Effect.map(Stream.runCollect(records), (all) =>
    all.map((record) => ({ ...record, data: [...record.data] }))
  )

/** A topic with 200 records before and after retention deleted the first 150 of them, and its archive. */
const trimmed = Effect.gen(function* () {
  const broker = yield* Broker
  const topic = yield* broker.topic({ name: "likes" })
  yield* fill(topic, partitions, 0, 200)
  const before = yield* collect(topic.read({ from: 1 }))
  const where = path.join(yield* directory, "archive")
  const archive = yield* Archive.open({ topic, directory: where, columns, segmentRecords: 70 })
  yield* archive.run()
  yield* archive.verify
  return { archive, before, topic, where }
})

describe("History", () => {
  it.effect("reads every record as it was, whatever retention deleted", () =>
    Effect.gen(function* () {
      const { archive, before, topic, where } = yield* trimmed
      for (const below of [1, 2, 71, 151, 201]) {
        yield* archive.trim({ below })
        assert.deepStrictEqual(
          yield* collect(History.read({ topic, archive: where })),
          before,
          `below ${below}`
        )
        const part = yield* collect(
          History.read({ topic, archive: where, from: 60, to: 160, filters: ["p.1"] })
        )
        assert.deepStrictEqual(
          part,
          before.filter(({ sequence, subject }) => sequence >= 60 && sequence <= 160 && subject === "p.1"),
          `below ${below}`
        )
      }
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("rebuilds a view from the first event after retention deleted it", () =>
    Effect.gen(function* () {
      const { archive, topic, where } = yield* trimmed
      const view = View.define<{ [tag: string]: number }, never>({
        name: "weights",
        version: 1,
        initial: () => ({}),
        fold: (state, chunk) => {
          for (const record of chunk) {
            const { tag, weight } = likeOf(record)
            state[tag] = (state[tag] ?? 0) + weight
          }
          return { state, outputs: [] }
        },
        state: Codec.plainJson(),
        output: Codec.plainJson()
      })
      const states = (input: Topic) =>
        Effect.map(Replay.replay(view, { input, partitions }), (replayed) =>
          replayed.partitions.map(({ records, state }) => ({ records, state }))
        )
      const expected = yield* states(topic)
      yield* archive.trim({ below: 151 })
      assert.notDeepEqual(yield* states(topic), expected)
      assert.deepStrictEqual(yield* states(History.withArchive(topic, where)), expected)
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("follows on from the archive into what is yet to come", () =>
    Effect.gen(function* () {
      const { archive, before, topic, where } = yield* trimmed
      yield* archive.trim({ below: 151 })
      const whole = History.withArchive(topic, where)
      const following = yield* Effect.forkChild(collect(Stream.take(whole.follow({ from: 101 }), 130)))
      yield* fill(topic, partitions, 200, 240)
      const followed = yield* Fiber.join(following)
      assert.deepStrictEqual(followed.slice(0, 100), before.slice(100))
      assert.deepStrictEqual(
        followed.map(({ sequence }) => sequence),
        Array.from({ length: 130 }, (_, i) => 101 + i)
      )
      const limited = yield* collect(whole.follow({ from: "first", limit: 5 }))
      assert.deepStrictEqual(limited, before.slice(0, 5))
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("says when neither the topic nor the archive has a record", () =>
    Effect.gen(function* () {
      const { topic, where } = yield* trimmed
      yield* fill(topic, partitions, 200, 260)
      yield* topic.purge({ below: 241 })
      const error = yield* Effect.flip(collect(History.read({ topic, archive: where })))
      assert.strictEqual(error.reason._tag, "Missing")
      const asPort = yield* Effect.flip(collect(History.withArchive(topic, where).read({ from: "first" })))
      assert.strictEqual(asPort.reason._tag, "StorageFailed")
      assert.include(asPort.message, "201")
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )
})
