import { Broker, type BrokerError, type Topic } from "@troupe/broker"
import {
  type History,
  Journal,
  JournalConflict,
  JournalDamaged,
  JournalError,
  type JournalErrorReason,
  JournalRejected,
  type JournalSnapshot,
  JournalUnavailable,
  JournalUnknown
} from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { decodeEntry, encodeEntry, subjectOf } from "./EntryFormat.ts"
import { chunksMax, decodeChunks, encodeSnapshot, headOf } from "./SnapshotFormat.ts"
import { makeWriter, type Writer } from "./Writer.ts"

/**
 * Keeps the histories of event-sourced actors in the topic `topic`, and their snapshots in the topic `<topic>-snapshots`.
 *
 * One command is one record on the subject `<actor>.<id>`, holding all its events; the record's expected last sequence on that subject is
 * the fence between two writers. Busy, unreachable and silent brokers are asked again for about three seconds, under one message id.
 * Durability is the broker's. A snapshot is cut in records of 500 kB, appended as one; the histories are never trimmed.
 */
export const layer = (options: { readonly topic: string }): Layer.Layer<Journal, BrokerError, Broker> =>
  Layer.effect(
    Journal,
    Effect.gen(function* () {
      const broker = yield* Broker
      const histories = yield* broker.topic({ name: options.topic })
      const snapshots = yield* broker.topic({
        name: `${options.topic}-snapshots`,
        limits: { maxRecordsPerSubject: 1 }
      })
      const writer = yield* makeWriter
      return Journal.of({
        append: (history, { expected, ...entry }) =>
          writer
            .append(histories, { subject: subjectOf(history), expectLast: expected, ...encodeEntry(entry) })
            .pipe(Effect.mapError(({ error, uncertain }) => journalError(history, error, uncertain))),
        read: (history, after) =>
          histories.read({ from: after + 1, filters: [subjectOf(history)] }).pipe(
            Stream.mapError((error) => journalError(history, error, false)),
            Stream.mapEffect((record) => {
              const entry = decodeEntry(record)
              return Result.isSuccess(entry)
                ? Effect.succeed(entry.success)
                : Effect.fail(damaged(history, record.sequence, entry.failure))
            })
          ),
        snapshot: (history) =>
          Effect.mapError(load(snapshots, history), (error) => journalError(history, error, false)),
        saveSnapshot: (history, snapshot) => save(snapshots, writer, history, snapshot)
      })
    })
  )

const chunkSubject = (history: History, index: number): string => `${subjectOf(history)}.${index}`

/** The newest whole snapshot; one that is being replaced, or cannot be read, counts as none: the history has everything. */
const load = (topic: Topic, history: History): Effect.Effect<Option.Option<JournalSnapshot>, BrokerError> =>
  Effect.gen(function* () {
    const first = yield* topic.last(chunkSubject(history, 0))
    if (Option.isNone(first)) return Option.none()
    const head = headOf(first.value)
    const indices = Array.from({ length: (head?.count ?? 1) - 1 }, (_, index) => index + 1)
    const rest = yield* Effect.forEach(indices, (index) => topic.last(chunkSubject(history, index)), {
      concurrency: 4
    })
    const chunks = [first.value, ...rest.flatMap(Option.toArray)].filter(
      (chunk) => headOf(chunk)?.id === head?.id
    )
    if (head !== undefined && chunks.length === head.count) {
      const snapshot = decodeChunks(chunks)
      if (Result.isSuccess(snapshot)) return Option.some(snapshot.success)
    }
    yield* Effect.logWarning(
      `the snapshot of ${history.actor}/${history.id} cannot be read; its history is replayed instead`
    )
    return Option.none()
  })

/** Stores all chunks or none, unless a newer snapshot is there or comes first. */
const save = Effect.fnUntraced(
  function* (topic: Topic, writer: Writer, history: History, snapshot: JournalSnapshot) {
    const subject = chunkSubject(history, 0)
    const there = yield* topic.last(subject)
    if (Option.isSome(there) && (headOf(there.value)?.sequence ?? 0) >= snapshot.sequence) return
    const chunks = encodeSnapshot(snapshot, yield* writer.nextId)
    if (chunks.length > chunksMax) return yield* Effect.fail("too large" as const)
    const expectLast = Option.isSome(there) ? there.value.sequence : 0
    // The head last: it is what a reader looks for first.
    const requests = chunks.map((chunk, index) => ({ ...chunk, subject: chunkSubject(history, index) }))
    const [head, ...rest] = requests as [(typeof requests)[number], ...typeof requests]
    yield* topic
      .appendAll([...rest, { ...head, expectLast }])
      .pipe(Effect.catchReason("BrokerError", "Conflict", () => Effect.void))
  },
  (effect, _topic, _writer, history) =>
    Effect.mapError(effect, (error) =>
      error === "too large"
        ? new JournalError({
            reason: new JournalRejected({}),
            history: nameOf(history),
            detail: "The snapshot is over 500 MB; keep less in the state."
          })
        : journalError(history, error, false)
    )
)

const nameOf = (history: History): string => `${history.actor}/${history.id}`

const damaged = (history: History, sequence: number, cause: unknown): JournalError =>
  new JournalError({
    reason: new JournalDamaged({}),
    history: nameOf(history),
    detail: `The record at sequence ${sequence} is no entry of a journal; keep other records out of its topic.`,
    cause
  })

/** A broker's refusal in the journal's words; `uncertain` when an earlier try of the same append had no answer. */
const journalError = (history: History, error: BrokerError, uncertain: boolean): JournalError =>
  new JournalError({
    reason: reasonOf(error, uncertain),
    history: nameOf(history),
    detail: error.message,
    cause: error
  })

const reasonOf = (error: BrokerError, uncertain: boolean): JournalErrorReason => {
  if (uncertain) return new JournalUnknown({})
  const { reason } = error
  switch (reason._tag) {
    case "Conflict": {
      const { actual, expected } = reason
      return new JournalConflict(actual === undefined ? { expected } : { expected, actual })
    }
    case "Unknown":
    case "Busy":
    case "Unavailable":
      return new JournalUnavailable({})
    case "Rejected":
    case "NotFound":
    case "SpecMismatch":
      return new JournalRejected({})
    case "StorageFailed":
      return new JournalDamaged({})
  }
}
