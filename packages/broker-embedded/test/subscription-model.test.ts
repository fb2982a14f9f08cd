import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Broker, type Delivery, type Reader, type Subscription, type Topic } from "@troupe/broker"
import { makeLocalBroker } from "@troupe/broker/backend"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { makeFileStorage } from "../src/FileStorage.ts"
import { randomFrom } from "./Seeded.ts"
import { type OracleSpec, SubscriptionOracle, toSpec } from "./SubscriptionOracle.ts"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

const subjects = ["a.1", "a.2", "b.1", "c"]
const filters = [[], ["a.*"], ["b.1", "c"], [">"], ["a.1"]]
const data = new Uint8Array(40)

/** The embedded broker with small files, whose subscriptions' logs are written anew every few entries. */
const layerOf = (directory: string, durability: "os" | "disk") =>
  Layer.effect(
    Broker,
    Effect.gen(function* () {
      const storage = yield* makeFileStorage({ directory, durability, segmentBytes: 2_048, compactAfter: 9 })
      return yield* makeLocalBroker(storage, { backend: "embedded", durability })
    })
  )

/** Lets everything that is under way come to its end, short of the clock. */
const settle = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

interface Open {
  readonly topic: Topic
  readonly subscription: Subscription
  readonly readers: Map<
    number,
    { readonly reader: Reader; readonly prefetch: number; readonly scope: Scope.Closeable }
  >
  readonly scope: Scope.Closeable
}

const open = Effect.fnUntraced(function* (directory: string, durability: "os" | "disk", spec: OracleSpec) {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(Layer.fresh(layerOf(directory, durability)), scope)
  const topic = yield* Effect.provide(
    Effect.flatMap(Broker, (broker) => broker.topic({ name: "t" })),
    context
  )
  const subscription = yield* topic.subscription(toSpec("s", spec))
  return { topic, subscription, readers: new Map(), scope } satisfies Open as Open
})

/** One seed: a long talk with a subscription, of which the oracle must know every word. */
const run = Effect.fnUntraced(function* (seed: number, durability: "os" | "disk", steps: number) {
  const random = randomFrom(seed)
  const int = (below: number) => Math.floor(random() * below)
  const pick = <A>(values: ReadonlyArray<A>): A => values[int(values.length)] as A
  const drawSpec = (): OracleSpec => ({
    filters: pick(filters),
    ackWaitMillis: 100 + int(400),
    maxDeliver: pick([1, 2, 3, Number.MAX_SAFE_INTEGER]),
    maxAckPending: pick([1, 2, 5, 1_000]),
    paused: random() < 0.1
  })
  let directory = yield* temporaryDirectory
  const oracle = new SubscriptionOracle(drawSpec())
  const handed: Array<Delivery> = []
  const story: Array<string> = []
  let readerIds = 0
  let now = yield* open(directory, durability, oracle.spec)
  let seen = { restarts: 0, crashes: 0, deliveries: 0, redeliveries: 0, exhausted: 0 }

  const check = (dispute: string | undefined) => {
    if (dispute !== undefined) assert.fail(`${dispute}\n  after ${story.slice(-30).join("\n  ")}`)
  }

  const take = Effect.gen(function* () {
    const [id, { prefetch, reader }] = pick(Array.from(now.readers))
    const max = 1 + int(4)
    const nowMillis = yield* Clock.currentTimeMillis
    const waiting = yield* Effect.forkChild(reader.take(max), { startImmediately: true })
    if (waiting.pollUnsafe() === undefined) yield* settle
    const exit = waiting.pollUnsafe()
    const taken = exit === undefined ? [] : yield* exit
    if (exit === undefined) yield* Fiber.interrupt(waiting)
    const pairs = taken.map(({ attempt, record }) => ({ attempt, sequence: record.sequence }))
    story.push(`take ${max} by ${id}/${prefetch}: ${pairs.map((p) => `${p.sequence}/${p.attempt}`).join()}`)
    check(oracle.take(id, { prefetch, max, nowMillis }, pairs))
    handed.push(...taken)
    seen.deliveries += taken.length
    seen.redeliveries += pairs.filter(({ attempt }) => attempt > 1).length
  })

  const answer = Effect.gen(function* () {
    // Mostly one of the newest; now and then a late answer to one of long ago.
    const delivery = random() < 0.8 ? pick(handed.slice(-6)) : pick(handed)
    const one = { sequence: delivery.record.sequence, attempt: delivery.attempt }
    const nowMillis = yield* Clock.currentTimeMillis
    const how = pick(["ack", "ack", "ackConfirmed", "reject", "retry", "retry", "working"])
    story.push(`${how} ${one.sequence}/${one.attempt}`)
    if (how === "retry") {
      const delay = pick([0, 0, 50, 300, 1_000])
      yield* delivery.retry(delay)
      oracle.retry(one, nowMillis + delay)
    } else if (how === "working") {
      yield* delivery.working
      oracle.working(one, nowMillis)
    } else {
      yield* how === "ack" ? delivery.ack : how === "reject" ? delivery.reject("no") : delivery.ackConfirmed
      oracle.settle(one.sequence)
    }
  })

  const restart = Effect.gen(function* () {
    const isCrash = random() < 0.5
    if (isCrash) {
      // What kill -9 leaves: the files as they are now, while the broker still runs.
      yield* settle
      const copy = yield* temporaryDirectory
      fs.cpSync(directory, copy, { recursive: true })
      directory = copy
    }
    yield* Scope.close(now.scope, Exit.void)
    story.push(isCrash ? "kill" : "restart")
    seen = isCrash ? { ...seen, crashes: seen.crashes + 1 } : { ...seen, restarts: seen.restarts + 1 }
    for (const id of now.readers.keys()) oracle.leave(id)
    oracle.restart()
    // Their process is gone; a delivery of it can answer no more.
    handed.length = 0
    now = yield* open(directory, durability, oracle.spec)
  })

  const change = Effect.gen(function* () {
    const spec = drawSpec()
    // Other filters find other records behind the cursor, so the cursor is put where both know it.
    const isMoved = spec.filters.join() !== oracle.spec.filters.join() || random() < 0.3
    const position = 1 + int(oracle.last + 1)
    const { name: _, ...update } = toSpec("s", spec)
    story.push(`update ${JSON.stringify(spec)}${isMoved ? `, reset ${position}` : ""}`)
    yield* random() < 0.5 ? now.subscription.update(update) : now.topic.updateSubscription("s", update)
    oracle.spec = spec
    oracle.advance(yield* Clock.currentTimeMillis)
    if (!isMoved) return
    yield* now.subscription.reset(position)
    oracle.reset(position)
  })

  const step = Effect.gen(function* () {
    const roll = int(100)
    if (roll < 18) {
      const group = Array.from({ length: 1 + int(4) }, () => pick(subjects))
      yield* now.topic.appendAll(group.map((subject) => ({ subject, data })))
      for (const subject of group) oracle.append(subject)
      story.push(`append ${group.join()} to ${oracle.last}`)
    } else if (roll < 22) {
      const idle = Array.from(oracle.records.keys()).filter((sequence) => !oracle.unsettled.has(sequence))
      if (idle.length === 0) return
      const sequence = pick(idle)
      yield* now.topic.delete(sequence)
      oracle.delete(sequence)
      story.push(`delete ${sequence}`)
    } else if (roll < 28 || now.readers.size === 0) {
      const scope = yield* Scope.make()
      const prefetch = pick([1, 2, 8])
      const reader = yield* Scope.provide(now.subscription.reader({ prefetch }), scope)
      now.readers.set(++readerIds, { reader, prefetch, scope })
      story.push(`reader ${readerIds}/${prefetch}`)
    } else if (roll < 31) {
      const [id, { scope }] = pick(Array.from(now.readers))
      yield* Scope.close(scope, Exit.void)
      now.readers.delete(id)
      oracle.leave(id)
      story.push(`leave ${id}`)
    } else if (roll < 58) yield* take
    else if (roll < 80) {
      if (handed.length > 0) yield* answer
    } else if (roll < 90) {
      const millis = pick([1, 40, 100, 350, 1_100])
      yield* TestClock.adjust(millis)
      story.push(`${millis} ms`)
    } else if (roll < 95) yield* change
    else yield* restart
  })

  for (let i = 0; i < steps; i++) {
    yield* step
    oracle.advance(yield* Clock.currentTimeMillis)
    check(oracle.disputes(yield* now.subscription.info))
  }
  yield* Scope.close(now.scope, Exit.void)
  return { ...seen, exhausted: oracle.exhausted.size }
})

describe("a subscription on files, against a naive oracle", () => {
  it.effect(
    "hands out, redelivers, skips and counts as the oracle says, over restarts and kills",
    () =>
      Effect.gen(function* () {
        const sum = { restarts: 0, crashes: 0, deliveries: 0, redeliveries: 0, exhausted: 0 }
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 40, long: 1_000 }); seed++) {
          // Class disk costs a sync a step: a few of the seeds.
          const durability = seed % 10 === 0 ? "disk" : "os"
          const seen = yield* Effect.scoped(run(seed, durability, 120)).pipe(
            Effect.onError(() => Effect.logError(`TROUPE_SEED=${seed}`))
          )
          for (const key of Object.keys(sum) as Array<keyof typeof sum>) sum[key] += seen[key]
        }
        assert.isAbove(sum.restarts, 10)
        assert.isAbove(sum.crashes, 10)
        assert.isAbove(sum.deliveries, 100)
        assert.isAbove(sum.redeliveries, 100)
        assert.isAbove(sum.exhausted, 10)
      }),
    count({ quick: 120_000, long: 1_800_000 })
  )
})
