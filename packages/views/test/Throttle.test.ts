import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Outputs, Throttle } from "../src/index.ts"
import * as Sha256 from "../src/Sha256.ts"
import { fill, totals } from "./counting.ts"
import { asProcess } from "./killing.ts"

/** A backfill that takes all it gets, a live latency that the test sets, and what was admitted in each period of 50 ms. */
const backfilling = (options?: Partial<Throttle.AimdOptions>) =>
  Effect.gen(function* () {
    let p99Millis: number | undefined = 1
    let admitted = 0
    const throttle = yield* Throttle.aimd({
      p99Millis: Effect.sync(() => p99Millis),
      budgetMillis: 10,
      batchMin: 64,
      batchMax: 1024,
      increase: 100,
      ...options
    })
    yield* Effect.forkChild(
      Effect.forever(Effect.map(throttle.admit(1_000_000), (records) => (admitted += records))),
      { startImmediately: true }
    )
    return {
      throttle,
      latency: (millis: number | undefined) => {
        p99Millis = millis
      },
      /** Records of each period, beginning with the one that has begun. */
      periods: (count: number) =>
        Effect.forEach(Array.from({ length: count }), () =>
          Effect.gen(function* () {
            const records = admitted
            admitted = 0
            yield* TestClock.adjust("50 millis")
            return records
          })
        )
    }
  })

describe("a throttle", () => {
  it.effect("adds within the budget, up to the maximum", () =>
    Effect.gen(function* () {
      const { periods } = yield* backfilling()
      assert.deepStrictEqual(
        yield* periods(12),
        [64, 164, 264, 364, 464, 564, 664, 764, 864, 964, 1024, 1024]
      )
    })
  )

  it.effect("halves over the budget, down to the minimum and never below, and recovers", () =>
    Effect.gen(function* () {
      const { latency, periods, throttle } = yield* backfilling()
      yield* periods(10)
      latency(10.5)
      // The period that has begun is not taken back.
      assert.deepStrictEqual(yield* periods(7), [1024, 512, 256, 128, 64, 64, 64])
      assert.deepStrictEqual(yield* throttle.state, { batch: 64, p99Millis: 10.5, cuts: 7 })
      latency(10)
      assert.deepStrictEqual(yield* periods(4), [64, 164, 264, 364])
      latency(undefined)
      assert.deepStrictEqual(yield* periods(2), [464, 564])
    })
  )

  it.effect("cuts once for one cause where it is told how long the latency takes to settle", () =>
    Effect.gen(function* () {
      const { latency, periods } = yield* backfilling({ settle: "200 millis" })
      yield* periods(10)
      latency(99)
      assert.deepStrictEqual(yield* periods(10), [1024, 512, 512, 512, 512, 256, 256, 256, 256, 128])
    })
  )

  it.effect("does not grow by what was not used", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.aimd({ p99Millis: Effect.succeed(undefined), budgetMillis: 10 })
      for (let period = 0; period < 5; period++) {
        assert.strictEqual(yield* throttle.admit(63), 63)
        yield* TestClock.adjust("50 millis")
      }
      assert.strictEqual((yield* throttle.state).batch, 64)
    })
  )

  it.effect("is one allowance for all that share it", () =>
    Effect.gen(function* () {
      const throttle = yield* Throttle.aimd({
        p99Millis: Effect.succeed(99),
        budgetMillis: 10
      })
      const taken = [0, 0]
      yield* Effect.forEach([0, 1], (who) =>
        Effect.forkChild(
          Effect.forever(
            Effect.map(throttle.admit(16), (records) => {
              taken[who] = (taken[who] ?? 0) + records
            })
          ),
          { startImmediately: true }
        )
      )
      yield* TestClock.adjust("4950 millis")
      assert.strictEqual((taken[0] ?? 0) + (taken[1] ?? 0), 100 * 64)
      assert.isAbove(Math.min(...taken), 40 * 64)
    })
  )

  it.effect("refuses what is no batch", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Throttle.aimd({ p99Millis: Effect.succeed(1), budgetMillis: 10, batchMin: 0 })
      )
      assert.match(String(exit), /batchMin is 0/)
    })
  )
})

const partitions = 3
const events = 9000
const view = totals({})

/** Everything that the output topic holds. */
const contents = Effect.map(Stream.runCollect(Outputs.read(view)), (commits) =>
  commits.map(({ commit, outSequence: _, partition, payload }) => ({
    partition,
    ...commit,
    payload: Sha256.hex(payload)
  }))
)
const byPartition = <A extends { readonly partition: number }>(commits: ReadonlyArray<A>) =>
  Object.groupBy(commits, ({ partition }) => partition)

/** Backfills the events, once begun and stopped halfway so that partitions are brought up too; answers the contents and the virtual milliseconds. */
const backfill = (throttle: Throttle.Throttle | undefined) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const input = yield* broker.topic({ name: "purchases" })
    yield* fill(input, partitions, 0, events)
    const settings = { input, partitions, chunkRecords: 250, ...(throttle === undefined ? {} : { throttle }) }
    const toTheEnd = (only?: ReadonlyArray<number>) =>
      asProcess(view, { ...settings, ...(only === undefined ? {} : { only }) }, broker, (running) =>
        running.caughtUp()
      )
    yield* toTheEnd([1]).pipe(Effect.provideService(Broker, broker))
    const fiber = yield* Effect.forkChild(toTheEnd())
    let millis = 0
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust("10 millis")
      millis += 10
    }
    yield* Fiber.join(fiber)
    return { contents: byPartition(yield* contents), millis }
  }).pipe(Effect.provide(layerMemory, { local: true }))

describe("a throttled backfill", () => {
  it.effect("has the same outputs, commit by commit, and keeps to the rate", () =>
    Effect.gen(function* () {
      const free = yield* backfill(undefined)
      let admissions = 0
      let over = false
      const aimd = yield* Throttle.aimd({
        p99Millis: Effect.sync(() => (over ? 99 : 1)),
        budgetMillis: 10,
        batchMin: 100,
        batchMax: 700
      })
      const counted: Throttle.Throttle = {
        ...aimd,
        admit: (records) =>
          Effect.tap(aimd.admit(records), () =>
            Effect.sync(() => {
              admissions++
              over = admissions % 7 < 3
            })
          )
      }
      // The clock must move while the first partition is folded.
      const fiber = yield* Effect.forkChild(backfill(counted))
      while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("10 millis")
      const throttled = yield* Fiber.join(fiber)
      assert.isAbove(admissions, 20)
      assert.isAbove((yield* aimd.state).cuts, 2)
      // At most 700 records in 50 ms.
      assert.isAtLeast(throttled.millis, Math.floor((events * 2) / 3 / 700) * 50)
      assert.deepStrictEqual(throttled.contents, free.contents)
    })
  )

  it.effect(
    "is left for the live end only where little is left, and what comes live is not slowed down",
    () =>
      Effect.gen(function* () {
        const broker = yield* Broker
        const input = yield* broker.topic({ name: "purchases" })
        yield* fill(input, partitions, 0, 6000)
        let admitted = 0
        // Two backlogs: while the first is read, the second comes.
        const throttle: Throttle.Throttle = {
          admit: (records) =>
            Effect.gen(function* () {
              if (admitted === 0) yield* fill(input, partitions, 6000, 10_000)
              const now = Math.min(500, records)
              admitted += now
              return now
            }).pipe(Effect.orDie),
          state: Effect.succeed({ batch: 500, p99Millis: undefined, cuts: 0 })
        }
        yield* asProcess(view, { input, partitions, throttle }, broker, (running) =>
          Effect.gen(function* () {
            yield* running.caughtUp(10_000)
            assert.strictEqual(admitted, 10_000)
            yield* fill(input, partitions, 10_000, 10_500)
            yield* running.caughtUp(10_500)
            assert.strictEqual(admitted, 10_000)
          })
        )
      }).pipe(Effect.provide(layerMemory))
  )
})
