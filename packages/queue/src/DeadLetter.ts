import type { AppendRequest, JsonCodec, TopicRecord } from "@troupe/broker"
import type * as Result from "effect/Result"
import { callerHeaders, jobIdHeader, jobIdOf, ownPrefix } from "./Job.ts"

/**
 * Why a job was given up: `permanent` its handler said so · `attempts` they are used up, or the retry schedule ended ·
 * `undecodable` the payload does not fit the schema · `abandoned` the worker died on the last attempt.
 */
export type DeadLetterReason = "permanent" | "attempts" | "undecodable" | "abandoned"

/** A job that nobody will try again unless it is redriven. */
export interface DeadLetter<A> {
  /** Its place in the dead-letter topic: what `redrive` takes. */
  readonly sequence: number
  readonly jobId: string
  /** The payload, or what is wrong with it. */
  readonly payload: Result.Result<A, string>
  readonly reason: DeadLetterReason
  /** What the last attempt failed with, on one line. */
  readonly cause: string
  readonly attempts: number
  /** Where it stood in the queue's topic. */
  readonly jobSequence: number
  readonly offeredAtMillis: number
  readonly deadAtMillis: number
  /** The caller's headers. */
  readonly headers: TopicRecord["headers"]
}

const header = {
  reason: `${ownPrefix}reason`,
  cause: `${ownPrefix}cause`,
  attempts: `${ownPrefix}attempts`,
  sequence: `${ownPrefix}sequence`,
  subject: `${ownPrefix}subject`,
  offeredAt: `${ownPrefix}offered-at`
} as const

const causeLengthMax = 1_000

const oneLine = (text: string) => text.replace(/\s*[\r\n]+\s*/g, " | ").slice(0, causeLengthMax)

/**
 * The record that holds a dead letter. Written twice it is there once: by its id, and for as long as it is stored because
 * its subject, which is its own, must be empty.
 */
export const deadLetterRequest = (options: {
  readonly topic: string
  readonly subscription: string
  readonly record: TopicRecord
  readonly reason: DeadLetterReason
  readonly cause: string
  readonly attempts: number
}): AppendRequest => ({
  subject: `${options.subscription}.${options.record.sequence}`,
  data: options.record.data,
  messageId: `${options.topic}:${options.subscription}:${options.record.sequence}`,
  expectLast: 0,
  headers: {
    ...callerHeaders(options.record.headers),
    [jobIdHeader]: jobIdOf(options.record),
    [header.reason]: options.reason,
    [header.cause]: oneLine(options.cause),
    [header.attempts]: String(options.attempts),
    [header.sequence]: String(options.record.sequence),
    [header.subject]: options.record.subject,
    [header.offeredAt]: String(options.record.timeMillis)
  }
})

/** Reads a record of the dead-letter topic. */
export const readDeadLetter = <A>(record: TopicRecord, codec: JsonCodec<A>): DeadLetter<A> => ({
  sequence: record.sequence,
  jobId: jobIdOf(record),
  payload: codec.decode(record.data),
  reason: record.headers[header.reason] as DeadLetterReason,
  cause: record.headers[header.cause] ?? "",
  attempts: Number(record.headers[header.attempts]),
  jobSequence: Number(record.headers[header.sequence]),
  offeredAtMillis: Number(record.headers[header.offeredAt]),
  deadAtMillis: record.timeMillis,
  headers: callerHeaders(record.headers)
})

/** The job of a dead letter as it goes back to its queue: the same job, with all attempts before it. */
export const redriveRequest = (deadLetterTopic: string, record: TopicRecord): AppendRequest => ({
  subject: record.headers[header.subject] as string,
  data: record.data,
  messageId: `${deadLetterTopic}:redrive:${record.sequence}`,
  headers: { ...callerHeaders(record.headers), [jobIdHeader]: jobIdOf(record) }
})
