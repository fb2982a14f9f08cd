/**
 * The latest value of each key, on any broker: a topic that keeps one record (or a short history) a subject.
 *
 * A revision is the sequence of the topic behind it, `kv_<name>`; so revisions grow over all keys and are never reused.
 * A key is tokens joined by `.`; each token may hold any characters, and is stored by `Subject.encodeToken`.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Broker } from "./Broker.ts"
import { BrokerError, Conflict } from "./BrokerError.ts"
import * as Subject from "./Subject.ts"
import type { AppendRequest, Topic } from "./Topic.ts"
import type { TopicRecord } from "./TopicRecord.ts"

/** What a store is; opening it with another specification is `SpecMismatch`. */
export interface KeyValueSpec {
  /** `[A-Za-z0-9_-]+`, at most 197 characters. */
  readonly name: string
  /** Entries kept a key, deletes among them; default 1, at least 1. */
  readonly history?: number
  /** Every entry expires this long after it was written; default never. */
  readonly ttl?: Duration.Input
}

/** One change of one key. */
export interface Entry {
  readonly key: string
  /** Empty for `delete` and `purge`. */
  readonly value: Uint8Array
  /** The sequence of the record in the topic. */
  readonly revision: number
  readonly timeMillis: number
  /** `purge` is a delete that dropped the key's history too. */
  readonly operation: "put" | "delete" | "purge"
}

/** What a watch tells: an entry, or that everything which was there when the watch began has been told. */
export type WatchEvent =
  | { readonly _tag: "Entry"; readonly entry: Entry }
  | { readonly _tag: "Current"; readonly revision: number }

/** An open store. */
export interface KeyValue {
  readonly name: string

  /** The entry of a key; none when it was never written, was deleted or has expired. */
  readonly get: (key: string) => Effect.Effect<Option.Option<Entry>, BrokerError>

  /** Writes a key that is not there (never written, deleted, or expired) and answers its revision; else `Conflict`. */
  readonly create: (
    key: string,
    value: Uint8Array,
    options?: WriteOptions
  ) => Effect.Effect<number, BrokerError>

  /** Writes a key whose last revision (a delete counts) is `revision`; else `Conflict`. Renewing a lease = update with a `ttl`. */
  readonly update: (
    key: string,
    value: Uint8Array,
    revision: number,
    options?: WriteOptions
  ) => Effect.Effect<number, BrokerError>

  /** Writes a key whatever is there and answers the new revision. */
  readonly put: (key: string, value: Uint8Array, options?: WriteOptions) => Effect.Effect<number, BrokerError>

  /** Marks a key as deleted, where `revision` is given only if that is its last one; answers the revision of the mark. */
  readonly delete: (
    key: string,
    options?: { readonly revision?: number }
  ) => Effect.Effect<number, BrokerError>

  /** Like `delete`, and drops the key's history atomically. */
  readonly purge: (
    key: string,
    options?: { readonly revision?: number }
  ) => Effect.Effect<number, BrokerError>

  /** The keys which have a value and match the filter (`*` one token, a final `>` the rest; default all), by revision. */
  readonly keys: (filter?: string) => Stream.Stream<string, BrokerError>

  /** What is kept of a key, oldest first, deletes included. */
  readonly history: (key: string) => Stream.Stream<Entry, BrokerError>

  /**
   * The latest state of the keys that match and then every change, in revision order; never ends.
   *
   * Without `fromRevision` it begins with the value of each key there is, then `Current`. With it, it begins with the
   * entries still kept at or after that revision (deletes included), then `Current`: a watcher which remembers a
   * revision resumes so. A watch is state, not a log: an entry that was overwritten meanwhile may be skipped. Expiry by a
   * ttl writes nothing, so no watch tells it.
   */
  readonly watch: (
    filter?: string,
    options?: { readonly fromRevision?: number }
  ) => Stream.Stream<WatchEvent, BrokerError>
}

/** How to write one entry. */
export interface WriteOptions {
  /**
   * The key is gone this long after the write (late by at most 2 s, never early); at least 1 s. A later write without
   * `ttl` makes it stay. It drops the key's history, so that an older value cannot come back at expiry.
   */
  readonly ttl?: Duration.Input
}

const operationHeader = "kv-operation"
const nothing = new Uint8Array(0)

const toSubject = (key: string) => key.split(".").map(Subject.encodeToken).join(".")

const toKey = (subject: string) => subject.split(".").map(Subject.decodeToken).join(".")

const toFilter = (filter: string) =>
  filter
    .split(".")
    .map((token) => (token === "*" || token === ">" ? token : Subject.encodeToken(token)))
    .join(".")

const toEntry = (record: TopicRecord): Entry => {
  const operation = record.headers[operationHeader]
  return {
    key: toKey(record.subject),
    value: record.data,
    revision: record.sequence,
    timeMillis: record.timeMillis,
    operation: operation === "delete" || operation === "purge" ? operation : "put"
  }
}

const isMark = (record: TopicRecord) => record.headers[operationHeader] !== undefined

const toEvent = (record: TopicRecord): WatchEvent => ({ _tag: "Entry", entry: toEntry(record) })

/** Opens a store, making it when it is not there. */
export const open = Effect.fn("KeyValue.open")(function* (spec: KeyValueSpec) {
  const broker = yield* Broker
  const history = spec.history ?? 1
  const topic = yield* broker.topic({
    name: `kv_${spec.name}`,
    limits: { maxRecordsPerSubject: history, ...(spec.ttl === undefined ? {} : { maxAge: spec.ttl }) }
  })
  return make(spec.name, topic, history)
})

const make = (name: string, topic: Topic, history: number): KeyValue => {
  const append = (request: AppendRequest) =>
    Effect.map(topic.append(request), (appended) => appended.sequence)

  const write = (key: string, value: Uint8Array, options: WriteOptions | undefined, expectLast?: number) =>
    append({
      subject: toSubject(key),
      data: value,
      ...(expectLast === undefined ? {} : { expectLast }),
      ...(options?.ttl === undefined ? {} : { ttl: options.ttl, rollup: history > 1 })
    })

  const mark = (key: string, operation: "delete" | "purge", revision: number | undefined) =>
    append({
      subject: toSubject(key),
      data: nothing,
      headers: { [operationHeader]: operation },
      rollup: operation === "purge",
      ...(revision === undefined ? {} : { expectLast: revision })
    })

  /** A deleted key still has its mark as last record, so a first "no record" is followed by "that mark". */
  const create = Effect.fnUntraced(function* (key: string, value: Uint8Array, options?: WriteOptions) {
    const last = yield* topic.last(toSubject(key))
    if (Option.isSome(last) && !isMark(last.value)) {
      const actual = last.value.sequence
      return yield* new BrokerError({
        operation: `create ${key} in ${name}`,
        reason: new Conflict({ subject: toSubject(key), expected: 0, actual }),
        detail: `The key has a value at revision ${actual}. Read it, then update from that revision.`
      })
    }
    return yield* write(key, value, options, Option.isSome(last) ? last.value.sequence : 0)
  })

  const watchFrom = (filters: ReadonlyArray<string>, fromRevision: number, current: number) =>
    topic
      .read({ from: fromRevision, to: current, filters })
      .pipe(
        Stream.map(toEvent),
        Stream.concat(Stream.succeed<WatchEvent>({ _tag: "Current", revision: current })),
        Stream.concat(
          topic.follow({ from: Math.max(current + 1, fromRevision), filters }).pipe(Stream.map(toEvent))
        )
      )

  /**
   * The last record of each key need not be read at one moment, so what was told beyond `current` is remembered and not
   * told again when the changes after `current` come by.
   */
  const watchState = (filter: string, current: number) => {
    const told = new Map<string, number>()
    const state = topic.lastPerSubject(filter).pipe(
      Stream.mapArray((records) => {
        for (const record of records) {
          if (record.sequence > current) told.set(record.subject, record.sequence)
        }
        return records
      }),
      Stream.filter((record) => !isMark(record)),
      Stream.map(toEvent)
    )
    const changes = topic.follow({ from: current + 1, filters: [filter] }).pipe(
      Stream.filter((record) => record.sequence > (told.get(record.subject) ?? 0)),
      Stream.map(toEvent)
    )
    return state.pipe(
      Stream.concat(Stream.succeed<WatchEvent>({ _tag: "Current", revision: current })),
      Stream.concat(changes)
    )
  }

  return {
    name,
    get: (key) =>
      Effect.map(topic.last(toSubject(key)), (last) =>
        Option.isSome(last) && !isMark(last.value) ? Option.some(toEntry(last.value)) : Option.none()
      ),
    create,
    update: (key, value, revision, options) => write(key, value, options, revision),
    put: (key, value, options) => write(key, value, options),
    delete: (key, options) => mark(key, "delete", options?.revision),
    purge: (key, options) => mark(key, "purge", options?.revision),
    keys: (filter = ">") =>
      topic.lastPerSubject(toFilter(filter)).pipe(
        Stream.filter((record) => !isMark(record)),
        Stream.map((record) => toKey(record.subject))
      ),
    history: (key) => topic.read({ from: "first", filters: [toSubject(key)] }).pipe(Stream.map(toEntry)),
    watch: (filter = ">", options = {}) =>
      Stream.unwrap(
        Effect.map(topic.info, ({ lastSequence }) =>
          options.fromRevision === undefined
            ? watchState(toFilter(filter), lastSequence)
            : watchFrom([toFilter(filter)], options.fromRevision, lastSequence)
        )
      )
  }
}
