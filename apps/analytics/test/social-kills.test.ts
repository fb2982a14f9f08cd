import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@troupe/broker"
import { NatsServer } from "@troupe/nats"
import { hasServer } from "@troupe/nats/testing"
import { ActorSystem } from "@troupe/runtime"
import { Replay, Serving, Views } from "@troupe/views"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Aggregate from "../src/social/Aggregate.ts"
import * as Pipeline from "../src/social/Pipeline.ts"
import * as RawTopic from "../src/social/RawTopic.ts"
import * as DeadlyBroker from "./DeadlyBroker.ts"
import * as SocialChain from "./SocialChain.ts"

const { aggregate, chosen, names, preprocess, settings } = SocialChain
const stages = Object.values(names)
const { partitions } = RawTopic

/** Seeds of a quick run: all of them in memory, some where every write takes its time. */
const quickSeeds = { memory: 100, embedded: 5, nats: 3 }
const quickSeedsElsewhere = { memory: 15, embedded: 3, nats: 3 }
const brokers: ReadonlyArray<SocialChain.BrokerName> = [
  "memory",
  "embedded",
  ...(hasServer ? (["nats"] as const) : [])
]

const urlFor = (broker: SocialChain.BrokerName) =>
  broker === "nats" ? Effect.map(NatsServer.start(), ({ url }) => url) : Effect.succeed("")

/** A process that is killed at a write to one of these topics; answers whether it got that far. */
const killedAt = <E, R>(
  topics: ReadonlyArray<string>,
  write: Parameters<typeof DeadlyBroker.killer>[2],
  process: (broker: Broker["Service"]) => Effect.Effect<unknown, E, R>
) =>
  Effect.gen(function* () {
    const deadly = DeadlyBroker.killer(yield* Broker, topics, write)
    yield* Effect.raceFirst(process(deadly.broker), deadly.killed)
    return deadly.isDead()
  })

/** Where a life of a seed ends: every topic has its turn; the first life anywhere, a later one soon after it began. */
const writeOf = (
  seed: number,
  life: number,
  topics: ReadonlyArray<string>,
  writes: (topic: string) => number
) => {
  const topic = topics[(seed + life) % topics.length] ?? ""
  const last = life === 0 ? writes(topic) : Math.min(6, writes(topic))
  const when = chosen(seed, 10 * life + 1) % 2 === 0 ? "before" : "after"
  return { topic, at: 1 + (chosen(seed, 10 * life) % last), when } as const
}

const livesOf = (seed: number): number => 1 + (chosen(seed, 99) % 3)

const toTheEnd = (broker: Broker["Service"]) => SocialChain.asProcess(broker, (running) => running.caughtUp())

/** The second stage and the served rows alone, over what the first left. */
const secondStage = (broker: Broker["Service"]) =>
  Effect.gen(function* () {
    const input = yield* broker.topic({ name: names.preprocessed })
    const running = yield* Views.run(aggregate, { ...settings, chunkRecords: 2, input, partitions })
    yield* running.caughtUp()
    const serving = yield* Serving.run(aggregate, Aggregate.table)
    yield* serving.caughtUp()
  }).pipe(
    Effect.scoped,
    Effect.provideService(Broker, broker),
    Effect.provide(ActorSystem.layer, { local: true })
  )

describe.each(brokers)("the stages of an edition on %s, killed and run again,", (broker) => {
  const seeds = (quick: number) =>
    Array.from({ length: count({ quick, long: 100 }) }, (_, i) => firstSeed() + i)

  it.live(
    "leave the very same topics, whichever write the process was killed at",
    () =>
      Effect.gen(function* () {
        const url = yield* urlFor(broker)
        const undisturbed = yield* Effect.gen(function* () {
          const { run } = yield* SocialChain.place(broker, url)
          yield* run(SocialChain.ingest)
          return yield* run(
            Effect.gen(function* () {
              const counting = DeadlyBroker.counting(yield* Broker, stages)
              yield* toTheEnd(counting.broker)
              // Nothing that the stages keep in mind may be without consequence.
              const {
                accepted = 0,
                duplicate = 0,
                ignored = 0,
                late = 0,
                rejected = 0
              } = yield* SocialChain.verdicts
              assert.isAbove(accepted, 800)
              for (const leftOut of [duplicate, ignored, late]) assert.isAbove(leftOut, 20)
              assert.isAbove(rejected, 0)
              return { writes: counting.writes, outcome: yield* SocialChain.outcome }
            })
          )
        }).pipe(Effect.scoped)
        assert.isTrue(undisturbed.outcome.served.isWhole)
        assert.isAbove(undisturbed.outcome.served.rows.length, 800)

        const kills = new Map(stages.map((name) => [name, 0]))
        for (const seed of seeds(quickSeeds[broker])) {
          const about: Array<string> = []
          yield* Effect.gen(function* () {
            const { run } = yield* SocialChain.place(broker, url)
            yield* run(SocialChain.ingest)
            for (let life = 0; life < livesOf(seed); life++) {
              const write = writeOf(seed, life, stages, undisturbed.writes)
              if (!(yield* run(killedAt(stages, write, toTheEnd)))) continue
              kills.set(write.topic, (kills.get(write.topic) ?? 0) + 1)
              about.push(`killed ${write.when} write ${write.at} to ${write.topic}`)
            }
            yield* run(SocialChain.toTheEnd)
            assert.deepStrictEqual(
              yield* run(SocialChain.outcome),
              undisturbed.outcome,
              [`seed ${seed}`, ...about].join(", ")
            )
          }).pipe(Effect.scoped)
        }
        // With few seeds a later life need not get as far as its write.
        const fewest = seeds(quickSeeds[broker]).length < 100 ? 0 : 10
        for (const [name, killed] of kills) assert.isAtLeast(killed, fewest, `kills at ${name}`)
      }).pipe(Effect.scoped),
    patience(120_000)
  )

  it.live(
    "aggregate the very same records from the same preprocessed ones",
    () =>
      Effect.gen(function* () {
        const url = yield* urlFor(broker)
        const second = [names.aggregated, names.aggregatedState, names.served]
        const all = Effect.gen(function* () {
          return {
            aggregated: yield* SocialChain.bySubject(names.aggregated),
            served: yield* SocialChain.served
          }
        })
        const preprocessed = yield* Effect.gen(function* () {
          const { run } = yield* SocialChain.place("memory")
          yield* run(SocialChain.ingest)
          yield* run(SocialChain.toTheEnd)
          return yield* run(SocialChain.recordsOf(names.preprocessed))
        }).pipe(Effect.scoped)
        const copied = Effect.gen(function* () {
          const topic = yield* (yield* Broker).topic({ name: names.preprocessed })
          yield* topic.appendAll(
            preprocessed.map(({ data, headers, subject }) => ({ data, headers, subject }))
          )
        })
        const undisturbed = yield* Effect.gen(function* () {
          const { run } = yield* SocialChain.place(broker, url)
          yield* run(copied)
          return yield* run(
            Effect.gen(function* () {
              const counting = DeadlyBroker.counting(yield* Broker, second)
              yield* secondStage(counting.broker)
              return { writes: counting.writes, contents: yield* all }
            })
          )
        }).pipe(Effect.scoped)
        assert.isAbove(undisturbed.writes(names.aggregated), 40)
        for (const seed of seeds(quickSeedsElsewhere[broker])) {
          yield* Effect.gen(function* () {
            const { run } = yield* SocialChain.place(broker, url)
            yield* run(copied)
            for (let life = 0; life < livesOf(seed); life++) {
              yield* run(killedAt(second, writeOf(seed, life, second, undisturbed.writes), secondStage))
            }
            yield* run(Effect.flatMap(Broker, secondStage))
            assert.deepStrictEqual(yield* run(all), undisturbed.contents, `seed ${seed}`)
          }).pipe(Effect.scoped)
        }
      }).pipe(Effect.scoped),
    patience(120_000)
  )

  it.live(
    "count nothing twice and lose nothing while the feed comes in",
    () =>
      Effect.gen(function* () {
        const url = yield* urlFor(broker)
        const topics = [RawTopic.name, ...stages]
        const live = (broker: Broker["Service"]) =>
          SocialChain.asProcess(broker, (running) =>
            Effect.andThen(Effect.provideService(SocialChain.ingest, Broker, broker), running.caughtUp())
          )
        const outcome = Effect.gen(function* () {
          return {
            raw: yield* SocialChain.bySubject(RawTopic.name),
            digests: yield* SocialChain.digests,
            served: yield* SocialChain.served
          }
        })
        const undisturbed = yield* Effect.gen(function* () {
          const { run } = yield* SocialChain.place(broker, url)
          yield* run(Effect.flatMap(Broker, live))
          return yield* run(outcome)
        }).pipe(Effect.scoped)
        let kills = 0
        for (const seed of seeds(quickSeedsElsewhere[broker])) {
          yield* Effect.gen(function* () {
            const { run } = yield* SocialChain.place(broker, url)
            for (let life = 0; life < 5; life++) {
              const write = writeOf(seed, life, topics, () => 25)
              if (yield* run(killedAt(topics, write, live))) kills++
            }
            yield* run(Effect.flatMap(Broker, live))
            assert.deepStrictEqual(yield* run(outcome), undisturbed, `seed ${seed}`)
            const input = yield* run(Pipeline.rawTopic)
            if (broker === "memory") {
              const verified = yield* run(Replay.verify(preprocess, { input, partitions }))
              assert.isTrue(verified.replayEqualsLive, `seed ${seed}`)
            }
          }).pipe(Effect.scoped)
        }
        // A write may be one that a life does not come to.
        assert.isAtLeast(kills, seeds(quickSeedsElsewhere[broker]).length)
      }).pipe(Effect.scoped),
    patience(120_000)
  )

  it.live(
    "and a process that is paused before a write and goes on after another one took over is fenced, and changes nothing",
    () =>
      Effect.gen(function* () {
        const url = yield* urlFor(broker)
        const targets = [names.preprocessed, names.aggregated, names.served]
        for (const seed of seeds(quickSeedsElsewhere[broker])) {
          const topic = targets[seed % 3] ?? ""
          // Where batches may be few, the first one.
          const at = topic === names.preprocessed ? 1 + (chosen(seed, 0) % 4) : 1
          const about = `seed ${seed}, paused before write ${at} to ${topic}`
          yield* Effect.gen(function* () {
            const { run } = yield* SocialChain.place(broker, url)
            yield* run(
              Effect.gen(function* () {
                const service = yield* Broker
                yield* SocialChain.ingestUntil(SocialChain.halfway)
                const pausing = DeadlyBroker.pausing(service, stages, { topic, at })
                const isLive = yield* Deferred.make<void>()
                const zombie = yield* Effect.forkChild(
                  SocialChain.asProcess(
                    pausing.broker,
                    Effect.fnUntraced(function* (running) {
                      yield* running.caughtUp()
                      yield* pausing.arm
                      yield* Deferred.succeed(isLive, undefined)
                      if (topic === names.preprocessed) return yield* running.preprocess.failure
                      return yield* topic === names.aggregated
                        ? running.aggregate.failure
                        : running.served.failure
                    })
                  ).pipe(Effect.flip)
                )
                yield* Deferred.await(isLive)
                yield* SocialChain.ingest
                yield* pausing.paused
                // On NATS with a connection of its own; elsewhere one process owns the topics.
                yield* broker === "nats" ? run(SocialChain.toTheEnd) : SocialChain.toTheEnd
                const before = yield* SocialChain.everything
                yield* pausing.resume
                const error = yield* Fiber.join(zombie)
                assert.strictEqual(error.reason._tag, "Fenced", about)
                assert.deepStrictEqual(yield* SocialChain.everything, before, about)
                // Nor did it harm the snapshots, which have no fence of their own.
                const position = yield* SocialChain.asProcess(service, (running) =>
                  Effect.andThen(running.caughtUp(), running.preprocess.position)
                )
                for (const { replayed, snapshot } of position) {
                  assert.strictEqual(snapshot, "used", about)
                  assert.isAtMost(replayed, settings.checkpointRecords + settings.chunkRecords, about)
                }
              })
            )
          }).pipe(Effect.scoped)
        }
      }).pipe(Effect.scoped),
    patience(120_000)
  )
})
