/**
 * A topic whose data is values of a schema: the codec at the edge, while the port itself moves bytes.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { BrokerError } from "./BrokerError.ts"
import { jsonCodec } from "./JsonCodec.ts"
import type { Appended, AppendRequest, ReadOptions, ScheduledAppend, Topic } from "./Topic.ts"
import type { TopicRecord } from "./TopicRecord.ts"

/** A record whose bytes are not a value of the schema. Skip it, park it, or read it with the schema that wrote it. */
export class UndecodableRecord extends Schema.TaggedError<UndecodableRecord>()("UndecodableRecord", {
  topic: Schema.String,
  sequence: Schema.Number,
  subject: Schema.String,
  /** What the schema found wrong. */
  detail: Schema.String
}) {
  override get message() {
    return `record ${this.sequence} of ${this.topic} (subject ${this.subject}) does not fit the schema: ${this.detail}. Read it with the schema that wrote it, or skip it.`
  }
}

/** A record with its value beside the bytes. */
export interface TypedRecord<A> extends TopicRecord {
  readonly value: A
}

/** An append whose data is a value. */
export interface TypedAppend<A> extends Omit<AppendRequest, "data"> {
  readonly value: A
}

/** A value to append at a moment. */
export interface TypedScheduled<A> extends Omit<ScheduledAppend, "data"> {
  readonly value: A
}

/** A topic of values of one schema. */
export interface TypedTopic<A> {
  /** The topic beneath: subscriptions, purge, info. */
  readonly topic: Topic
  /** `Topic.append` of a value; a value that does not fit its own schema is `SchemaError` and nothing is stored. */
  readonly append: (request: TypedAppend<A>) => Effect.Effect<Appended, BrokerError | Schema.SchemaError>
  /** `Topic.appendAll` of values: all or none. */
  readonly appendAll: (
    requests: ReadonlyArray<TypedAppend<A>>
  ) => Effect.Effect<ReadonlyArray<number>, BrokerError | Schema.SchemaError>
  /** `Topic.appendAt` of a value. */
  readonly appendAt: (request: TypedScheduled<A>) => Effect.Effect<Appended, BrokerError | Schema.SchemaError>
  /** `Topic.read` of values; fails at the first record that does not fit. */
  readonly read: (options: ReadOptions) => Stream.Stream<TypedRecord<A>, BrokerError | UndecodableRecord>
  /** `Topic.follow` of values; fails at the first record that does not fit. */
  readonly follow: (options: ReadOptions) => Stream.Stream<TypedRecord<A>, BrokerError | UndecodableRecord>
  /** `Topic.last` of a value. */
  readonly last: (
    subject: string
  ) => Effect.Effect<Option.Option<TypedRecord<A>>, BrokerError | UndecodableRecord>
  /** The value of a record, e.g. of a delivery. */
  readonly decode: (record: TopicRecord) => Result.Result<TypedRecord<A>, UndecodableRecord>
}

/** Decodes a chunk at a time; the records before a bad one are emitted before the failure. */
const decodeAll = <A, B, E>(
  records: Stream.Stream<A, E>,
  decode: (record: A) => Result.Result<B, UndecodableRecord>
): Stream.Stream<B, E | UndecodableRecord> =>
  Stream.transformPull(records, (pull) =>
    Effect.sync(() => {
      let failed: UndecodableRecord | undefined
      return Effect.suspend(() =>
        failed !== undefined
          ? Effect.fail(failed)
          : Effect.flatMap(pull, (chunk) => {
              const values: Array<B> = []
              for (const record of chunk) {
                const decoded = decode(record)
                if (Result.isFailure(decoded)) {
                  failed = decoded.failure
                  break
                }
                values.push(decoded.success)
              }
              if (Arr.isArrayNonEmpty(values)) return Effect.succeed(values)
              return failed === undefined ? Effect.die("an empty chunk") : Effect.fail(failed)
            })
      )
    })
  )

/** A topic of JSON values. */
export const json = <A, I>(topic: Topic, schema: Schema.Codec<A, I>): TypedTopic<A> => {
  const codec = jsonCodec(schema)

  const toRequest = ({ value, ...rest }: TypedAppend<A>) =>
    Effect.map(codec.encode(value), (data): AppendRequest => ({ ...rest, data }))

  const decode = (record: TopicRecord): Result.Result<TypedRecord<A>, UndecodableRecord> => {
    const decoded = codec.decode(record.data)
    return Result.isSuccess(decoded)
      ? Result.succeed({ ...record, value: decoded.success })
      : Result.fail(
          new UndecodableRecord({
            topic: topic.name,
            sequence: record.sequence,
            subject: record.subject,
            detail: decoded.failure
          })
        )
  }

  return {
    topic,
    append: (request) => Effect.flatMap(toRequest(request), topic.append),
    appendAll: (requests) => Effect.flatMap(Effect.forEach(requests, toRequest), topic.appendAll),
    appendAt: ({ value, ...rest }) =>
      Effect.flatMap(codec.encode(value), (data) => topic.appendAt({ ...rest, data })),
    read: (options) => decodeAll(topic.read(options), decode),
    follow: (options) => decodeAll(topic.follow(options), decode),
    last: (subject) =>
      Effect.flatMap(topic.last(subject), (last) =>
        Option.isNone(last)
          ? Effect.succeedNone
          : Effect.map(Effect.fromResult(decode(last.value)), Option.some)
      ),
    decode
  }
}
