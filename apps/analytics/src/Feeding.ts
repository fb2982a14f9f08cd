import {
  type AppendRequest,
  Broker,
  BrokerError,
  type Topic,
  type TopicRecord,
  TypedTopic
} from "@troupe/broker"
import { Control } from "@troupe/sessions"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

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

/** A topic that is fed from one input: how its records say which row of the input they came from. */
export interface FedTopic {
  readonly name: string
  /** Header with the row (from 1) of the input that a record came from. */
  readonly rowHeader: string
  /** The `EndOfInput` records that end the input, naming its last row. */
  readonly ends: (lastRow: number) => ReadonlyArray<AppendRequest>
}

/** Some consecutive rows of an input, as records: at most 1 000, on subjects `p.*`, in row order, each naming its row. */
export interface Piece {
  readonly requests: ReadonlyArray<AppendRequest>
  /** Last row of this piece; rows that give no record included. */
  readonly lastRow: number
  /** How far the input is read, in the unit of its `total`. */
  readonly done: number
}

/** An input that can be read again from any row on, and gives the same records again. */
export interface Source<E> {
  /** Names the input; a run's topic belongs to one input only. */
  readonly name: string
  /** The whole of it, in a unit of its own. */
  readonly total: number
  /** The rows from `fromRow` (1-based) on. */
  readonly read: (fromRow: number) => Stream.Stream<Piece, E>
}

/** What feeding did. */
export interface Fed {
  /** The row that the topic's last record named when this began; 0 for a fresh topic. */
  readonly resumedFrom: number
  /** True when this run appended the end of the input; false when it was there already, or is to come. */
  readonly wroteEnd: boolean
}

/** How far feeding has come, in the source's own unit. */
export interface Progress {
  readonly done: number
  readonly total: number
}

const isEnd = ({ headers }: TopicRecord): boolean => Control.ofHeaders(headers)?._tag === "EndOfInput"

const partitionSubjects = "p.*"
const transient = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("1 second")])
const Start = Schema.Struct({ input: Schema.String })

/** Where a topic stands: the last row in it, whether it has ended, and each partition's last sequence, which the next append expects. */
interface Standing {
  readonly row: number
  readonly ended: boolean
  readonly tails: ReadonlyMap<string, number>
}

/** Reads all of it from the partitions' last records: so no tail is ahead of the row, whoever appends meanwhile. */
const standingOf = (topic: Topic, rowHeader: string): Effect.Effect<Standing, BrokerError> =>
  topic.lastPerSubject(partitionSubjects).pipe(
    Stream.runFold(
      (): Standing => ({ row: 0, ended: false, tails: new Map() }),
      ({ ended, row, tails }, record) => ({
        row: Math.max(row, Number(record.headers[rowHeader] ?? 0)),
        ended: ended || isEnd(record),
        tails: new Map(tails).set(record.subject, record.sequence)
      })
    )
  )

/** Tries again, about half a minute long, what fails for a while; only for what may be done twice. */
export const patiently = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.retry(self, {
    schedule: transient,
    times: 30,
    while: (error) => error instanceof BrokerError && error.isTransient
  })

/** One input a topic: the first run names it, later ones must name the same. */
const claimInput = Effect.fnUntraced(function* (topic: Topic, input: string) {
  const starts = TypedTopic.json(topic, Start)
  const held = yield* starts.append({ subject: "run.start", value: { input }, expectLast: 0 }).pipe(
    Effect.as(input),
    patiently,
    Effect.catchReason("BrokerError", "Conflict", () =>
      Effect.map(starts.last("run.start"), (last) => (Option.isSome(last) ? last.value.value.input : input))
    )
  )
  if (held !== input) return yield* new OtherInput({ held, given: input })
})

/**
 * Appends the source to the topic, from the row after the one that the topic's last record names; then, unless `end` is false, the end.
 *
 * Each piece is one all-or-nothing append, one piece at a time: so the topic always holds a whole prefix of the rows, wherever the process
 * died, and nothing is appended twice: each append expects the partitions' last sequences, and after a doubtful answer the topic itself
 * is asked. A topic that holds the end already stays as it is.
 */
export const run = Effect.fn("Feeding.run")(function* <E>(
  fed: FedTopic,
  source: Source<E>,
  options: { readonly onProgress: (progress: Progress) => Effect.Effect<void>; readonly end?: boolean }
) {
  const broker = yield* Broker
  const topic = yield* broker.topic({ name: fed.name })
  const standing = standingOf(topic, fed.rowHeader)
  yield* claimInput(topic, source.name)
  const begin = yield* standing
  const whole = Effect.suspend(() => options.onProgress({ done: source.total, total: source.total }))
  if (begin.ended) {
    yield* whole
    return { resumedFrom: begin.row, wroteEnd: false } satisfies Fed
  }

  let at = begin.row
  let tails = new Map(begin.tails)
  /** Appends one piece behind the sequences last seen; after a doubtful answer the topic says whether it is in. */
  const appendOnce = Effect.fnUntraced(function* (
    requests: ReadonlyArray<AppendRequest>,
    row: number,
    end: boolean
  ): Effect.fn.Return<void, BrokerError | OtherWriter> {
    const append = Effect.suspend(() => {
      const seen = new Set<string>()
      const fenced = requests.map((request) => {
        if (seen.has(request.subject)) return request
        seen.add(request.subject)
        return { ...request, expectLast: tails.get(request.subject) ?? 0 }
      })
      return topic.appendAll(fenced).pipe(
        Effect.flatMap((sequences) =>
          Effect.sync(() => {
            for (const [i, sequence] of sequences.entries()) tails.set(fenced[i]?.subject ?? "", sequence)
          })
        )
      )
    })
    const settle = Effect.fnUntraced(function* (error: BrokerError) {
      const now = yield* standing
      if (now.row === row && now.ended === end) {
        tails = new Map(now.tails)
        return
      }
      // Further than this piece only somebody else can have come.
      return yield* error.isTransient && now.row <= row && !now.ended
        ? error
        : new OtherWriter({ row: now.row })
    })
    yield* append.pipe(
      Effect.catchIf((error) => error.isTransient || error.reason._tag === "Conflict", settle),
      patiently
    )
  })

  yield* source.read(begin.row + 1).pipe(
    Stream.runForEach(
      Effect.fnUntraced(function* (piece) {
        const last = piece.requests.at(-1)
        if (last !== undefined) {
          yield* appendOnce(piece.requests, Number(last.headers?.[fed.rowHeader]), false)
        }
        at = piece.lastRow
        yield* options.onProgress({ done: piece.done, total: source.total })
      })
    )
  )
  const wroteEnd = options.end ?? true
  if (wroteEnd) yield* appendOnce(fed.ends(at), at, true)
  yield* whole
  return { resumedFrom: begin.row, wroteEnd } satisfies Fed
})
