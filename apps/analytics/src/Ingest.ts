import { Broker, TypedTopic } from "@troupe/broker"
import { Reject } from "@troupe/clickstream"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ClickTopic from "./ClickTopic.ts"
import * as Feeding from "./Feeding.ts"
import type { Chunk, Source } from "./Source.ts"

/** The topic that lists the rows of the input that are no clicks. */
export const rejectedTopic = `${ClickTopic.name}-rejected`

const openRejected = Effect.gen(function* () {
  const broker = yield* Broker
  return TypedTopic.json(yield* broker.topic({ name: rejectedTopic }), Reject.Reject)
})

/**
 * Appends the source's clicks to their topic as `Feeding.run` does, and then the end. Rows that are no clicks go to `clicks-rejected`, each
 * once, under its row.
 */
export const run = Effect.fn("Ingest.run")(function* (
  source: Source,
  options: {
    readonly onProgress: (progress: Feeding.Progress) => Effect.Effect<void>
    /** The topic of clicks; default the run's own, `clicks`. */
    readonly topic?: string
  }
) {
  const rejected = yield* openRejected
  const reject = (row: Reject.Reject) =>
    rejected.append({ subject: `row.${row.row}`, value: row, expectLast: 0 }).pipe(
      Feeding.patiently,
      Effect.catchReason("BrokerError", "Conflict", () => Effect.void),
      Effect.catchTag("SchemaError", Effect.die)
    )
  const pieceOf = Effect.fnUntraced(function* ({ done, events, lastRow, rejects }: Chunk) {
    yield* Effect.forEach(rejects, reject, { discard: true })
    return { requests: yield* Effect.forEach(events, ClickTopic.request), lastRow, done }
  })
  const { name, total } = source
  return yield* Feeding.run(
    { name: options.topic ?? ClickTopic.name, rowHeader: ClickTopic.rowHeader, ends: ClickTopic.ends },
    { name, total, read: (fromRow) => Stream.mapEffect(source.read(fromRow), pieceOf) },
    options
  )
})

/** The rows of the run's input that are no clicks, in row order. */
export const rejects = Effect.gen(function* () {
  const list = yield* openRejected
  const all = yield* Stream.runCollect(list.read({ from: "first" }))
  return all.map(({ value }) => value).sort((a, b) => a.row - b.row)
})

/** What can stop an ingest. */
export type IngestError = Effect.Error<ReturnType<typeof run>>
