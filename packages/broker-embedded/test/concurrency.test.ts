import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker, type Topic } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { randomFrom } from "./Seeded.ts"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

const spec = { name: "t", limits: { maxRecordsPerSubject: 5 } } as const

/** Everything a reader can ask of a topic. */
const picture = (topic: Topic) =>
  Effect.gen(function* () {
    const records = yield* Stream.runCollect(topic.read({ from: "first" }))
    const { firstSequence, lastSequence } = yield* topic.info
    const last = yield* Stream.runCollect(topic.lastPerSubject(">"))
    return {
      firstSequence,
      lastSequence,
      records: records.map((r) => [r.sequence, r.subject, r.data[0]]),
      last: last.map((r) => r.sequence)
    }
  })

/** Eight fibers that append, group, delete and purge beside each other. */
const work = (topic: Topic, random: () => number) => {
  const int = (below: number) => Math.floor(random() * below)
  const request = () => ({ subject: `s.${int(6)}`, data: Uint8Array.of(int(256)) })
  const step = Effect.suspend(() => {
    const action = int(100)
    if (action < 50) return topic.append(request())
    if (action < 70) return topic.appendAll([request(), request()])
    if (action < 85) return Effect.ignore(topic.delete(1 + int(200)))
    return topic.purge({ filter: `s.${int(6)}`, keep: int(3) })
  })
  // A plain loop: a fiber that is answered goes on at once, inside the call that answered it.
  const writer = Effect.gen(function* () {
    for (let i = 0; i < 30; i++) yield* step
  })
  return Effect.all(
    Array.from({ length: 8 }, () => writer),
    { concurrency: "unbounded", discard: true }
  )
}

const run = (seed: number, durability: "os" | "disk") =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const layer = Embedded.layer({ directory, durability })
    const random = randomFrom(seed)
    const seen: Array<number> = []
    const copies: Array<{ readonly at: string; readonly seen: number }> = []
    const before = yield* Effect.gen(function* () {
      const topic = yield* (yield* Broker).topic(spec)
      const follower = yield* topic.follow({ from: "first" }).pipe(
        Stream.runForEach((record) =>
          Effect.gen(function* () {
            seen.push(record.sequence)
            if (random() > 0.03) return
            // What a kill at this moment would leave.
            const copy = yield* temporaryDirectory
            fs.cpSync(directory, copy, { recursive: true })
            fs.rmSync(path.join(copy, "lock"))
            copies.push({ at: copy, seen: record.sequence })
          })
        ),
        Effect.forkChild({ startImmediately: true })
      )
      yield* work(topic, random)
      const all = yield* picture(topic)
      yield* Fiber.interrupt(follower)
      return all
    }).pipe(Effect.provide(layer, { local: true }))

    const after = yield* Effect.flatMap(Broker, (broker) => Effect.flatMap(broker.topic(spec), picture)).pipe(
      Effect.provide(layer, { local: true })
    )
    assert.deepStrictEqual(after, before, "the log tells the index that was")
    assert.deepStrictEqual(
      seen,
      Array.from(new Set(seen)).sort((a, b) => a - b)
    )

    for (const copy of copies) {
      const { lastSequence } = yield* Effect.flatMap(Broker, (broker) =>
        Effect.flatMap(broker.topic(spec), (topic) => topic.info)
      ).pipe(Effect.provide(Embedded.layer({ directory: copy.at, durability: "os" }), { local: true }))
      assert.isAtLeast(lastSequence, copy.seen, "a reader saw a record that was not in the files")
    }
  }).pipe(
    Effect.scoped,
    Effect.onError(() => Effect.logError(`TROUPE_SEED=${seed}`))
  )

describe("many writers at once", () => {
  for (const durability of ["os", "disk"] as const) {
    it.live(
      `readers see only what is kept, and a restart finds the same topic (durability ${durability})`,
      () =>
        Effect.forEach(
          Array.from({ length: count({ quick: 6, long: 200 }) }, (_, i) => firstSeed() + i),
          (seed) => run(seed, durability),
          { discard: true }
        ),
      count({ quick: 60_000, long: 600_000 })
    )
  }
})
