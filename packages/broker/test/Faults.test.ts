import { assert, describe, it } from "@effect/vitest"
import { Broker, type Fault, layerMemory, layerMemoryWith, seededFaults } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"

const data = new Uint8Array(1)

/** What becomes of 300 appends, one after the other, each with an id. */
const outcomes = Effect.gen(function* () {
  const topic = yield* (yield* Broker).topic({ name: "t" })
  const seen: Array<string> = []
  for (let i = 0; i < 300; i++) {
    seen.push(
      yield* topic.append({ subject: "a", data, messageId: `m${i}` }).pipe(
        Effect.map(({ sequence }) => `stored ${sequence}`),
        Effect.catchTag("BrokerError", (error) => Effect.succeed(error.reason._tag))
      )
    )
  }
  return { seen, records: (yield* topic.info).records }
})

const withSeed = (seed: number) =>
  Effect.provide(
    outcomes,
    layerMemoryWith({ faults: seededFaults({ seed, busy: 0.1, unavailable: 0.1, unknown: 0.2 }) }),
    { local: true }
  )

describe("faults", () => {
  it.effect("the same seed gives the same faults, another one others", () =>
    Effect.gen(function* () {
      const one = yield* withSeed(1)
      assert.deepStrictEqual(yield* withSeed(1), one)
      assert.notDeepEqual(yield* withSeed(2), one)
      for (const reason of ["Busy", "Unavailable", "Unknown"]) assert.include(one.seen, reason)
    })
  )

  it.effect("Busy and Unavailable store nothing, Unknown stores some: a retry with the id finds out", () =>
    Effect.gen(function* () {
      const { records, seen } = yield* withSeed(3)
      const stored = seen.filter((outcome) => outcome.startsWith("stored")).length
      const unknown = seen.filter((outcome) => outcome === "Unknown").length
      assert.isAbove(records, stored, "some of the unknown ones are stored")
      assert.isBelow(records, stored + unknown, "and some are not")
    })
  )

  it.effect("retries with ids store each record once whatever happens", () =>
    Effect.gen(function* () {
      const topic = yield* (yield* Broker).topic({ name: "t" })
      for (let i = 0; i < 200; i++) {
        yield* topic
          .append({ subject: "a", data, messageId: `m${i}` })
          .pipe(Effect.retry({ while: (error) => error.isTransient }))
      }
      assert.strictEqual((yield* topic.info).records, 200)
    }).pipe(
      Effect.provide(
        layerMemoryWith({ faults: seededFaults({ seed: 4, busy: 0.2, unavailable: 0.2, unknown: 0.3 }) })
      )
    )
  )

  it.effect("an append without check and id is never busy", () =>
    Effect.gen(function* () {
      const topic = yield* (yield* Broker).topic({ name: "t" })
      for (let i = 0; i < 50; i++) yield* topic.append({ subject: "a", data })
    }).pipe(Effect.provide(layerMemoryWith({ faults: seededFaults({ seed: 5, busy: 1 }) })))
  )

  it.effect("a delay lets another fiber's append overtake", () => {
    const script: Array<Fault> = [{ delayBeforeMillis: 100 }, {}]
    return Effect.gen(function* () {
      const topic = yield* (yield* Broker).topic({ name: "t" })
      const slow = yield* Effect.forkChild(topic.append({ subject: "slow", data }), {
        startImmediately: true
      })
      const fast = yield* topic.append({ subject: "fast", data })
      assert.strictEqual(fast.sequence, 1)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual((yield* Fiber.join(slow)).sequence, 2)
    }).pipe(Effect.provide(layerMemoryWith({ faults: { next: () => script.shift() } })))
  })

  it.effect("without them the memory broker has none", () =>
    Effect.gen(function* () {
      const { records } = yield* outcomes
      assert.strictEqual(records, 300)
    }).pipe(Effect.provide(layerMemory))
  )
})
