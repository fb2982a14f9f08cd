import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import type { BrokerError } from "./BrokerError.ts"
import type { AppendRequest, Topic } from "./Topic.ts"

/** A record that an owner appends: the fence is added to it. */
export type OwnedRecord = Omit<AppendRequest, "expectLastOn">

/** Why an owned append stored nothing, as far as the fence knows. */
export type Refused<Lost> = BrokerError | Lost

/** One owner's fence in a topic. */
export interface Fence<Lost> {
  readonly topic: Topic
  /** Where claims lie; only the last one counts. */
  readonly subject: string
  /** The claim as it is appended, and recognised again. */
  readonly claim: Pick<AppendRequest, "data" | "headers">
  readonly isOwn: (headers: AppendRequest["headers"]) => boolean
  /** The sequence of the claim. */
  readonly epoch: number
  /** Ends the ownership, and answers why; called at the first sign of another claim. */
  readonly fenced: Effect.Effect<Lost>
  /** Why it is over; `undefined` while it is not. */
  readonly over: () => Lost | undefined
}

interface Waiting<Lost> {
  readonly records: ReadonlyArray<OwnedRecord>
  readonly answer: Deferred.Deferred<ReadonlyArray<number>, Refused<Lost>>
  isTaken: boolean
}

/** Records and bytes of one group; a port takes 1 000, of which a claim may be one. */
const groupRecordsMax = 999
const groupBytesMax = 512 * 1024

const isPlain = (records: ReadonlyArray<OwnedRecord>): boolean =>
  records.every(({ expectLast, messageId }) => expectLast === undefined && messageId === undefined)

const bytesOf = (records: ReadonlyArray<OwnedRecord>): number =>
  records.reduce((sum, { data }) => sum + data.length, 0)

/**
 * Appends behind a fence: every group carries the expectation that the last claim in the topic is this owner's.
 *
 * One group is in flight (a replicated topic refuses a second one on the same check); what is called for meanwhile goes
 * with the next one, all together where nothing forbids it.
 */
export const make = <Lost>(fence: Fence<Lost>) =>
  Effect.map(Semaphore.make(1), (inFlight) => {
    const { subject, topic } = fence
    let position = fence.epoch
    let waiting: Array<Waiting<Lost>> = []

    /** A record without an expectation of its own carries the fence; where all have one, the claim is written again with them. */
    const fencedRequests = (records: ReadonlyArray<OwnedRecord>): ReadonlyArray<AppendRequest> => {
      const free = records.findIndex(({ expectLast }) => expectLast === undefined)
      if (free === -1) {
        return [{ ...fence.claim, subject, rollup: true, expectLast: position }, ...records]
      }
      const expectLastOn = { subject, sequence: position }
      return records.map((record, i) => (i === free ? { ...record, expectLastOn } : record))
    }

    const send = Effect.fnUntraced(function* (records: ReadonlyArray<OwnedRecord>) {
      const requests = fencedRequests(records)
      const [only] = requests
      if (requests.length === 1 && only !== undefined) return [(yield* topic.append(only)).sequence]
      const sequences = yield* topic.appendAll(requests)
      if (requests.length === records.length) return sequences
      position = sequences[0] ?? position
      return sequences.slice(1)
    })

    /** A lost answer may have moved the claim to where this owner did not expect it: that is no other owner's. */
    const attempt = (
      records: ReadonlyArray<OwnedRecord>
    ): Effect.Effect<ReadonlyArray<number>, Refused<Lost>> =>
      Effect.suspend(() => {
        const over = fence.over()
        if (over !== undefined) return Effect.fail(over)
        const expected = position
        return Effect.catchReason(send(records), "BrokerError", "Conflict", (reason, error) =>
          reason.subject !== subject
            ? Effect.fail(error)
            : Effect.flatMap(
                topic.last(subject),
                (last): Effect.Effect<ReadonlyArray<number>, Refused<Lost>> => {
                  const isOwn = Option.isSome(last) && fence.isOwn(last.value.headers)
                  if (!isOwn || last.value.sequence === expected)
                    return Effect.flatMap(fence.fenced, Effect.fail)
                  position = last.value.sequence
                  return attempt(records)
                }
              )
        )
      }).pipe(
        Effect.retry({
          while: (error) => isBusy(error),
          schedule: Schedule.spaced("5 millis").pipe(Schedule.jittered)
        })
      )

    /** What goes together: the first one, and those behind it that no check and no id keeps apart. */
    const nextGroup = (): Array<Waiting<Lost>> => {
      const group: Array<Waiting<Lost>> = []
      let records = 0
      let bytes = 0
      for (const one of waiting) {
        records += one.records.length
        bytes += bytesOf(one.records)
        const fits = records <= groupRecordsMax && bytes <= groupBytesMax && isPlain(one.records)
        if (group.length > 0 && !fits) break
        group.push(one)
        if (!isPlain(one.records)) break
      }
      waiting = waiting.slice(group.length)
      for (const one of group) one.isTaken = true
      return group
    }

    const settle = (one: Waiting<Lost>) =>
      Effect.flatMap(Effect.exit(attempt(one.records)), (exit) => Deferred.done(one.answer, exit))

    const sendGroup = Effect.suspend(() => {
      const group = nextGroup()
      const [first] = group
      if (first === undefined) return Effect.void
      if (group.length === 1) return settle(first)
      return attempt(group.flatMap(({ records }) => records)).pipe(
        Effect.matchEffect({
          // What one of them has wrong is not the others' fault: each for itself.
          onFailure: (error) =>
            isRejected(error)
              ? Effect.forEach(group, settle, { discard: true })
              : Effect.forEach(group, ({ answer }) => Deferred.fail(answer, error), { discard: true }),
          onSuccess: (sequences) => {
            let at = 0
            return Effect.forEach(
              group,
              ({ answer, records }) => {
                const first = at
                at += records.length
                return Deferred.succeed(answer, sequences.slice(first, at))
              },
              { discard: true }
            )
          }
        })
      )
    })

    /** All or none; answers the sequences in order. */
    const append = (
      records: ReadonlyArray<OwnedRecord>
    ): Effect.Effect<ReadonlyArray<number>, Refused<Lost>> =>
      Effect.suspend(() => {
        const over = fence.over()
        if (over !== undefined) return Effect.fail(over)
        if (records.length === 0) return Effect.succeed([])
        const one: Waiting<Lost> = { records, answer: Deferred.makeUnsafe(), isTaken: false }
        waiting.push(one)
        // Who holds the permit sends for others too, so it is not interrupted in the middle.
        const turn = inFlight.withPermits(1)(
          Effect.uninterruptible(Effect.suspend(() => (one.isTaken ? Effect.void : sendGroup)))
        )
        return Effect.andThen(turn, Deferred.await(one.answer)).pipe(
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              if (!one.isTaken) waiting = waiting.filter((other) => other !== one)
            })
          )
        )
      })

    return { append }
  })

const isBrokerError = (error: unknown): error is BrokerError =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "BrokerError"

const isBusy = (error: unknown): boolean => isBrokerError(error) && error.reason._tag === "Busy"

const isRejected = (error: unknown): boolean => isBrokerError(error) && error.reason._tag === "Rejected"
