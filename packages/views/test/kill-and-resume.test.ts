import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory, seededFaults, type Topic, withFaults } from "@troupe/broker"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Replay, type RunningView, Views } from "../src/index.ts"
import * as Sha256 from "../src/Sha256.ts"
import { outputTopic } from "../src/View.ts"
import { fill, purchase, request, table, totals, truth } from "./counting.ts"
import { asProcess, killer, topicsOf } from "./killing.ts"

const partitions = 3
const events = 600
const every = 3
const view = totals({ every })
/** Small chunks and frequent snapshots: many writes to be killed at. */
const settings = { partitions, chunkRecords: 40, checkpointRecords: 90 }

/** Enough for the long counts. */
const timeoutMillis = count({ quick: 60_000, long: 1_200_000 })

const input = (broker: Broker["Service"]) => broker.topic({ name: "purchases" })
const toTheEnd = (running: RunningView) => running.caughtUp()

/** Everything that the output topic holds, as a reader sees it: subject, headers, bytes, id, and sequence within the partition. */
const contents = (broker: Broker["Service"], name: string) =>
  Effect.gen(function* () {
    const topic = yield* broker.topic({ name })
    const records = yield* Stream.runCollect(topic.read({ from: "first" }))
    const bySubject: { [subject: string]: Array<string> } = {}
    for (const { data, headers, messageId, subject } of records) {
      const held = bySubject[subject] ?? []
      bySubject[subject] = held
      held.push(JSON.stringify({ headers, messageId, data: Sha256.hex(data) }))
    }
    return bySubject
  })

const filled = Effect.gen(function* () {
  const broker = yield* Broker
  const topic = yield* input(broker)
  yield* fill(topic, partitions, 0, events)
  return { broker, topic }
})

const undisturbed = Effect.gen(function* () {
  const { broker, topic } = yield* filled
  const counting = killer(broker, topicsOf(view), Number.POSITIVE_INFINITY, "before")
  yield* asProcess(view, { ...settings, input: topic }, counting.broker, toTheEnd)
  return { writes: counting.writes(), contents: yield* contents(broker, outputTopic(view)) }
}).pipe(Effect.provide(layerMemory, { local: true }))

const resumed = (broker: Broker["Service"], topic: Topic) =>
  Effect.gen(function* () {
    yield* asProcess(view, { ...settings, input: topic }, broker, toTheEnd)
    return yield* contents(broker, outputTopic(view))
  })

describe("a view that is killed and run again", () => {
  it.effect(
    "leaves the very same output topic, whichever write it was killed at",
    () =>
      Effect.gen(function* () {
        const expected = yield* undisturbed
        assert.isAbove(expected.writes, 20)
        assert.deepStrictEqual(Object.keys(expected.contents).sort(), ["p.0", "p.1", "p.2"])
        for (let at = 1; at <= expected.writes; at++) {
          for (const when of ["before", "after"] as const) {
            const actual = yield* Effect.gen(function* () {
              const { broker, topic } = yield* filled
              const deadly = killer(broker, topicsOf(view), at, when)
              yield* asProcess(view, { ...settings, input: topic }, deadly.broker, () => deadly.killed).pipe(
                Effect.raceFirst(deadly.killed)
              )
              return yield* resumed(broker, topic)
            }).pipe(Effect.provide(layerMemory, { local: true }))
            assert.deepStrictEqual(actual, expected.contents, `killed ${when} write ${at}`)
          }
        }
      }),
    timeoutMillis
  )

  it.effect(
    "counts nothing twice and loses nothing when it is killed again and again while events come in",
    () =>
      Effect.gen(function* () {
        const seeds = count({ quick: 20, long: 1000 })
        for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
          yield* Effect.gen(function* () {
            const broker = yield* Broker
            const topic = yield* input(broker)
            let at = 0
            for (let life = 0; at < events; life++) {
              const deadly = killer(
                broker,
                topicsOf(view),
                1 + ((seed * 31 + life * 17) % 7),
                life % 2 ? "after" : "before"
              )
              const next = Math.min(events, at + 1 + ((seed * 13 + life * 29) % 80))
              const producing = Effect.forEach(
                Array.from({ length: next - at }, (_, offset) => request(purchase(at + offset), partitions)),
                (append) => Effect.andThen(topic.append(append), Effect.yieldNow),
                { discard: true }
              )
              yield* asProcess(view, { ...settings, input: topic }, deadly.broker, (running) =>
                Effect.raceFirst(Effect.andThen(producing, running.caughtUp()), deadly.killed)
              ).pipe(Effect.raceFirst(deadly.killed))
              at = (yield* topic.info).lastSequence
            }
            yield* asProcess(view, { ...settings, input: topic }, broker, toTheEnd)
            const rows = yield* Effect.provideService(Views.rows(view, table), Broker, broker)
            assert.deepStrictEqual(
              new Map([...rows].sort()),
              new Map([...truth(events, every)].sort()),
              `seed ${seed}`
            )
            const verified = yield* Effect.provideService(
              Replay.verify(view, { input: topic, partitions }),
              Broker,
              broker
            )
            assert.deepStrictEqual(verified.differences, [], `seed ${seed}`)
          }).pipe(Effect.provide(layerMemory, { local: true }))
        }
      }),
    timeoutMillis
  )

  it.effect(
    "commits once what the broker answered with silence, refusals and delays",
    () =>
      Effect.gen(function* () {
        const expected = yield* undisturbed
        const seeds = count({ quick: 15, long: 1000 })
        for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
          yield* Effect.gen(function* () {
            const { broker, topic } = yield* filled
            const rates = { seed, busy: 0.15, unavailable: 0.15, unknown: 0.3, delayMillisMax: 20 }
            const faulty = withFaults(broker, seededFaults(rates))
            const fiber = yield* Effect.forkChild(
              asProcess(view, { ...settings, input: topic }, faulty, toTheEnd)
            )
            while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
            yield* Fiber.join(fiber)
            assert.deepStrictEqual(
              yield* contents(broker, outputTopic(view)),
              expected.contents,
              `seed ${seed}`
            )
          }).pipe(Effect.provide(layerMemory, { local: true }))
        }
      }),
    timeoutMillis
  )
})
