/** What the own publisher, batches and reader cost, against the NATS client's, on one node that both share. */
import { jetstream } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { define, type Measured, measured, type Turn } from "@troupe/bench"
import type { Topic } from "@troupe/broker"
import { NatsServer } from "@troupe/nats"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { JetStream } from "../src/index.ts"

const data = new Uint8Array(200).fill(65)
const subjects = Array.from({ length: 100 }, (_, i) => `key.${i}`)
const inFlight = 256
const records = (turn: Turn) => (turn.quick ? 5_000 : 20_000)

interface Shared {
  readonly topic: Topic
  readonly nats: NatsConnection
  readonly scope: Scope.Closeable
}

let shared: Promise<Shared> | undefined
let users = 0

const open = async (turn: Turn): Promise<Shared> => {
  const scope = Effect.runSync(Scope.make())
  const topic = await Effect.runPromise(
    Scope.provide(
      Effect.gen(function* () {
        const { servers } = yield* NatsServer.start()
        const broker = yield* JetStream.make({ servers, prefix: "bench" })
        const opened = yield* broker.topic({ name: "bench" })
        for (let i = 0; i < records(turn) / 1_000; i++) {
          yield* opened.appendAll(
            Array.from({ length: 1_000 }, (_, n) => ({ subject: `read.${n % 100}`, data }))
          )
        }
        return { opened, servers }
      }),
      scope
    )
  )
  return { topic: topic.opened, nats: await connect({ servers: [...topic.servers] }), scope }
}

const setup = async (turn: Turn): Promise<void> => {
  users++
  shared ??= open(turn)
  await shared
}

const teardown = async (): Promise<void> => {
  if (--users > 0 || shared === undefined) return
  const { nats, scope } = await shared
  shared = undefined
  await nats.close()
  await Effect.runPromise(Scope.close(scope, Exit.void))
}

const here = async (): Promise<Shared> => {
  if (shared === undefined) throw new Error("the server is not started")
  return shared
}

const subjectOf = (i: number): string => subjects[i % subjects.length] ?? "key.0"

const append = async (turn: Turn): Promise<number> => {
  const { topic } = await here()
  await Effect.runPromise(
    Effect.forEach(
      Array.from({ length: records(turn) }, (_, i) => i),
      (i) => topic.append({ subject: subjectOf(i), data }),
      { concurrency: inFlight, discard: true }
    )
  )
  return records(turn)
}

const publish = async (turn: Turn): Promise<number> => {
  const client = jetstream((await here()).nats)
  let next = 0
  const lane = async () => {
    for (let i = next++; i < records(turn); i = next++)
      await client.publish(`bench.bench.${subjectOf(i)}`, data)
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return records(turn)
}

const read = async (turn: Turn): Promise<number> => {
  const { topic } = await here()
  let count = 0
  await Effect.runPromise(
    Stream.runForEachArray(topic.read({ from: "first", to: records(turn) }), (chunk) =>
      Effect.sync(() => {
        count += chunk.length
      })
    )
  )
  return count
}

/** The same of each message: sequence, subject, time and data. */
const ordered = async (turn: Turn): Promise<number> => {
  const consumer = await jetstream((await here()).nats).consumers.get("bench=bench", {
    deliver_policy: "all"
  })
  const messages = await consumer.consume({ max_messages: 512 })
  let count = 0
  for await (const { data, seq, subject, timestampNanos } of messages) {
    const record = { sequence: seq, subject, timeMillis: Number(timestampNanos / 1_000_000n), data }
    if (record.sequence > 0 && ++count === records(turn)) break
  }
  return count
}

const cpu =
  (run: (turn: Turn) => Promise<number>) =>
  async (turn: Turn): Promise<Measured> => {
    const before = process.cpuUsage()
    const count = await run(turn)
    const { system, user } = process.cpuUsage(before)
    return measured((system + user) / count)
  }

const sides = (
  ours: (turn: Turn) => Promise<number>,
  rivalName: string,
  rival: (turn: Turn) => Promise<number>
) => {
  const around = { durability: "os", setup, teardown } as const
  return {
    rate: { ours: { ...around, run: ours }, rival: { ...around, name: rivalName, run: rival } },
    cost: { ours: { ...around, run: cpu(ours) }, rival: { ...around, name: rivalName, run: cpu(rival) } }
  }
}

const publishing = sides(append, "js.publish of the client", publish)
const reading = sides(read, "ordered consumer of the client", ordered)

export const bench = define("jetstream", [
  { case: "append, 256 in flight, 200 bytes", unit: "records/s", ...publishing.rate },
  { case: "client CPU of an append", unit: "µs", ...publishing.cost },
  { case: "read from the first record, 200 bytes", unit: "records/s", ...reading.rate },
  { case: "client CPU of a record read", unit: "µs", ...reading.cost }
])
