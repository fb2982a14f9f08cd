/** What holds while the server or the connection goes away and comes back. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect as connectClient } from "@nats-io/transport-node"
import type { AppendRequest, Topic } from "@troupe/broker"
import { NatsServer } from "@troupe/nats"
import { hasServer } from "@troupe/nats/testing"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { JetStream } from "../src/index.ts"

const utf8 = new TextEncoder()

const record = (subject: string, options: Partial<AppendRequest> = {}): AppendRequest => ({
  subject,
  data: utf8.encode(subject),
  ...options
})

const broker = (servers: string | ReadonlyArray<string>, prefix = "outage") =>
  JetStream.make({ servers, prefix })

/** As callers do it: the same request again for as long as it may still succeed. */
const persistently = (topic: Topic, request: AppendRequest) =>
  Effect.retry(topic.append(request), {
    while: (failure) => failure.isTransient,
    schedule: Schedule.spaced("50 millis"),
    times: 200
  })

const until = (holds: () => boolean) =>
  Effect.retry(
    Effect.suspend(() => (holds() ? Effect.void : Effect.fail("not yet" as const))),
    { schedule: Schedule.spaced("20 millis"), times: 1_500 }
  )

/** A way to the server that can be cut, and that can swallow what the server answers. */
const proxy = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const target = new URL(url)
      const open = new Set<Socket>()
      const state = { mute: false }
      const server = createServer((client) => {
        const upstream = connect(Number(target.port), target.hostname)
        for (const socket of [client, upstream]) {
          open.add(socket)
          socket.on("error", () => {})
          socket.on("close", () => {
            open.delete(socket)
            client.destroy()
            upstream.destroy()
          })
        }
        client.pipe(upstream)
        upstream.on("data", (data) => {
          if (!state.mute) client.write(data)
        })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return {
        url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
        /** From now on nothing that the server says arrives. */
        mute: Effect.sync(() => {
          state.mute = true
        }),
        /** Ends all connections; new ones work again. */
        cut: Effect.sync(() => {
          state.mute = false
          for (const socket of open) socket.destroy()
        }),
        close: () =>
          new Promise<void>((resolve) => {
            server.close(() => resolve())
            for (const socket of open) socket.destroy()
          })
      }
    }),
    ({ close }) => Effect.promise(close)
  )

/**
 * Appends from many fibers and follows, while `kill` takes the server away and brings it back `kills` times, each time
 * waiting for progress. Then holds what was acknowledged and what was followed against what is stored.
 */
const underLoad = <E>(topic: Topic, writers: number, kills: number, kill: Effect.Effect<void, E>) =>
  Effect.gen(function* () {
    const acknowledged: Array<readonly [id: string, sequence: number]> = []
    const followed: Array<number> = []
    yield* topic.follow({ from: "first" }).pipe(
      Stream.runForEach((r) => Effect.sync(() => followed.push(r.sequence))),
      Effect.forkChild
    )
    let next = 0
    const write = Effect.suspend(() => {
      const id = `m${++next}`
      return Effect.map(persistently(topic, record(`k.${next % 10}`, { messageId: id })), ({ sequence }) =>
        acknowledged.push([id, sequence])
      )
    })
    const writer = yield* Effect.forEach(Array.from({ length: writers }), () => Effect.forever(write), {
      concurrency: "unbounded",
      discard: true
    }).pipe(Effect.forkChild)
    let seed = firstSeed()
    for (let done = 0; done < kills; done++) {
      // A pause that differs from kill to kill, the same for the same seed.
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      yield* Effect.sleep(50 + (seed % 200))
      yield* kill
      const before = acknowledged.length
      yield* until(() => acknowledged.length > before)
    }
    yield* Fiber.interrupt(writer)
    const end = yield* persistently(topic, record("end", { messageId: "end" }))
    yield* until(() => followed.at(-1) === end.sequence)
    const stored = yield* Stream.runCollect(topic.read({ from: "first" }))
    const byId = new Map(stored.map((r) => [r.messageId, r.sequence]))
    assert.isAbove(acknowledged.length, writers * kills)
    assert.strictEqual(byId.size, stored.length, "an id was stored twice")
    for (const [id, sequence] of acknowledged) assert.strictEqual(byId.get(id), sequence, `record ${id}`)
    assert.deepStrictEqual(
      followed,
      stored.map((r) => r.sequence)
    )
  })

describe.runIf(hasServer)("outages", () => {
  it.live(
    "kill -9 of the server under load: nothing acknowledged is lost, followers have no gap and no repeat",
    () =>
      Effect.gen(function* () {
        const { nodes, servers } = yield* NatsServer.start()
        const topic = yield* (yield* broker(servers)).topic({ name: "load" })
        yield* underLoad(topic, 64, count({ quick: 3, long: 50 }), nodes[0]?.restart ?? Effect.void)
      }),
    patience(240_000)
  )

  if (count({ quick: 0, long: 1 }) === 1) {
    it.live(
      "kill -9 of the leader of three replicas under load: the same",
      () =>
        Effect.gen(function* () {
          const { nodes, servers } = yield* NatsServer.start({ cluster: 3 })
          const topic = yield* (yield* JetStream.make({ servers, prefix: "outage", replicas: 3 })).topic({
            name: "load"
          })
          const leader = Effect.promise(async () => {
            const nats = await connectClient({ servers: [...servers] })
            const info = await (await jetstreamManager(nats)).streams.info("outage=load")
            await nats.close()
            return nodes.find(({ name }) => name === info.cluster?.leader)
          })
          const kill = Effect.flatMap(leader, (node) => {
            assert.isDefined(node)
            return node.restart
          })
          yield* underLoad(topic, 16, 5, kill)
        }),
      patience(240_000)
    )
  }

  it.live(
    "an answer that is lost with the connection is Unknown, and the retry with the same id finds its record",
    () =>
      Effect.gen(function* () {
        const { url } = yield* NatsServer.start()
        const way = yield* proxy(url)
        const topic = yield* (yield* broker(way.url)).topic({ name: "unknown" })
        yield* topic.append(record("a"))
        yield* way.mute
        const request = record("a", { messageId: "once", expectLast: 1 })
        const lost = yield* Effect.forkChild(Effect.flip(topic.append(request)), { startImmediately: true })
        const direct = yield* (yield* broker(url)).topic({ name: "unknown" })
        // The server has it, though nobody told the one who appended.
        yield* Stream.runHead(direct.follow({ from: 2 }))
        yield* way.cut
        const failure = yield* Fiber.join(lost)
        assert.strictEqual(failure.reason._tag, "Unknown")
        assert.deepStrictEqual(yield* persistently(topic, request), { sequence: 2, duplicate: true })
        // Also when somebody wrote to the subject meanwhile.
        yield* direct.append(record("a"))
        assert.deepStrictEqual(yield* topic.append(request), { sequence: 2, duplicate: true })
        const conflict = yield* Effect.flip(topic.append({ ...request, messageId: "another" }))
        assert.strictEqual(conflict.reason._tag, "Conflict")
        assert.strictEqual((yield* topic.info).records, 3)
      }),
    30_000
  )

  it.live(
    "a lost answer to a group is Unknown, and the same group again is refused as a duplicate",
    () =>
      Effect.gen(function* () {
        const { url } = yield* NatsServer.start()
        const way = yield* proxy(url)
        const topic = yield* (yield* broker(way.url)).topic({ name: "group" })
        yield* topic.append(record("fence"))
        yield* way.mute
        const group = [
          record("fence", { expectLast: 1 }),
          record("a", { messageId: "g1" }),
          record("b", { messageId: "g2" })
        ]
        const lost = yield* Effect.forkChild(Effect.flip(topic.appendAll(group)), { startImmediately: true })
        const direct = yield* (yield* broker(url)).topic({ name: "group" })
        yield* Stream.runHead(direct.follow({ from: 4 }))
        yield* way.cut
        assert.strictEqual((yield* Fiber.join(lost)).reason._tag, "Unknown")
        const again = yield* Effect.flip(
          Effect.retry(topic.appendAll(group), {
            while: (failure) => failure.isTransient,
            schedule: Schedule.spaced("50 millis"),
            times: 100
          })
        )
        assert.deepInclude(again.reason, { _tag: "Rejected", cause: "duplicate" })
        assert.strictEqual((yield* topic.info).lastSequence, 4)
      }),
    30_000
  )

  it.live(
    "no answer at all is Unknown after 5 seconds; no connection is Unavailable after 5 seconds",
    () =>
      Effect.gen(function* () {
        const { nodes, url } = yield* NatsServer.start()
        const way = yield* proxy(url)
        const topic = yield* (yield* broker(way.url)).topic({ name: "silent" })
        yield* way.mute
        const unanswered = yield* Effect.flip(Effect.timeout(topic.append(record("a")), "8 seconds"))
        assert.deepInclude(unanswered, { _tag: "BrokerError" })
        if (unanswered._tag === "BrokerError") assert.strictEqual(unanswered.reason._tag, "Unknown")
        yield* nodes[0]?.kill ?? Effect.void
        yield* way.cut
        yield* Effect.sleep("200 millis")
        const unsent = yield* Effect.flip(Effect.timeout(topic.append(record("a")), "8 seconds"))
        if (unsent._tag === "BrokerError") assert.strictEqual(unsent.reason._tag, "Unavailable")
        else assert.fail(unsent.message)
      }),
    30_000
  )

  it.live(
    "a reader goes on after kill -9 of the server, and after its connection was cut",
    () =>
      Effect.gen(function* () {
        const { nodes, url } = yield* NatsServer.start()
        const way = yield* proxy(url)
        const topic = yield* (yield* broker(way.url)).topic({ name: "reader" })
        const subscription = yield* topic.subscription({ name: "s", ackWait: "1 second" })
        const seen = new Set<number>()
        yield* Effect.gen(function* () {
          const reader = yield* subscription.reader({ prefetch: 8 })
          while (true) {
            for (const delivery of yield* reader.take(8)) {
              seen.add(delivery.record.sequence)
              yield* delivery.ack
            }
          }
        }).pipe(Effect.scoped, Effect.forkChild)
        for (let i = 1; i <= 20; i++) yield* topic.append(record(`n.${i}`))
        yield* until(() => seen.size === 20)
        yield* way.cut
        for (let i = 21; i <= 40; i++) yield* persistently(topic, record(`n.${i}`, { messageId: `${i}` }))
        yield* until(() => seen.size === 40)
        yield* nodes[0]?.restart ?? Effect.void
        for (let i = 41; i <= 60; i++) yield* persistently(topic, record(`n.${i}`, { messageId: `${i}` }))
        yield* until(() => seen.size === 60)
      }),
    60_000
  )
})
