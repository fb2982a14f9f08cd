import { assert, describe, it } from "@effect/vitest"
import { type AppendRequest, Broker, layerMemory, Subject, type Topic } from "@troupe/broker"
import { ActorSystem } from "@troupe/runtime"
import { Replay, TableDigest, Views } from "@troupe/views"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Control, Sessions, SessionTable } from "../src/index.ts"
import { type Hit, history, hitSpec, type Result } from "./histories.ts"

const partitions = 3
const utf8 = new TextEncoder()
const text = new TextDecoder()

/** Made-up times lie far in the past of any append. */
const visits = (gapMillis: number, version: number) =>
  Sessions.view({
    name: "visits",
    version,
    spec: hitSpec({ gapMillis, latenessMillis: 100_000, maxFutureMillis: Number.POSITIVE_INFINITY }),
    decode: ({ data }) => JSON.parse(text.decode(data)) as Hit
  })

const subjectOf = (event: Hit) => Subject.partitionSubject(Subject.partitionOf(event.key ?? "", partitions))

const append = (topic: Topic, events: ReadonlyArray<Hit>) =>
  Effect.forEach(
    events,
    (event) => topic.append({ subject: subjectOf(event), data: utf8.encode(JSON.stringify(event)) }),
    { discard: true }
  )

/** The end of the input is a control record in every partition. */
const appendEnd = (topic: Topic) =>
  topic.appendAll(
    Array.from(
      { length: partitions },
      (_, partition): AppendRequest => ({
        subject: Subject.partitionSubject(partition),
        data: new Uint8Array(),
        headers: Control.toHeaders({ _tag: "EndOfInput" })
      })
    )
  )

const table = SessionTable.spec<number, Result>()
const digestOf = (view: ReturnType<typeof visits>) =>
  Effect.map(Views.rows(view, table), TableDigest.canonical)

/** What a process does: runs the view until it has caught up, and is gone without a word. */
const asProcess = (view: ReturnType<typeof visits>, input: Topic, chunkRecords: number) =>
  Effect.gen(function* () {
    const running = yield* Views.run(view, { input, partitions, chunkRecords, checkpointRecords: 16 })
    yield* running.caughtUp()
  }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer, { local: true }))

describe("sessions on a log", () => {
  it.effect(
    "the output topic's table is batch's, however often the processor dies on the way",
    () =>
      Effect.gen(function* () {
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 5, long: 100 }); seed++) {
          const events = history(seed, { events: 150, gap: 100, disorder: 400 })
          const view = visits(100, 1)
          const digest = yield* Effect.gen(function* () {
            const input = yield* (yield* Broker).topic({ name: "clicks" })
            for (let at = 0; at < events.length; at += 40) {
              yield* append(input, events.slice(at, at + 40))
              yield* asProcess(view, input, 1 + ((seed + at) % 7))
            }
            yield* appendEnd(input)
            yield* asProcess(view, input, 1000)
            return yield* digestOf(view)
          }).pipe(Effect.provide(layerMemory, { local: true }))
          const truth = SessionTable.ofBatch(Sessions.batch(hitSpec(), events))
          assert.isAbove(truth.size, 10)
          assert.strictEqual(digest, TableDigest.canonical(truth), `seed ${seed}`)
        }
      }),
    patience(120_000)
  )

  it.effect("version 2 with another gap runs beside version 1, and each is its own batch", () =>
    Effect.gen(function* () {
      const events = history(77, { events: 200, gap: 100, disorder: 200 })
      const input = yield* (yield* Broker).topic({ name: "clicks" })
      yield* append(input, events)
      yield* appendEnd(input)
      for (const [gap, version] of [
        [100, 1],
        [99, 2]
      ] as const) {
        const view = visits(gap, version)
        yield* asProcess(view, input, 50)
        const truth = SessionTable.ofBatch(Sessions.batch(hitSpec({ gapMillis: gap }), events))
        assert.strictEqual(yield* digestOf(view), TableDigest.canonical(truth))
      }
      assert.notStrictEqual(yield* digestOf(visits(100, 1)), yield* digestOf(visits(99, 2)))
    }).pipe(Effect.provide(Layer.fresh(layerMemory)))
  )

  it.effect("a replay from the beginning gives the outputs of the live run", () =>
    Effect.gen(function* () {
      const input = yield* (yield* Broker).topic({ name: "clicks" })
      const view = visits(100, 1)
      const events = history(5, { events: 120, gap: 100, disorder: 300 })
      yield* append(input, events.slice(0, 70))
      yield* asProcess(view, input, 9)
      yield* append(input, events.slice(70))
      yield* appendEnd(input)
      yield* asProcess(view, input, 9)
      const live = yield* Replay.outputDigests(view)
      const replayed = yield* Replay.replay(view, { input, partitions, chunkRecords: 31 })
      const digests = (of: ReadonlyArray<Replay.OutputDigest>) =>
        of
          .filter(({ outputs }) => outputs > 0)
          .map(({ digest, outputs, partition }) => ({ digest, outputs, partition }))
      assert.isAbove(digests(live).length, 1)
      assert.deepStrictEqual(digests(replayed.partitions), digests(live))
    }).pipe(Effect.provide(Layer.fresh(layerMemory)))
  )
})
