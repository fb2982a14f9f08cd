import { isSubject } from "../Subject.ts"
import type { Headers, RecordSchedule, TopicRecord } from "../TopicRecord.ts"
import { reachedLimit } from "./ReachedLimit.ts"
import { recordBytes } from "./RecordBytes.ts"
import type { TopicIndex } from "./TopicIndex.ts"
import { defaultMaxRecordBytes, type TopicSettings } from "./TopicSettings.ts"

/** One record that somebody wants appended: an `AppendRequest` with its durations in milliseconds. */
export interface Candidate {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: Headers
  readonly messageId: string | undefined
  readonly expectLast: number | undefined
  readonly expectLastOn: { readonly subject: string; readonly sequence: number } | undefined
  readonly ttlMillis: number | undefined
  readonly rollup: boolean
  /** The record waits on `subject` until its moment. */
  readonly schedule: StoredSchedule | undefined
}

/** What becomes of a waiting record at its moment. */
export interface StoredSchedule extends RecordSchedule {
  readonly ttlMillis?: number
}

/** A record as a local backend stores it: what readers see, and what a rebuild of the index needs. */
export interface StoredRecord extends Omit<TopicRecord, "messageId" | "schedule"> {
  readonly messageId: string | undefined
  readonly ttlMillis: number | undefined
  readonly rollup: boolean
  readonly schedule: StoredSchedule | undefined
  /** The sequence of the waiting record whose place this one takes. */
  readonly fires: number | undefined
}

/** Why a group was not accepted. */
export type Refusal =
  | {
      readonly tag: "Conflict"
      readonly subject: string
      readonly expected: number
      readonly actual: number
    }
  | {
      readonly tag: "Rejected"
      readonly cause: "limit" | "size" | "subject" | "duplicate" | "expectation" | "count" | "argument"
      readonly detail: string
    }

/** What becomes of a group of candidates: they are stored, one is known already, or the whole group is refused. */
export type Verdict =
  | { readonly tag: "Accepted"; readonly records: ReadonlyArray<StoredRecord> }
  | { readonly tag: "Duplicate"; readonly sequence: number }
  | { readonly tag: "Refused"; readonly refusal: Refusal }

/** Records in one `appendAll`. */
export const groupRecordsMax = 1_000

const headerName = /^[!-9;-~]+$/
const headerValue = /^[^\r\n]*$/
const reservedHeader = /^nats-/i
const printable = /^[!-~]+$/

const rejected = (cause: Extract<Refusal, { tag: "Rejected" }>["cause"], detail: string): Refusal => ({
  tag: "Rejected",
  cause,
  detail
})

/** What is wrong with a candidate whatever the topic holds; `undefined` when it is well formed. */
export const malformed = (candidate: Candidate, settings: TopicSettings): Refusal | undefined => {
  if (!isSubject(candidate.subject)) {
    return rejected(
      "subject",
      `"${candidate.subject}" is not a concrete subject: use tokens of A-Z a-z 0-9 _ = - joined by "."`
    )
  }
  const { expectLast, expectLastOn, messageId, ttlMillis } = candidate
  for (const name in candidate.headers) {
    if (!headerName.test(name) || reservedHeader.test(name)) {
      return rejected(
        "argument",
        `header name "${name}" must be visible ASCII without ":" and not begin with "Nats-"`
      )
    }
    if (!headerValue.test(candidate.headers[name] as string)) {
      return rejected("argument", `the value of header "${name}" has a line break: encode it first`)
    }
  }
  if (messageId !== undefined && (!printable.test(messageId) || messageId.length > 512)) {
    return rejected("argument", "a messageId is 1 to 512 characters of visible ASCII")
  }
  if (ttlMillis !== undefined && !(ttlMillis >= 1_000 && Number.isFinite(ttlMillis))) {
    return rejected("argument", `a ttl of ${ttlMillis} ms is under the 1 second that every backend can keep`)
  }
  if (expectLast !== undefined && expectLastOn !== undefined) {
    return rejected("argument", "expectLast and expectLastOn cannot be checked in one append: choose one")
  }
  if (expectLastOn !== undefined && !isSubject(expectLastOn.subject)) {
    return rejected(
      "expectation",
      `"${expectLastOn.subject}" is not a concrete subject: a check takes no wildcard`
    )
  }
  const unscheduled =
    candidate.schedule === undefined ? undefined : badSchedule(candidate, candidate.schedule, settings)
  if (unscheduled !== undefined) return unscheduled
  const expected = expectLast ?? expectLastOn?.sequence ?? 0
  if (!Number.isSafeInteger(expected) || expected < 0) {
    return rejected("argument", `an expected sequence is 0 or more, not ${expected}`)
  }
  return oversized(candidate, settings)
}

/** The last moment that every backend can write down: the end of the year 9999. */
const latestMillis = 253_402_300_799_000

const badSchedule = (
  { subject }: Candidate,
  schedule: StoredSchedule,
  settings: TopicSettings
): Refusal | undefined => {
  const { atMillis, ttlMillis } = schedule
  if (!isSubject(schedule.subject) || schedule.subject === subject) {
    return rejected(
      "subject",
      `"${schedule.subject}" cannot be appended to from "${subject}": use two concrete subjects that differ`
    )
  }
  if (!(atMillis >= 0 && atMillis <= latestMillis)) {
    return rejected("argument", `a moment is 0 to ${latestMillis} ms after 1970, not ${atMillis}`)
  }
  if (ttlMillis !== undefined && !(ttlMillis >= 1_000 && Number.isFinite(ttlMillis))) {
    return rejected("argument", `a ttl of ${ttlMillis} ms is under the 1 second that every backend can keep`)
  }
  return settings.discard === "reject"
    ? rejected(
        "argument",
        'a topic with discard "reject" keeps no records for later, because it might have no room at their moment: use one with discard "old"'
      )
    : undefined
}

const oversized = (candidate: Candidate, settings: TopicSettings): Refusal | undefined => {
  const { maxBytes, maxRecordBytes } = settings
  const size = maxRecordBytes === undefined ? recordBytes(candidate) : candidate.data.length
  if (size > (maxRecordBytes ?? defaultMaxRecordBytes)) {
    return rejected(
      "size",
      `the record takes ${size} bytes, the topic allows ${maxRecordBytes ?? defaultMaxRecordBytes}: split it or store it elsewhere`
    )
  }
  if (maxBytes !== undefined && recordBytes(candidate) > maxBytes) {
    return rejected(
      "size",
      `the record takes ${recordBytes(candidate)} bytes, the whole topic at most ${maxBytes}`
    )
  }
  return undefined
}

/**
 * Decides on a group, all or none: form, then de-duplication, then expectations, then limits. Changes nothing.
 *
 * A single candidate (`atomic` false) whose id is known is a duplicate; in an atomic group it refuses the group.
 */
export const planAppend = (
  index: TopicIndex,
  settings: TopicSettings,
  candidates: ReadonlyArray<Candidate>,
  options: { readonly nowMillis: number; readonly atomic: boolean }
): Verdict => {
  const refused = (refusal: Refusal): Verdict => ({ tag: "Refused", refusal })
  if (candidates.length > groupRecordsMax) {
    return refused(
      rejected(
        "count",
        `${candidates.length} records in one call, at most ${groupRecordsMax}: append them in parts`
      )
    )
  }
  for (const candidate of candidates) {
    const refusal = malformed(candidate, settings)
    if (refusal !== undefined) return refused(refusal)
  }
  const timeMillis = Math.max(Math.floor(options.nowMillis), index.lastTimeMillis)
  const seen = options.atomic ? new Set<string>() : undefined
  for (const { messageId } of candidates) {
    if (messageId === undefined) continue
    const first = index.ids.first(messageId, timeMillis)
    if (first !== undefined && !options.atomic) return { tag: "Duplicate", sequence: first.sequence }
    if (first !== undefined || seen?.has(messageId)) {
      return refused(
        rejected("duplicate", `the id "${messageId}" was appended before: nothing of this call is stored`)
      )
    }
    seen?.add(messageId)
  }
  const broken = brokenExpectation(index, candidates)
  if (broken !== undefined) return refused(broken)
  const full = reachedLimit(index, settings, candidates)
  if (full !== undefined) return refused(rejected("limit", full))
  let sequence = index.lastSequence
  return {
    tag: "Accepted",
    records: candidates.map(({ data, headers, messageId, rollup, schedule, subject, ttlMillis }) => ({
      sequence: ++sequence,
      subject,
      timeMillis,
      headers,
      data,
      messageId,
      ttlMillis,
      rollup,
      schedule,
      fires: undefined
    }))
  }
}

const brokenExpectation = (index: TopicIndex, candidates: ReadonlyArray<Candidate>): Refusal | undefined => {
  const written = candidates.length > 1 ? new Set<string>() : undefined
  for (const { expectLast, expectLastOn, subject } of candidates) {
    const check = expectLast !== undefined ? { subject, sequence: expectLast } : expectLastOn
    if (check !== undefined) {
      if (written?.has(check.subject)) {
        return rejected(
          "expectation",
          `"${check.subject}" is written earlier in the same call: check it on its first record`
        )
      }
      const actual = index.lastOf(check.subject)
      if (actual !== check.sequence) {
        return { tag: "Conflict", subject: check.subject, expected: check.sequence, actual }
      }
    }
    written?.add(subject)
  }
  return undefined
}

/** The record that takes the place of one that waited. */
export const planFiring = (index: TopicIndex, waiting: TopicRecord, nowMillis: number): StoredRecord => {
  const schedule = waiting.schedule as StoredSchedule
  return {
    sequence: index.lastSequence + 1,
    subject: schedule.subject,
    timeMillis: Math.max(nowMillis, index.lastTimeMillis),
    headers: waiting.headers,
    data: waiting.data,
    messageId: undefined,
    ttlMillis: schedule.ttlMillis,
    rollup: false,
    schedule: undefined,
    fires: waiting.sequence
  }
}
