import type { Headers, JsonCodec, TopicRecord } from "@troupe/broker"
import * as Result from "effect/Result"

/** One piece of work, as a handler gets it. */
export interface Job<A> {
  /** The same in every attempt and after a redrive: what a service called by the handler de-duplicates by. */
  readonly id: string
  readonly payload: A
  /** 1 for the first; a worker that died in the middle has used one up too. */
  readonly attempt: number
  /** After this attempt the job is a dead letter. */
  readonly attemptsMax: number
  /** Where it stands in the queue's topic. */
  readonly sequence: number
  /** When the broker accepted it, in milliseconds since 1970 (UTC). */
  readonly offeredAtMillis: number
  /** The caller's headers. */
  readonly headers: Headers
}

/** Headers of this name are the queue's own; a caller's headers must not begin so. */
export const ownPrefix = "troupe-"

/** Carries the job's id where the record's message id is another one: after a redrive. */
export const jobIdHeader = `${ownPrefix}job-id`

/** The headers that the caller gave. */
export const callerHeaders = (headers: Headers): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(ownPrefix)))

/** The id of the job in a record of the queue. */
export const jobIdOf = (record: TopicRecord): string =>
  record.headers[jobIdHeader] ?? record.messageId ?? `sequence-${record.sequence}`

/** The job in a record, or what is wrong with its payload. */
export const decodeJob = <A>(
  record: TopicRecord,
  codec: JsonCodec<A>,
  attempt: number,
  attemptsMax: number
): Result.Result<Job<A>, string> =>
  Result.map(codec.decode(record.data), (payload) => ({
    id: jobIdOf(record),
    payload,
    attempt,
    attemptsMax,
    sequence: record.sequence,
    offeredAtMillis: record.timeMillis,
    headers: callerHeaders(record.headers)
  }))
