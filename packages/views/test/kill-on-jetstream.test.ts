/** The same on NATS: every "process" has a connection of its own, and the kills hit real appends. */

import { assert, describe, it } from "@effect/vitest"
import { Broker, Subject } from "@troupe/broker"
import { JetStream } from "@troupe/broker-jetstream"
import { NatsServer } from "@troupe/nats"
import { hasServer } from "@troupe/nats/testing"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Replay, Serving, Views } from "../src/index.ts"
import { topicName } from "../src/ServedRecord.ts"
import * as Sha256 from "../src/Sha256.ts"
import { outputTopic } from "../src/View.ts"
import { fill, table, totals, truth } from "./counting.ts"
import { asProcess, killer, topicsOf, withAppend } from "./killing.ts"

const partitions = 2
const events = 400
const view = totals({ every: 3 })
const settings = { partitions, chunkRecords: 40, checkpointRecords: 90 }

/** Runs with a connection of its own to one application's topics. */
const connected = (servers: ReadonlyArray<string>, prefix: string) =>
  Effect.provide(JetStream.layer({ servers, prefix }), { local: true })

const open = Effect.gen(function* () {
  const broker = yield* Broker
  return { broker, input: yield* broker.topic({ name: "purchases" }) }
})

const contents = Effect.gen(function* () {
  const { broker } = yield* open
  const topic = yield* broker.topic({ name: outputTopic(view) })
  return yield* Effect.forEach([0, 1], (partition) =>
    topic.read({ from: "first", filters: [Subject.partitionSubject(partition)] }).pipe(
      Stream.map(({ data, headers, messageId, subject }) => ({
        data: Sha256.hex(data),
        headers,
        messageId,
        subject
      })),
      Stream.runCollect
    )
  )
})

const runToTheEnd = Effect.flatMap(open, ({ broker, input }) =>
  asProcess(view, { ...settings, input }, broker, (running) => running.caughtUp())
)

describe.runIf(hasServer)("a view on JetStream", () => {
  it.live(
    "leaves the very same output topic when it is killed at seeded writes",
    () =>
      Effect.gen(function* () {
        const { servers } = yield* NatsServer.start()
        const prepare = Effect.flatMap(open, ({ input }) => fill(input, partitions, 0, events))
        const as = (prefix: string) => connected(servers, prefix)

        yield* prepare.pipe(as("undisturbed"))
        yield* runToTheEnd.pipe(as("undisturbed"))
        const expected = yield* contents.pipe(as("undisturbed"))
        assert.isAbove(expected.flat().length, 8)

        const seeds = count({ quick: 6, long: 100 })
        for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
          const prefix = `seed-${seed}`
          yield* prepare.pipe(as(prefix))
          for (let life = 0; life < 2; life++) {
            yield* Effect.gen(function* () {
              const { broker, input } = yield* open
              const at = 1 + ((seed * 7 + life * 5) % 12)
              const deadly = killer(broker, topicsOf(view), at, (seed + life) % 2 ? "after" : "before")
              yield* asProcess(view, { ...settings, input }, deadly.broker, (running) =>
                running.caughtUp()
              ).pipe(Effect.raceFirst(deadly.killed))
            }).pipe(as(prefix))
          }
          yield* runToTheEnd.pipe(as(prefix))
          assert.deepStrictEqual(yield* contents.pipe(as(prefix)), expected, `seed ${seed}`)
        }
        assert.deepStrictEqual(
          [...(yield* Views.rows(view, table).pipe(as(`seed-${firstSeed()}`)))].sort(),
          [...truth(events, 3)].sort()
        )
      }).pipe(Effect.scoped),
    count({ quick: 120_000, long: 900_000 })
  )

  it.live(
    "fences a processor that was paused while another took over",
    () =>
      Effect.gen(function* () {
        const { servers } = yield* NatsServer.start()
        const as = connected(servers, "zombie")
        const gate = yield* Effect.forkChild(Effect.never)
        yield* Effect.gen(function* () {
          const { broker, input } = yield* open
          yield* fill(input, partitions, 0, events)
          let appends = 0
          // Hangs before its third append until the gate ends.
          const pausing: Broker["Service"] = {
            ...broker,
            topic: (spec) =>
              Effect.map(broker.topic(spec), (topic) =>
                topic.name === outputTopic(view)
                  ? withAppend(topic, (request) =>
                      Effect.suspend(() =>
                        ++appends < 3
                          ? topic.append(request)
                          : Effect.andThen(Fiber.await(gate), topic.append(request))
                      )
                    )
                  : topic
              )
          }
          const zombie = yield* Effect.forkChild(
            asProcess(view, { ...settings, input }, pausing, (running) => running.failure).pipe(Effect.flip)
          )
          while (appends < 3) yield* Effect.sleep("5 millis")
          yield* runToTheEnd.pipe(as)
          const before = yield* contents
          yield* Fiber.interrupt(gate)
          assert.strictEqual((yield* Fiber.join(zombie)).reason._tag, "Fenced")
          assert.deepStrictEqual(yield* contents, before)
          assert.isTrue((yield* Replay.verify(view, { input, partitions })).replayEqualsLive)
        }).pipe(as)
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    "is served with the very same rows when its sink is killed at every write, and fences the sink before",
    () =>
      Effect.gen(function* () {
        const { servers } = yield* NatsServer.start()
        yield* Effect.gen(function* () {
          const { broker, input } = yield* open
          const serveOn = (broker: Broker["Service"]) =>
            Effect.flatMap(Serving.run(view, table), (running) => running.caughtUp()).pipe(
              Effect.scoped,
              Effect.provideService(Broker, broker)
            )
          for (let life = 0; life < 4; life++) {
            yield* fill(input, partitions, life * 100, (life + 1) * 100)
            yield* runToTheEnd
            for (const [at, when] of [
              [1, "before"],
              [1, "after"],
              [2, "before"],
              [2, "after"]
            ] as const) {
              const deadly = killer(broker, [topicName(view)], at, when)
              yield* Effect.raceFirst(serveOn(deadly.broker), deadly.killed)
            }
          }
          const claimed = yield* Deferred.make<void>()
          const older = yield* Effect.forkChild(
            Effect.flatMap(Serving.run(view, table), (running) =>
              Effect.andThen(Deferred.succeed(claimed, undefined), running.failure)
            ).pipe(Effect.scoped, Effect.flip),
            { startImmediately: true }
          )
          yield* Deferred.await(claimed)
          yield* serveOn(broker)
          yield* fill(input, partitions, events, events + 50)
          yield* runToTheEnd
          yield* serveOn(broker)
          assert.strictEqual((yield* Fiber.join(older)).reason._tag, "Fenced")
          const { rows, through } = yield* Serving.rows(view)
          assert.deepStrictEqual([...rows].sort(), [...truth(events + 50, 3)].sort())
          const output = yield* broker.topic({ name: outputTopic(view) })
          assert.strictEqual(through, (yield* output.info).lastSequence)
        }).pipe(connected(servers, "served"))
      }).pipe(Effect.scoped),
    60_000
  )
})
