import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { BrokerError } from "../BrokerError.ts"
import { isFilter, isSubject } from "../Subject.ts"
import type { Appended, AppendRequest, ReadFrom, ReadOptions, Topic, TopicInfo } from "../Topic.ts"
import type { TopicRecord } from "../TopicRecord.ts"
import { notFoundError, rejectedError } from "./BrokerFailure.ts"
import type { LocalSubscriptions } from "./LocalSubscriptions.ts"
import { badFilters, badStart, readRequest, readScheduled } from "./ReadSpec.ts"
import { TopicCursor } from "./TopicCursor.ts"
import type { Accepted, TopicEngine } from "./TopicEngine.ts"

/** The port over one open local topic. */
export const makeLocalTopic = (engine: TopicEngine, subscriptions: LocalSubscriptions): Topic => {
  const { index } = engine
  const { name } = engine.settings
  const appending = `append to ${name}`
  const reading = `read ${name}`

  const submit = (requests: ReadonlyArray<AppendRequest>, atomic: boolean) =>
    engine.submit(requests.map(readRequest), atomic, appending)

  const answer = (accepted: Accepted | BrokerError): Effect.Effect<Appended, BrokerError> => {
    if (accepted instanceof BrokerError) return Effect.fail(accepted)
    const { committed, duplicate, sequence } = accepted
    return Effect.as(committed, { sequence, duplicate })
  }

  /** A sequence that the index answers, once it may be shown: what was accepted meanwhile may have replaced it. */
  const whenVisible = (sequence: () => number): Effect.Effect<number, BrokerError> =>
    Effect.suspend(() => {
      const closed = engine.closedError(reading)
      if (closed !== undefined) return Effect.fail(closed)
      engine.expire()
      const found = sequence()
      return found <= engine.visible
        ? Effect.succeed(found)
        : Effect.andThen(engine.barrier, whenVisible(sequence))
    })

  const startOf = (from: ReadFrom, filters: ReadonlyArray<string> | undefined) => {
    if (from === "first") return Effect.succeed(1)
    if (from === "last") {
      return Effect.map(
        whenVisible(() => new TopicCursor(index, filters, 1).last()),
        (last) => (last === 0 ? index.lastSequence + 1 : last)
      )
    }
    return Effect.sync(() =>
      typeof from === "number" ? from : index.records.firstAtOrAfter(from.timeMillis)
    )
  }

  const checkRead = (options: ReadOptions): BrokerError | undefined => {
    for (const value of [options.to, options.limit]) {
      if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
        return rejectedError(
          "argument",
          reading,
          `"to" and "limit" are whole numbers of at least 0, not ${value}.`
        )
      }
    }
    return badFilters(options.filters, reading) ?? badStart(options.from, reading)
  }

  const stream = (options: ReadOptions, follows: boolean): Stream.Stream<TopicRecord, BrokerError> =>
    Stream.fromPull(
      Effect.gen(function* () {
        const bad = checkRead(options) ?? engine.closedError(reading)
        if (bad !== undefined) return yield* bad
        engine.expire()
        const last = engine.visible
        const start = yield* startOf(options.from, options.filters)
        const cursor = new TopicCursor(index, options.filters, start)
        const end = Math.min(
          options.to ?? Number.POSITIVE_INFINITY,
          follows ? Number.POSITIVE_INFINITY : last
        )
        let left = options.limit ?? Number.POSITIVE_INFINITY
        const pull: Effect.Effect<
          NonEmptyReadonlyArray<TopicRecord>,
          BrokerError | Cause.Done
        > = Effect.suspend(() => {
          if (left === 0 || cursor.position > end) return Cause.done()
          const records = engine.chunk(cursor, end, left, reading)
          if (records instanceof BrokerError) return Effect.fail(records)
          if (isNonEmpty(records)) {
            left -= records.length
            return Effect.succeed(records)
          }
          return follows && cursor.position <= end
            ? Effect.andThen(engine.waitBeyond(cursor.position - 1), pull)
            : Cause.done()
        })
        return pull
      })
    )

  const lastPerSubject = (filter: string): Stream.Stream<TopicRecord, BrokerError> =>
    Stream.fromPull(
      Effect.gen(function* () {
        if (!isFilter(filter)) return yield* rejectedError("subject", reading, `"${filter}" is not a filter.`)
        yield* whenVisible(() => new TopicCursor(index, [filter], 1).last())
        let sequences = index.lastPerSubject([filter])
        let at = 0
        let replaced: Array<string> = []
        const pull: Effect.Effect<
          NonEmptyReadonlyArray<TopicRecord>,
          BrokerError | Cause.Done
        > = Effect.suspend(() => {
          const present: Array<number> = []
          while (at < sequences.length && present.length < 512) {
            const entry = sequences[at++]
            if (entry === undefined) break
            if (index.records.has(entry.sequence) && entry.sequence <= engine.visible)
              present.push(entry.sequence)
            else replaced.push(entry.subject)
          }
          const records = engine.records(present, reading)
          if (records instanceof BrokerError) return Effect.fail(records)
          if (isNonEmpty(records)) return Effect.succeed(records)
          if (replaced.length === 0) return Cause.done()
          // A newer record of these subjects came while we read: it is their last one now.
          const subjects = replaced
          replaced = []
          return Effect.flatMap(engine.barrier, () => {
            sequences = index.lastOfEach(subjects)
            at = 0
            return pull
          })
        })
        return pull
      })
    )

  return {
    name,
    append: (request) => Effect.suspend(() => answer(submit([request], false))),
    appendAll: (requests) =>
      Effect.suspend(() => {
        const count = requests.length
        if (count === 0) return Effect.succeed([])
        const accepted = submit(requests, true)
        if (accepted instanceof BrokerError) return Effect.fail(accepted)
        const first = accepted.sequence - count + 1
        return Effect.as(
          accepted.committed,
          Array.from({ length: count }, (_, i) => first + i)
        )
      }),
    appendAt: (request) =>
      Effect.suspend(() => answer(engine.submit([readScheduled(request)], false, appending))),
    cancelAt: (schedule) =>
      Effect.suspend(() => {
        const operation = `cancel what waits on ${schedule} of ${name}`
        if (!isSubject(schedule)) {
          return Effect.fail(rejectedError("subject", operation, `"${schedule}" is not a concrete subject.`))
        }
        return Effect.flatMap(
          whenVisible(() => index.lastOf(schedule)),
          (sequence): Effect.Effect<boolean, BrokerError> => {
            if (sequence === 0) return Effect.succeed(false)
            const records = engine.records([sequence], operation)
            if (records instanceof BrokerError) return Effect.fail(records)
            if (records[0]?.schedule === undefined) return Effect.succeed(false)
            const removal = engine.remove(
              (timeMillis) => ({ kind: "delete", sequence, timeMillis }),
              () => index.remove(sequence),
              operation
            )
            return removal instanceof BrokerError
              ? Effect.fail(removal)
              : Effect.as(removal.committed, removal.removed)
          }
        )
      }),
    read: (options) => stream(options, false),
    follow: (options) => stream(options, true),
    last: (subject) =>
      isSubject(subject)
        ? Effect.flatMap(
            whenVisible(() => index.lastOf(subject)),
            (sequence) => {
              if (sequence === 0) return Effect.succeed(Option.none())
              const records = engine.records([sequence], reading)
              return records instanceof BrokerError
                ? Effect.fail(records)
                : Effect.succeed(Option.fromUndefinedOr(records[0]))
            }
          )
        : Effect.fail(rejectedError("subject", reading, `"${subject}" is not a concrete subject.`)),
    lastPerSubject,
    info: Effect.gen(function* () {
      const closed = engine.closedError(`info of ${name}`)
      if (closed !== undefined) return yield* closed
      yield* engine.barrier
      engine.expire()
      const infos = yield* subscriptions.infos
      return {
        name,
        firstSequence: index.firstSequence,
        // Not the index's: what was accepted while this waited cannot be read yet, and who goes on behind it would miss it.
        lastSequence: engine.visible,
        records: index.records.count,
        bytes: index.bytes,
        subjects: index.subjects.size,
        subscriptions: infos
      } satisfies TopicInfo
    }),
    purge: ({ below, filter, keep }) =>
      Effect.suspend(() => {
        const operation = `purge ${name}`
        const bad = badFilters(filter === undefined ? undefined : [filter], operation)
        if (bad !== undefined) return Effect.fail(bad)
        for (const value of [below, keep]) {
          if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
            return Effect.fail(
              rejectedError("argument", operation, `"below" and "keep" are whole numbers, not ${value}.`)
            )
          }
        }
        const range = { filter, below, keep }
        const removal = engine.remove(
          (timeMillis) => ({ kind: "purge", range, timeMillis }),
          () => index.purge(range),
          operation
        )
        return removal instanceof BrokerError
          ? Effect.fail(removal)
          : Effect.as(removal.committed, removal.removed)
      }),
    delete: (sequence) =>
      Effect.suspend(() => {
        const operation = `delete record ${sequence} of ${name}`
        const closed = engine.closedError(operation)
        if (closed !== undefined) return Effect.fail(closed)
        engine.expire()
        if (!index.records.has(sequence)) {
          return Effect.fail(notFoundError("record", operation, "There is no record at that sequence."))
        }
        const removal = engine.remove(
          (timeMillis) => ({ kind: "delete", sequence, timeMillis }),
          () => index.remove(sequence),
          operation
        )
        return removal instanceof BrokerError ? Effect.fail(removal) : removal.committed
      }),
    subscription: subscriptions.open,
    updateSubscription: subscriptions.update,
    deleteSubscription: subscriptions.remove,
    advisories: subscriptions.advisories
  }
}

const isNonEmpty = <A>(values: ReadonlyArray<A>): values is NonEmptyReadonlyArray<A> => values.length > 0
