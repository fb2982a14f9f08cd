/** The embedded broker against a local NATS server with its own client: the same work, without a server. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AckPolicy, type Consumer, jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { type Contender, define, type Rival, type Turn } from "@troupe/bench"
import { Broker, type Topic } from "@troupe/broker"
import { NatsServer } from "@troupe/nats"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Embedded } from "../src/index.ts"

const data = new Uint8Array(100).fill(65)
const appendsInFlight = 256
const acksInFlight = 500
const records = ({ quick }: Turn) => (quick ? 10_000 : 50_000)
const subjectOf = (i: number): string => `key.${i % 100}`

interface Ours {
  readonly topic: Topic
  readonly scope: Scope.Closeable
  readonly directory: string
}

/** A topic on files; `stored` records are in it before the turns. */
const onFiles = (
  stored: (turn: Turn) => number,
  run: (topic: Topic, turn: Turn) => Effect.Effect<unknown, unknown, Scope.Scope>
): Contender => {
  let opened: Ours | undefined
  return {
    durability: "os",
    setup: async (turn) => {
      const directory = mkdtempSync(join(tmpdir(), "troupe-bench-embedded-"))
      const scope = Scope.makeUnsafe()
      const topic = await Effect.runPromise(
        Effect.gen(function* () {
          const context = yield* Layer.build(Embedded.layer({ directory, durability: "os" }))
          const bench = yield* Context.get(context, Broker).topic({ name: "bench" })
          for (let i = 0; i < stored(turn); i += 1000) {
            yield* bench.appendAll(
              Array.from({ length: 1000 }, (_, n) => ({ subject: subjectOf(i + n), data }))
            )
          }
          return bench
        }).pipe(Scope.provide(scope))
      )
      opened = { topic, scope, directory }
    },
    run: async (turn) => {
      await Effect.runPromise(Effect.scoped(run((opened as Ours).topic, turn)))
      return records(turn)
    },
    teardown: async () => {
      if (opened === undefined) return
      await Effect.runPromise(Scope.close(opened.scope, Exit.void))
      rmSync(opened.directory, { recursive: true })
    }
  }
}

interface Theirs {
  readonly nats: NatsConnection
  readonly scope: Scope.Closeable
}

/** A stream of a NATS server of its own, one replica on files. */
const onNats = (
  name: string,
  stored: (turn: Turn) => number,
  run: (nats: NatsConnection, turn: Turn) => Promise<void>
): Rival => {
  let opened: Theirs | undefined
  return {
    name,
    durability: "os",
    setup: async (turn) => {
      const scope = Scope.makeUnsafe()
      const { servers } = await Effect.runPromise(Scope.provide(NatsServer.start(), scope))
      const nats = await connect({ servers: [...servers] })
      opened = { nats, scope }
      const manager = await jetstreamManager(nats)
      await manager.streams.add({ name: "bench", subjects: ["bench.>"], num_replicas: 1 })
      await publish(nats, stored(turn))
    },
    run: async (turn) => {
      await run((opened as Theirs).nats, turn)
      return records(turn)
    },
    teardown: async () => {
      if (opened === undefined) return
      await opened.nats.close()
      await Effect.runPromise(Scope.close(opened.scope, Exit.void))
    }
  }
}

const publish = async (nats: NatsConnection, count: number): Promise<void> => {
  const client = jetstream(nats)
  let next = 0
  const lane = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) await client.publish(`bench.${subjectOf(i)}`, data)
  }
  await Promise.all(Array.from({ length: appendsInFlight }, lane))
}

const append = (topic: Topic, turn: Turn) => {
  const count = records(turn)
  let next = 0
  const lane = Effect.gen(function* () {
    for (let i = next++; i < count; i = next++) yield* topic.append({ subject: subjectOf(i), data })
  })
  return Effect.all(
    Array.from({ length: appendsInFlight }, () => lane),
    { concurrency: "unbounded", discard: true }
  )
}

let subscriptions = 0

/** A new durable subscription, read from the first record, each record settled by itself. */
const consume = Effect.fnUntraced(function* (topic: Topic, turn: Turn) {
  const name = `bench-${subscriptions++}`
  const subscription = yield* topic.subscription({ name, maxAckPending: acksInFlight })
  const reader = yield* subscription.reader({ prefetch: acksInFlight })
  for (let taken = 0; taken < records(turn); ) {
    const deliveries = yield* reader.take(acksInFlight)
    for (const delivery of deliveries) yield* delivery.ack
    taken += deliveries.length
  }
  yield* topic.deleteSubscription(name)
})

const consumeNats = async (nats: NatsConnection, turn: Turn): Promise<void> => {
  const manager = await jetstreamManager(nats)
  const name = `bench-${subscriptions++}`
  await manager.consumers.add("bench", {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    max_ack_pending: acksInFlight
  })
  const consumer: Consumer = await jetstream(nats).consumers.get("bench", name)
  const messages = await consumer.consume({ max_messages: acksInFlight })
  let taken = 0
  for await (const message of messages) {
    message.ack()
    if (++taken === records(turn)) break
  }
  await manager.consumers.delete("bench", name)
}

const none = (): number => 0

export const bench = define("embedded", [
  {
    case: "append to acknowledgement, 256 in flight, 100 B",
    unit: "records/s",
    ours: onFiles(none, append),
    rival: onNats("js.publish of the client, local R1", none, (nats, turn) => publish(nats, records(turn)))
  },
  {
    case: "consume with ack, 500 in flight, 100 B",
    unit: "records/s",
    ours: onFiles(records, consume),
    rival: onNats("consume and ack of the client, local R1", records, consumeNats)
  }
])
