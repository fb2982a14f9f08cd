import { type BrokerError, Subject, type Topic, type TopicRecord } from "@troupe/broker"
import type { ActorRef } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Board } from "./Processor.ts"
import { ChunkArrived } from "./Protocol.ts"
import type { Throttle } from "./Throttle.ts"
import { backoff } from "./Transient.ts"
import { NoSuchPartition, ViewError } from "./ViewError.ts"

/** One partition, as the router sees it. */
export interface Lane {
  readonly board: Board
  readonly ref: ActorRef<ChunkArrived>
  /** Last sequence that the partition has already. */
  readonly after: number
}

/** Subject filters of a partition: `p.<n>` and everything below it. */
export const filtersOf = (partition: number): ReadonlyArray<string> => {
  const subject = Subject.partitionSubject(partition)
  return [subject, `${subject}.>`]
}

/** The partition of a subject `p.<n>` or `p.<n>.…`; -1 for another. */
export const partitionOfSubject = (subject: string): number => {
  if (!subject.startsWith("p.")) return -1
  let partition = 0
  let at = 2
  for (; at < subject.length; at++) {
    const digit = subject.charCodeAt(at) - 48
    if (digit === -2) break
    if (digit < 0 || digit > 9) return -1
    partition = partition * 10 + digit
  }
  return at === 2 ? -1 : partition
}

/** Records collected for a partition before it is told of them. */
const batchRecords = 2048

/** How far the router is; it writes, the run reads. */
export interface Cursor {
  /** Last sequence read. */
  read: number
  /** Every record up to this sequence was told. */
  routed: number
}

/**
 * Reads the input once for all partitions and tells each of its own records: first what is there, then what comes. Never ends.
 *
 * Partitions that are behind the foremost are brought up to it first, each by a read of its own. One slow partition
 * holds the others back by its mailbox, no more. `onRouted` is called whenever `cursor.routed` moved.
 */
export const run = (options: {
  readonly view: string
  readonly input: Topic
  readonly lanes: ReadonlyArray<Lane>
  /** All partitions of the topic where the run owns them all: a record of another one is then an error. */
  readonly whole: number | undefined
  readonly cursor: Cursor
  /** Slows down what is read to catch up, never what comes live. */
  readonly throttle: Throttle | undefined
  readonly onRouted: () => void
}): Effect.Effect<never, BrokerError | ViewError> => {
  const { cursor, input, lanes, onRouted, throttle, view, whole } = options
  const filters = whole === undefined ? lanes.flatMap(({ board }) => filtersOf(board.partition)) : ["p.>"]
  const batches = new Map<number, { readonly lane: Lane; records: Array<TopicRecord>; read: number }>()
  for (const lane of lanes) batches.set(lane.board.partition, { lane, records: [], read: lane.after })
  const foremost = Math.max(...lanes.map((lane) => lane.after))
  cursor.read = foremost

  const tell = (lane: Lane, records: ReadonlyArray<TopicRecord>, through: number, ended: boolean) =>
    Effect.suspend(() => {
      lane.board.waiting++
      return lane.ref.tell(new ChunkArrived({ records, through, ended }))
    })

  /** Puts records into the batches of their partitions; answers whether one is full. */
  const scatter = (chunk: ReadonlyArray<TopicRecord>): boolean | ViewError => {
    let isFull = false
    for (const record of chunk) {
      if (record.sequence <= cursor.read) continue
      cursor.read = record.sequence
      const batch = batches.get(partitionOfSubject(record.subject))
      if (batch !== undefined) {
        if (batch.records.push(record) >= batchRecords) isFull = true
      } else if (whole !== undefined) {
        const { sequence, subject } = record
        const reason = new NoSuchPartition({ subject, inSequence: sequence, partitions: whole })
        return new ViewError({ view, partition: -1, reason })
      }
    }
    return isFull
  }

  /** Tells every partition with at least `least` records; with `ended`, that there are no more for now. */
  const flush = Effect.fnUntraced(function* (least: number, through: number, ended: boolean) {
    for (const batch of batches.values()) {
      if (batch.records.length < least) continue
      const { lane, records } = batch
      batch.records = []
      yield* tell(lane, records, through, ended)
    }
  })

  // A reader that lost its connection goes on behind the last record it saw.
  const patiently = (effect: Effect.Effect<void, BrokerError | ViewError>) =>
    Effect.retry(effect, {
      schedule: backoff,
      while: (error) => error._tag === "BrokerError" && error.isTransient
    })

  /** Hands a chunk on in the pieces that the throttle admits; where full chunks are cut does not depend on it. */
  const paced = (
    chunk: ReadonlyArray<TopicRecord>,
    take: (piece: ReadonlyArray<TopicRecord>) => Effect.Effect<void, ViewError>
  ): Effect.Effect<void, ViewError> =>
    throttle === undefined
      ? take(chunk)
      : Effect.gen(function* () {
          for (let at = 0; at < chunk.length; ) {
            const admitted = yield* throttle.admit(chunk.length - at)
            yield* take(chunk.slice(at, at + admitted))
            at += admitted
            yield* Effect.yieldNow
          }
        })

  const bringUp = Effect.forEach(
    batches.values(),
    (batch) =>
      Stream.runForEachArray(
        Stream.suspend(() =>
          batch.read >= foremost
            ? Stream.empty
            : input.read({
                from: batch.read + 1,
                to: foremost,
                filters: filtersOf(batch.lane.board.partition)
              })
        ),
        (chunk) =>
          paced(chunk, (piece) => {
            batch.read = piece.at(-1)?.sequence ?? batch.read
            return tell(batch.lane, piece, batch.read, false)
          })
      ).pipe(patiently),
    { discard: true }
  )

  const catchUp = Effect.gen(function* () {
    const { lastSequence } = yield* input.info
    yield* Stream.runForEachArray(
      Stream.suspend(() => input.read({ from: cursor.read + 1, filters })),
      (chunk) =>
        paced(chunk, (piece) => {
          const scattered = scatter(piece)
          if (typeof scattered !== "boolean") return Effect.fail(scattered)
          return scattered ? flush(batchRecords, cursor.read, false) : Effect.void
        })
    )
    cursor.read = Math.max(cursor.read, lastSequence)
  })

  /** A throttled read takes its time, and what came meanwhile is a backlog again: live begins where little is left. */
  const catchUpWhole = Effect.gen(function* () {
    yield* catchUp
    while (throttle !== undefined && (yield* input.info).lastSequence - cursor.read > batchRecords)
      yield* catchUp
  })

  const follow = Stream.runForEachArray(
    Stream.suspend(() => input.follow({ from: cursor.read + 1, filters })),
    (chunk) => {
      const scattered = scatter(chunk)
      if (typeof scattered !== "boolean") return Effect.fail(scattered)
      const through = cursor.read
      return Effect.andThen(flush(1, through, true), routed(through))
    }
  )

  const routed = (through: number) =>
    Effect.sync(() => {
      cursor.routed = Math.max(cursor.routed, through)
      onRouted()
    })

  return Effect.gen(function* () {
    yield* bringUp
    yield* patiently(catchUpWhole)
    yield* flush(0, cursor.read, true)
    yield* routed(cursor.read)
    yield* patiently(follow)
    return yield* Effect.die(new Error("the broker ended a follow"))
  })
}
