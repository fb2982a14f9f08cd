import { type AppendRequest, Broker, type BrokerError, type Topic, TypedTopic } from "@troupe/broker"
import { Reject } from "@troupe/clickstream"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ClickTopic from "./ClickTopic.ts"
import type { Source } from "./Source.ts"

/** The run's topic holds another input. */
export class OtherInput extends Schema.TaggedError<OtherInput>()("OtherInput", {
  held: Schema.String,
  given: Schema.String
}) {
  override get message() {
    return `This run already holds ${this.held}, not ${this.given}. Give a fresh directory with --data DIR.`
  }
}

/** Somebody else appends to this run's topic at the same time. */
export class OtherWriter extends Schema.TaggedError<OtherWriter>()("OtherWriter", { row: Schema.Int }) {
  override get message() {
    return `Another process appends to this run too; it is at row ${this.row}. Stop one of the two, or give this one a fresh directory with --data DIR.`
  }
}

/** What ingest did. */
export interface Ingested {
  /** The row that the topic's last record named when this began; 0 for a fresh topic. */
  readonly resumedFrom: number
  /** True when this run appended the end of the input; false when it was there already. */
  readonly wroteEnd: boolean
}

/** How far ingest has come, in the source's own unit. */
export interface IngestProgress {
  readonly done: number
  readonly total: number
}

/** The topic that lists the rows of the input that are no clicks. */
export const rejectedTopic = `${ClickTopic.name}-rejected`

const transient = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("1 second")])
const Start = Schema.Struct({ input: Schema.String })

/** The row named by the last record of the topic. */
const lastRow = (topic: Topic) =>
  topic.read({ from: "last", filters: ["p.*"] }).pipe(
    Stream.runHead,
    Effect.map(
      Option.match({
        onNone: () => ({ row: 0, ended: false }),
        onSome: (record) => ({ row: ClickTopic.rowOf(record), ended: ClickTopic.isEnd(record) })
      })
    )
  )

/** The last sequence on each partition: what the next append there expects. */
const tailsOf = (topic: Topic): Effect.Effect<Map<string, number>, BrokerError> =>
  topic.lastPerSubject("p.*").pipe(
    Stream.runFold(
      () => new Map<string, number>(),
      (tails, record) => tails.set(record.subject, record.sequence)
    )
  )

/** One input a topic: the first run names it, later ones must name the same. */
const claimInput = Effect.fnUntraced(function* (topic: Topic, source: Source) {
  const starts = TypedTopic.json(topic, Start)
  const held = yield* starts
    .append({ subject: "run.start", value: { input: source.name }, expectLast: 0 })
    .pipe(
      Effect.as(source.name),
      Effect.catchReason("BrokerError", "Conflict", () =>
        Effect.map(starts.last("run.start"), (last) =>
          Option.isSome(last) ? last.value.value.input : source.name
        )
      )
    )
  if (held !== source.name) return yield* new OtherInput({ held, given: source.name })
})

/**
 * Appends the source to the topic, from the row after the one that the topic's last record names.
 *
 * Each chunk is one all-or-nothing append, one chunk at a time: so the topic always holds a whole prefix of the rows, wherever the process
 * died, and nothing is appended twice: each append expects the partitions' last sequences, and after a doubtful answer the topic itself
 * is asked. Rejected rows go to `clicks-rejected`, each once, under its row.
 */
export const run = Effect.fn("Ingest.run")(function* (
  source: Source,
  options: { readonly onProgress: (progress: IngestProgress) => Effect.Effect<void> }
) {
  const broker = yield* Broker
  const topic = yield* broker.topic({ name: ClickTopic.name })
  const rejected = TypedTopic.json(yield* broker.topic({ name: rejectedTopic }), Reject.Reject)
  yield* claimInput(topic, source)
  const begin = yield* lastRow(topic)
  const ingested = { resumedFrom: begin.row, wroteEnd: !begin.ended }
  if (begin.ended) {
    yield* options.onProgress({ done: source.total, total: source.total })
    return ingested satisfies Ingested
  }

  let at = begin.row
  const tails = yield* tailsOf(topic)
  /** Appends one chunk behind the sequences last seen; after a doubtful answer the topic says whether it is in. */
  const appendOnce = Effect.fnUntraced(function* (
    requests: ReadonlyArray<AppendRequest>,
    row: number,
    isEnd: boolean
  ): Effect.fn.Return<void, BrokerError | OtherWriter> {
    const seen = new Set<string>()
    const fenced = requests.map((request) => {
      if (seen.has(request.subject)) return request
      seen.add(request.subject)
      return { ...request, expectLast: tails.get(request.subject) ?? 0 }
    })
    const append = topic.appendAll(fenced).pipe(
      Effect.flatMap((sequences) =>
        Effect.sync(() => {
          for (const [i, sequence] of sequences.entries()) tails.set(fenced[i]?.subject ?? "", sequence)
        })
      )
    )
    const settle = Effect.fnUntraced(function* (error: BrokerError) {
      const now = yield* lastRow(topic)
      if (now.row >= row && now.ended === isEnd) {
        for (const [subject, sequence] of yield* tailsOf(topic)) tails.set(subject, sequence)
        return
      }
      return yield* error.isTransient ? error : new OtherWriter({ row: now.row })
    })
    yield* append.pipe(
      Effect.catchIf((error) => error.isTransient || error.reason._tag === "Conflict", settle),
      Effect.retry({
        schedule: transient,
        times: 30,
        while: (error) => error._tag === "BrokerError" && error.isTransient
      })
    )
  })

  yield* source.read(begin.row + 1).pipe(
    Stream.runForEach(
      Effect.fnUntraced(function* (chunk) {
        yield* Effect.forEach(
          chunk.rejects,
          (reject) =>
            rejected.append({ subject: `row.${reject.row}`, value: reject, expectLast: 0 }).pipe(
              Effect.catchReason("BrokerError", "Conflict", () => Effect.void),
              Effect.catchTag("SchemaError", Effect.die)
            ),
          { discard: true }
        )
        const last = chunk.events.at(-1)
        if (last !== undefined) {
          yield* appendOnce(yield* Effect.forEach(chunk.events, ClickTopic.request), last.row, false)
        }
        at = chunk.lastRow
        yield* options.onProgress({ done: chunk.done, total: source.total })
      })
    )
  )
  yield* appendOnce(ClickTopic.ends(at), at, true)
  yield* options.onProgress({ done: source.total, total: source.total })
  return ingested satisfies Ingested
})

/** The rows of the run's input that are no clicks, in row order. */
export const rejects = Effect.gen(function* () {
  const broker = yield* Broker
  const list = TypedTopic.json(yield* broker.topic({ name: rejectedTopic }), Reject.Reject)
  const all = yield* Stream.runCollect(list.read({ from: "first" }))
  return all.map(({ value }) => value).sort((a, b) => a.row - b.row)
})

/** What can stop an ingest. */
export type IngestError = Effect.Error<ReturnType<typeof run>>
