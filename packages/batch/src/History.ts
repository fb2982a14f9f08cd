/**
 * One sequence space over a topic and its archive: what retention deleted from the topic is read from Parquet, the rest from the topic.
 */
import {
  BrokerError,
  type ReadOptions,
  StorageFailed,
  Subject,
  type Topic,
  type TopicRecord
} from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Batch from "./Batch.ts"
import { BatchError, brokerFailed, Missing } from "./BatchError.ts"
import * as Manifest from "./Manifest.ts"
import { manifestOf } from "./ManifestFile.ts"

/** What to read. */
export interface Options {
  readonly topic: Topic
  /** Directory of the topic's archive. */
  readonly archive: string
  /** First sequence, inclusive; default 1. */
  readonly from?: number
  /** Last sequence, inclusive; default what the topic held last when the read began. */
  readonly to?: number
  /** Subjects with wildcards, as `Topic.read` takes them. */
  readonly filters?: ReadonlyArray<string>
}

/** Archived records that are in memory at a time. */
const pageRecords = 8192

const textsOf = (value: Batch.Value | undefined): ReadonlyArray<string> =>
  Array.isArray(value) ? value.map(String) : []

const recordOf = (row: Batch.ResultRow): TopicRecord => {
  const { data, message_id, sequence, subject, time } = row
  const values = textsOf(row["header_values"])
  const headers = textsOf(row["header_names"]).map((name, index) => [name, values[index] ?? ""])
  return {
    sequence: Number(sequence),
    subject: String(subject),
    timeMillis: time instanceof Date ? time.getTime() : 0,
    headers: Object.fromEntries(headers),
    data: data instanceof Uint8Array ? data : new Uint8Array(),
    ...(message_id === null || message_id === undefined ? {} : { messageId: String(message_id) })
  }
}

/** Archived records `from` … `to` in sequence order. */
const archived = (directory: string, from: number, to: number): Stream.Stream<TopicRecord, BatchError> =>
  Stream.unwrap(
    Effect.map(Batch.open({ archives: { archive: directory } }), (batch) =>
      Stream.paginate(from, (next) =>
        Effect.map(
          batch.query(
            `SELECT sequence, subject, "time", message_id, data, map_keys(headers) AS header_names, map_values(headers) AS header_values
             FROM archive
             WHERE sequence BETWEEN $next AND $to ORDER BY sequence LIMIT ${pageRecords}`,
            { next, to }
          ),
          (rows) => {
            const records = rows.map(recordOf)
            const last = records.at(-1)?.sequence ?? to
            const isDone = records.length < pageRecords || last >= to
            return [records, isDone ? Option.none() : Option.some(last + 1)] as const
          }
        )
      )
    )
  )

/**
 * Reads records in sequence order, from the archive as far as the topic no longer has them, then from the topic. Fails with `Missing` when
 * there are some that neither has.
 */
export const read = (options: Options): Stream.Stream<TopicRecord, BatchError> => {
  const { archive, filters, topic } = options
  const broker = brokerFailed(`read ${topic.name}`)
  const wanted = Subject.matcher(filters)
  const readFrom = (from: number, to: number): Stream.Stream<TopicRecord, BatchError> =>
    Stream.unwrap(
      Effect.gen(function* () {
        if (from > to) return Stream.empty
        const info = yield* Effect.mapError(topic.info, broker)
        const first = info.records === 0 ? info.lastSequence + 1 : info.firstSequence
        if (first <= from) {
          return Stream.mapError(
            topic.read({ from, to, ...(filters === undefined ? {} : { filters }) }),
            broker
          )
        }
        const manifest = yield* manifestOf(archive)
        const through = Math.min(Manifest.through(manifest), first - 1, to)
        if (through < from) {
          const reason = new Missing({ from, firstSequence: first })
          return yield* new BatchError({ operation: `read ${topic.name}`, reason })
        }
        // Retention may go on meanwhile: what is left is looked at anew.
        return Stream.concat(
          Stream.filter(archived(archive, from, through), (record) => wanted(record.subject)),
          Stream.suspend(() => readFrom(through + 1, to))
        )
      })
    )
  return Stream.unwrap(
    Effect.map(Effect.mapError(topic.info, broker), ({ lastSequence }) =>
      readFrom(options.from ?? 1, Math.min(lastSequence, options.to ?? lastSequence))
    )
  )
}

/**
 * The topic with its whole history: `read` and `follow` from a sequence or from `first` begin in the archive, so that a view can be rebuilt
 * from the first event after retention deleted it. Everything else is the topic's own.
 */
export const withArchive = (topic: Topic, archive: string): Topic => {
  const fromOf = ({ from }: ReadOptions): number | undefined =>
    from === "first" ? 1 : typeof from === "number" ? from : undefined
  // The port has one error; a failure of the archive is a failure of the store that the caller reads.
  const asBroker = (error: BatchError): BrokerError =>
    error.reason._tag === "BrokerFailed"
      ? error.reason.error
      : new BrokerError({
          reason: new StorageFailed(),
          operation: error.operation,
          detail: error.message,
          cause: error
        })
  const past = (options: ReadOptions, from: number) => {
    const { filters, limit, to } = options
    const records = read({
      topic,
      archive,
      from,
      ...(to === undefined ? {} : { to }),
      ...(filters === undefined ? {} : { filters })
    }).pipe(Stream.mapError(asBroker))
    return limit === undefined ? records : Stream.take(records, limit)
  }
  return Object.create(topic, {
    read: {
      value: (options: ReadOptions) => {
        const from = fromOf(options)
        return from === undefined ? topic.read(options) : past(options, from)
      }
    },
    follow: {
      value: (options: ReadOptions) => {
        const from = fromOf(options)
        if (from === undefined) return topic.follow(options)
        const { limit, ...rest } = options
        const all = Stream.unwrap(
          Effect.map(topic.info, ({ firstSequence, lastSequence, records }) => {
            const first = records === 0 ? lastSequence + 1 : firstSequence
            if (first <= from) return topic.follow(rest)
            return Stream.concat(
              past({ ...rest, to: first - 1 }, from),
              topic.follow({ ...rest, from: first })
            )
          })
        )
        return limit === undefined ? all : Stream.take(all, limit)
      }
    }
  })
}
