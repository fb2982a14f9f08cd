import * as fs from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker } from "@troupe/broker"
import { SubscriptionState, TopicIndex } from "@troupe/broker/backend"
import { Embedded } from "@troupe/broker-embedded"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import {
  decodeProgress,
  encodeProgress,
  type ProgressEntry,
  ProgressFold
} from "../src/SubscriptionProgress.ts"
import { randomFrom } from "./Seeded.ts"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

const settings = {
  name: "s",
  filters: [],
  start: "first",
  ackWaitMillis: 100,
  maxDeliver: 3,
  maxAckPending: 20,
  paused: false
} as const

const run = (seed: number): void => {
  const random = randomFrom(seed)
  const int = (below: number) => Math.floor(random() * below)
  const index = new TopicIndex({
    name: "t",
    maxAgeMillis: undefined,
    maxBytes: undefined,
    maxRecords: undefined,
    maxRecordsPerSubject: undefined,
    maxRecordBytes: undefined,
    discard: "old",
    dedupeWindowMillis: 1_000
  })
  const fold = new ProgressFold()
  const tell = (entry: ProgressEntry) => {
    const { mark, value } = encodeProgress(entry)
    fold.add(decodeProgress(mark, value))
  }
  const journal = {
    handed: (sequence: number, attempt: number) => tell({ kind: "handed", sequence, attempt }),
    settled: (sequence: number) => tell({ kind: "settled", sequence }),
    delayed: (sequence: number, dueMillis: number) => tell({ kind: "delayed", sequence, dueMillis }),
    exhausted: (sequence: number) => tell({ kind: "exhausted", sequence })
  }
  const append = () =>
    index.append({ sequence: index.lastSequence + 1, subject: `a.${int(3)}`, timeMillis: 1, bytes: 1 })
  for (let i = 0; i < 10; i++) append()
  const start = { position: 11, backlog: [3, 5, 8, 10], outstanding: [], exhausted: [] }
  tell({ kind: "whole", settings, snapshot: start })
  let state = new SubscriptionState(index, settings, start, journal)
  let nowMillis = 1_000
  for (let step = 0; step < 300; step++) {
    nowMillis += int(20)
    const action = int(100)
    const sequence = 1 + int(index.lastSequence)
    if (action < 30) append()
    else if (action < 60) {
      state.take(1, { prefetch: 10, max: 1 + int(4), visible: index.lastSequence, nowMillis })
    } else if (action < 80) state.settle(sequence)
    else if (action < 9) {
      for (let attempt = 1; attempt <= 3; attempt++) state.retry(sequence, attempt, nowMillis + int(200))
    } else if (action < 98) {
      state.reset(sequence)
      tell({ kind: "whole", settings, snapshot: state.snapshot() })
    } else {
      // A restart from what was told.
      const told = fold.progress?.snapshot ?? assert.fail("nothing was told")
      state = new SubscriptionState(index, settings, told, journal)
    }
    const told = fold.progress?.snapshot
    const held = state.snapshot()
    // Without filters and removals the two are the same to the last number; a delay that is over says no more than "at once".
    const due = (dueMillis: number) => (dueMillis <= nowMillis ? 0 : dueMillis)
    assert.deepStrictEqual(
      { ...told, outstanding: told?.outstanding.map(([a, b, c]) => [a, b, due(c)]) },
      {
        ...held,
        outstanding: held.outstanding.map(([a, b, c]) => [a, b, due(c)]),
        exhausted: held.exhausted.toSorted((a, b) => a - b)
      }
    )
  }
}

describe("a subscription's log", () => {
  it("tells the state that the subscription is in, whatever happened", () => {
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 100, long: 2_000 }); seed++) {
      try {
        run(seed)
      } catch (cause) {
        throw new Error(`TROUPE_SEED=${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause })
      }
    }
  })

  it.live(
    "is written anew when it is long, and nothing is lost by that",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const files = path.join(directory, "topics", "t", "subscriptions", "s")
        const sizeOf = () =>
          fs.readdirSync(files).reduce((sum, name) => sum + fs.statSync(path.join(files, name)).size, 0)
        const layer = Embedded.layer({ directory, durability: "os" })
        const records = 30_000
        yield* Effect.gen(function* () {
          const topic = yield* (yield* Broker).topic({ name: "t" })
          for (let i = 0; i < records / 1_000; i++) {
            yield* topic.appendAll(
              Array.from({ length: 1_000 }, () => ({ subject: "a", data: new Uint8Array(1) }))
            )
          }
          const reader = yield* (yield* topic.subscription({ name: "s" })).reader({ prefetch: 1_000 })
          let largest = 0
          for (let done = 0; done < records - 1_000; ) {
            const taken = yield* reader.take(500)
            for (const delivery of taken) {
              // Every thousandth stays open.
              if (delivery.record.sequence % 1_000 !== 0) yield* delivery.ack
            }
            yield* taken[0]?.ackConfirmed ?? Effect.void
            done += taken.length
            largest = Math.max(largest, sizeOf())
          }
          yield* Effect.sync(sizeOf).pipe(
            Effect.repeat({ until: (size) => size < largest / 2, schedule: Schedule.spaced("5 millis") }),
            Effect.timeout("20 seconds")
          )
        }).pipe(Effect.scoped, Effect.provide(layer, { local: true }))
        yield* Effect.gen(function* () {
          const topic = yield* (yield* Broker).topic({ name: "t" })
          const info = yield* (yield* topic.subscription({ name: "s" })).info
          assert.deepStrictEqual(info, {
            name: "s",
            pending: 1_000,
            ackPending: 29,
            redelivered: 0,
            ackFloor: 999,
            exhausted: []
          })
        }).pipe(Effect.scoped, Effect.provide(layer, { local: true }))
      }),
    patience(60_000)
  )
})
