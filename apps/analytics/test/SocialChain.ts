/** The stages of one edition over a small feed, run as a process would, and what they leave in their topics. */
import { createHash } from "node:crypto"
import { NodeFileSystem } from "@effect/platform-node"
import { Broker, type TopicRecord } from "@troupe/broker"
import { BrokerChoice } from "@troupe/console"
import { ActorSystem } from "@troupe/runtime"
import { Outputs, Replay, Serving, View } from "@troupe/views"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Aggregate from "../src/social/Aggregate.ts"
import * as Edition from "../src/social/Edition.ts"
import * as Feed from "../src/social/Feed.ts"
import * as Pipeline from "../src/social/Pipeline.ts"
import * as Preprocess from "../src/social/Preprocess.ts"
import * as RawTopic from "../src/social/RawTopic.ts"
import * as SocialEvent from "../src/social/SocialEvent.ts"
import * as SocialIngest from "../src/social/SocialIngest.ts"
import * as SocialSource from "../src/social/SocialSource.ts"
import { temporaryDirectory } from "./AnalyticsProcess.ts"

/** Version 2: it leaves out for every reason there is. */
export const edition = Edition.v2
export const preprocess = Preprocess.view(edition)
export const aggregate = Aggregate.view(edition)

/** Small chunks and frequent snapshots: many writes to be killed at. */
export const settings = { chunkRecords: 16, checkpointRecords: 24 }

/** The topics that the stages write. */
export const names = {
  preprocessed: View.outputTopic(preprocess),
  preprocessedState: View.stateTopic(preprocess),
  aggregated: View.outputTopic(aggregate),
  aggregatedState: View.stateTopic(aggregate),
  served: `${View.outputTopic(aggregate)}-served`
} as const

/** A whole number of 0 … 2³² − 1 out of a seed, the same for the same numbers. */
export const chosen = (seed: number, salt: number): number => {
  let hash = Math.imul(seed, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca77)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
  return (hash ^ (hash >>> 15)) >>> 0
}

/** The brokers to test on; what lies on one stays for as long as the place lives. */
export type BrokerName = "memory" | "embedded" | "nats"

/** Topics of their own: each effect that is run there is a process of its own, with its own connection or its own opening of the files. */
export interface Place {
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Broker>>
}

/** Makes a place without records. `natsUrl` for `nats`. */
export const place = Effect.fnUntraced(function* (
  broker: BrokerName,
  natsUrl = ""
): Effect.fn.Return<Place, never, Scope.Scope> {
  const directory = yield* Effect.acquireRelease(Effect.sync(temporaryDirectory), (held) =>
    Effect.sync(() => held[Symbol.dispose]())
  )
  const layer = BrokerChoice.layer({ broker, directory: { path: directory.path, isKept: true } }).pipe(
    Layer.provide(NodeFileSystem.layer),
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ NATS_URL: natsUrl }))),
    Layer.orDie
  )
  if (broker !== "memory") return { run: Effect.provide(layer, { local: true }) }
  const context = yield* Layer.build(Layer.fresh(layer))
  return { run: Effect.provide(context) }
})

const fed = [...Feed.lines({ seed: 11, events: 1300, days: 3 })]
/** So many lines back an event is late: some eighteen hours. */
const lateBy = 350

/**
 * Lines of a feed, every eighth of them followed by an event that is late, every fifth by one that was there before: whoever forgets what time it
 * was, or what was seen, counts those.
 */
const lines: ReadonlyArray<string> = fed.flatMap((line, i) => {
  const old = i % 8 === 0 ? SocialEvent.parse(fed[i - lateBy] ?? "") : undefined
  return [
    line,
    ...(old === undefined || Result.isFailure(old)
      ? []
      : [JSON.stringify({ ...old.success, id: `${old.success.id}-late` })]),
    ...(i % 5 === 0 ? [fed[i - (chosen(i, 0) % 60)] ?? line] : [])
  ]
})

/** The row in the middle of the source. */
export const halfway = Math.floor(lines.length / 2)

const pieceRows = 60

/** Those lines as a source, in pieces that are small enough for many of them to be under way. */
export const source: SocialSource.Source = {
  name: "a feed with late events",
  total: lines.length,
  read: (fromRow) =>
    Stream.fromIterable(lines.slice(fromRow - 1).map((line, i) => RawTopic.request(line, fromRow + i))).pipe(
      Stream.grouped(pieceRows),
      Stream.map((requests) => {
        const lastRow = Number(requests.at(-1)?.headers?.[RawTopic.rowHeader])
        return { requests, lastRow, done: lastRow }
      })
    )
}

/** Appends what of the source is not in the raw topic yet. */
export const ingest = SocialIngest.run(source, { onProgress: () => Effect.yieldNow })

/** The same up to a row; the rest is to come. */
export const ingestUntil = (row: number) =>
  SocialIngest.run(SocialSource.until(source, row), { end: false, onProgress: () => Effect.yieldNow })

/** Runs the stages on a broker in an actor system of their own, like a process, until `until` ends. */
export const asProcess = <A, E>(
  broker: Broker["Service"],
  until: (running: Pipeline.Running) => Effect.Effect<A, E, Broker | Scope.Scope>
) =>
  Effect.flatMap(Pipeline.run(edition, settings), (running) =>
    Effect.raceFirst(until(running), running.failure)
  ).pipe(
    Effect.scoped,
    Effect.provideService(Broker, broker),
    Effect.provide(ActorSystem.layer, { local: true })
  )

/** Runs the stages undisturbed to the end of what there is. */
export const toTheEnd = Effect.flatMap(Broker, (broker) => asProcess(broker, (running) => running.caughtUp()))

/** A topic's records. */
export const recordsOf = Effect.fnUntraced(function* (name: string) {
  const limits = name === names.served ? { limits: { maxRecordsPerSubject: 1 } } : {}
  const topic = yield* (yield* Broker).topic({ name, ...limits })
  return yield* Stream.runCollect(topic.read({ from: "first" }))
})

const said = ({ data, headers, messageId }: TopicRecord): string =>
  JSON.stringify({ headers, messageId, data: createHash("sha256").update(data).digest("hex") })

/** A topic's records in order by subject: headers, ids and bytes, without their sequences among all subjects. */
export const bySubject = Effect.fnUntraced(function* (name: string) {
  const held: { [subject: string]: Array<string> } = {}
  for (const record of yield* recordsOf(name)) {
    const records = held[record.subject] ?? []
    held[record.subject] = records
    records.push(said(record))
  }
  return held
})

/** Everything of these topics but its snapshots, to the last sequence and time. */
export const everything = Effect.forEach(
  [RawTopic.name, names.preprocessed, names.aggregated, names.served],
  (name) =>
    Effect.map(recordsOf(name), (records) =>
      records.map(
        (record) => `${name} ${record.sequence} ${record.timeMillis} ${record.subject} ${said(record)}`
      )
    )
)

/** All outputs of both stages, however commits were cut. */
export const digests = Effect.gen(function* () {
  const stages = [yield* Replay.outputDigests(preprocess), yield* Replay.outputDigests(aggregate)]
  return stages.map((stage) =>
    stage.map(({ digest, outputs, partition }) => ({ partition, outputs, digest }))
  )
})

/** How often each verdict of the first stage came out. */
export const verdicts = Effect.gen(function* () {
  const counts: { [verdict: string]: number } = {}
  for (const committed of yield* Stream.runCollect(Outputs.read(preprocess))) {
    for (const { is } of Outputs.decode(preprocess, committed)) counts[is] = (counts[is] ?? 0) + 1
  }
  return counts
})

const text = new TextDecoder()

/** Every row that is served, as it is stored, with its key and revision; and whether the rows say that they are all there are. */
export const served = Effect.gen(function* () {
  const outputs = yield* (yield* Broker).topic({ name: names.aggregated })
  const { through } = yield* Serving.rows(aggregate)
  const rows = (yield* recordsOf(names.served))
    .filter(({ subject }) => subject.startsWith("r."))
    .map(({ data, subject }) => `${subject} ${text.decode(data)}`)
    .sort()
  return { rows, isWhole: through === (yield* outputs.info).lastSequence }
})

/** What two runs over one raw topic must agree on, however often either was killed. */
export const outcome = Effect.gen(function* () {
  return {
    preprocessed: yield* bySubject(names.preprocessed),
    digests: yield* digests,
    served: yield* served
  }
})
