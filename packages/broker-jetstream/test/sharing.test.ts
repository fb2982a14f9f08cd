/** Several clients and several applications on one server. */
import { assert, describe, it } from "@effect/vitest"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import type { Broker, Reader, Subscription } from "@troupe/broker"
import { NatsServer } from "@troupe/nats"
import { hasServer } from "@troupe/nats/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { JetStream } from "../src/index.ts"

const append = (broker: Broker["Service"], name: string, subjects: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const topic = yield* broker.topic({ name })
    yield* topic.appendAll(subjects.map((subject) => ({ subject, data: new Uint8Array(1) })))
    return topic
  })

const hundred = Array.from({ length: 100 }, (_, i) => `n.${i + 1}`)

const eventually = <A>(effect: Effect.Effect<A, unknown>, holds: (value: A) => boolean) =>
  Effect.retry(
    Effect.flatMap(effect, (value) => (holds(value) ? Effect.succeed(value) : Effect.fail(value))),
    { schedule: Schedule.spaced("20 millis"), times: 500 }
  )

describe.runIf(hasServer)("sharing a server", () => {
  it.live("two clients with one subscription get each record once between them", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start()
      const one = yield* JetStream.make({ servers })
      const two = yield* JetStream.make({ servers })
      yield* append(one, "shared", hundred)
      const seen: Array<readonly [client: number, sequence: number]> = []
      const work = (client: number, broker: Broker["Service"]) =>
        Effect.gen(function* () {
          const topic = yield* broker.topic({ name: "shared" })
          const subscription: Subscription = yield* topic.subscription({ name: "workers" })
          const reader = yield* subscription.reader({ prefetch: 4 })
          while (true) {
            for (const delivery of yield* reader.take(4)) {
              seen.push([client, delivery.record.sequence])
              yield* Effect.sleep("1 millis")
              yield* delivery.ack
            }
          }
        }).pipe(Effect.scoped)
      yield* Effect.forkChild(work(1, one))
      yield* Effect.forkChild(work(2, two))
      yield* eventually(
        Effect.sync(() => seen.length),
        (n) => n >= 100
      )
      assert.deepStrictEqual(
        seen.map(([, sequence]) => sequence).sort((a, b) => a - b),
        hundred.map((_, i) => i + 1)
      )
      assert.strictEqual(new Set(seen.map(([client]) => client)).size, 2, "one client did everything")
    })
  )

  it.live("a subscription can be moved to before its start while readers of two clients wait", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start()
      const topic = yield* append(yield* JetStream.make({ servers }), "moved", ["a", "b", "c"])
      const spec = { name: "s", start: "lastPerSubject", filters: ["a"], maxDeliver: 3 } as const
      const subscription = yield* topic.subscription(spec)
      const own = yield* subscription.reader({ prefetch: 2 })
      const [only] = yield* own.take(2)
      assert.strictEqual(only?.record.sequence, 1)
      yield* only?.ackConfirmed ?? Effect.void
      const elsewhere = yield* (yield* JetStream.make({ servers })).topic({ name: "moved" })
      const other = yield* (yield* elsewhere.subscription(spec)).reader({ prefetch: 2 })
      const seen: Array<readonly [sequence: number, attempt: number]> = []
      const work = (reader: Reader) =>
        Effect.forever(
          Effect.flatMap(reader.take(2), (taken) =>
            Effect.forEach(taken, (delivery) => {
              seen.push([delivery.record.sequence, delivery.attempt])
              return delivery.ackConfirmed
            })
          )
        )
      yield* Effect.forkChild(work(own))
      yield* Effect.forkChild(work(other))
      yield* Effect.sleep("100 millis")
      yield* subscription.reset("first")
      yield* eventually(
        Effect.sync(() => seen.length),
        (n) => n === 1
      )
      yield* topic.append({ subject: "a", data: new Uint8Array(0) })
      yield* eventually(
        Effect.sync(() => seen.length),
        (n) => n === 2
      )
      assert.deepStrictEqual(seen, [
        [1, 1],
        [4, 1]
      ])
      // Its specification is still what it was.
      yield* topic.subscription(spec)
    })
  )

  it.live("a purge can be bounded and keep the last ones at the same time", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start()
      const topic = yield* append(yield* JetStream.make({ servers }), "purge", [
        "a",
        "b",
        "a",
        "a",
        "b",
        "a",
        "a"
      ])
      const left = Effect.map(Stream.runCollect(topic.read({ from: "first" })), (all) =>
        all.map(({ sequence }) => sequence)
      )
      assert.strictEqual(yield* topic.purge({ filter: "a", below: 6, keep: 2 }), 1)
      assert.deepStrictEqual(yield* left, [2, 3, 4, 5, 6, 7])
      assert.strictEqual(yield* topic.purge({ below: 5, keep: 9 }), 0)
      assert.strictEqual(yield* topic.purge({ below: 0 }), 0)
      // A bound beyond the end must not skip sequences.
      assert.strictEqual(yield* topic.purge({ below: 1_000_000 }), 6)
      assert.deepStrictEqual(yield* left, [])
      const next = yield* topic.append({ subject: "a", data: new Uint8Array(0) })
      assert.strictEqual(next.sequence, 8)
    })
  )

  it.live("what a reader has buffered stays its own while it works on what came before", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start()
      const topic = yield* append(yield* JetStream.make({ servers }), "slow", ["a", "b", "c"])
      const subscription = yield* topic.subscription({ name: "s", ackWait: "300 millis" })
      const reader = yield* subscription.reader({ prefetch: 3 })
      const [first] = yield* reader.take(1)
      assert.isDefined(first)
      const other = yield* subscription.reader()
      const stolen = yield* Effect.forkChild(other.take(1), { startImmediately: true })
      for (let i = 0; i < 12; i++) {
        yield* Effect.sleep("100 millis")
        yield* first.working
      }
      assert.isUndefined(stolen.pollUnsafe(), "another reader got what this one has buffered")
      yield* first.ack
      const rest = yield* reader.take(2)
      assert.deepStrictEqual(
        rest.map(({ attempt, record }) => [record.sequence, attempt]),
        [
          [2, 1],
          [3, 1]
        ]
      )
      // They have their whole ackWait from now on.
      yield* Effect.sleep("200 millis")
      for (const delivery of rest) yield* delivery.ackConfirmed
      assert.deepInclude(yield* subscription.info, { ackPending: 0, redelivered: 0, ackFloor: 3 })
    })
  )

  it.live("prefixes keep applications apart, also where their names run together", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start()
      const one = yield* JetStream.make({ servers, prefix: "a" })
      const two = yield* JetStream.make({ servers, prefix: "a_b" })
      yield* append(one, "b_c", ["x"])
      yield* append(two, "c", ["x", "x"])
      assert.deepStrictEqual(yield* one.topics, ["b_c"])
      assert.deepStrictEqual(yield* two.topics, ["c"])
      assert.strictEqual((yield* (yield* one.topic({ name: "b_c" })).info).records, 1)
    })
  )

  it.live("what is exhausted while no client runs is reported to the next one", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start()
      const spec = { name: "s", maxDeliver: 1, ackWait: "300 millis" } as const
      yield* Effect.scoped(
        Effect.gen(function* () {
          const topic = yield* append(yield* JetStream.make({ servers }), "poison", ["a", "b"])
          const reader = yield* (yield* topic.subscription(spec)).reader({ prefetch: 1 })
          assert.lengthOf(yield* reader.take(1), 1)
        })
      )
      yield* Effect.sleep("700 millis")
      const topic = yield* (yield* JetStream.make({ servers })).topic({ name: "poison" })
      const subscription = yield* topic.subscription(spec)
      const info = yield* eventually(subscription.info, ({ exhausted }) => exhausted.length > 0)
      assert.deepStrictEqual(info, {
        name: "s",
        pending: 1,
        ackPending: 0,
        redelivered: 0,
        ackFloor: 1,
        exhausted: [1]
      })
      // Moving the subscription back makes it deliverable again.
      yield* subscription.reset("first")
      assert.deepStrictEqual((yield* subscription.info).exhausted, [])
      const [again] = yield* (yield* subscription.reader()).take(1)
      assert.deepStrictEqual([again?.record.sequence, again?.attempt], [1, 1])
      assert.deepStrictEqual(yield* (yield* JetStream.make({ servers })).topics, ["poison"])
    })
  )

  it.live("a stream that somebody changed is a mismatch, and names what differs", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start()
      const broker = yield* JetStream.make({ servers })
      yield* broker.topic({ name: "edited" })
      yield* Effect.promise(async () => {
        const nats = await connect({ servers: [...servers] })
        const manager = await jetstreamManager(nats)
        await manager.streams.update("troupe=edited", { max_msgs: 7 })
        await nats.close()
      })
      const failure = yield* Effect.flip(broker.topic({ name: "edited" }))
      assert.deepInclude(failure.reason, { _tag: "SpecMismatch", what: "topic" })
      assert.include(failure.detail, "max_msgs")
    })
  )

  it.live("a subscription that is deleted under its reader ends the reader with NotFound", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start()
      const topic = yield* (yield* JetStream.make({ servers })).topic({ name: "gone" })
      const reader = yield* (yield* topic.subscription({ name: "s" })).reader()
      const waiting = yield* Effect.forkChild(Effect.flip(reader.take(1)), { startImmediately: true })
      yield* Effect.sleep("100 millis")
      yield* topic.deleteSubscription("s")
      const failure = yield* Effect.timeout(Fiber.join(waiting), "10 seconds")
      assert.deepInclude(failure.reason, { _tag: "NotFound", what: "subscription" })
    })
  )

  it.live("headers come back exactly, white space and unusual letters too", () =>
    Effect.gen(function* () {
      const { servers } = yield* NatsServer.start()
      const topic = yield* (yield* JetStream.make({ servers })).topic({ name: "headers" })
      const all = [
        { a: "1", A: "2", "x-y!": "z:z" },
        { padded: "  both sides ", empty: "", snow: "☃ ünï" },
        { "Troupe-Headers": "mine" }
      ]
      for (const headers of all) yield* topic.append({ subject: "s", data: new Uint8Array(0), headers })
      const stored = yield* Stream.runCollect(topic.read({ from: "first" }))
      assert.deepStrictEqual(
        stored.map(({ headers }) => headers),
        all
      )
    })
  )
})
