import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { BrokerError } from "../BrokerError.ts"
import { isFilter, isName } from "../Subject.ts"
import type { SubscriptionSpec } from "../Subscription.ts"
import type { AppendRequest, ScheduledAppend, TopicSpec } from "../Topic.ts"
import type { Candidate } from "./AppendPlan.ts"
import { rejectedError } from "./BrokerFailure.ts"
import type { SubscriptionSettings } from "./SubscriptionSettings.ts"
import { defaultDedupeWindowMillis, type TopicSettings } from "./TopicSettings.ts"

/** Whole milliseconds of a duration; `undefined` for an infinite one. */
const finiteMillis = (input: Duration.Input | undefined): number | undefined => {
  if (input === undefined) return undefined
  const millis = Duration.toMillis(input)
  return Number.isFinite(millis) ? Math.round(millis) : undefined
}

const isCount = (value: number | undefined): boolean =>
  value === undefined || (Number.isSafeInteger(value) && value >= 1)

/** A topic's specification with its defaults; `Rejected` names the value that is out of range. */
export const readTopicSpec = (spec: TopicSpec): Effect.Effect<TopicSettings, BrokerError> => {
  const { limits = {} } = spec
  const operation = `open topic ${spec.name}`
  const settings: TopicSettings = {
    name: spec.name,
    maxAgeMillis: finiteMillis(limits.maxAge),
    maxBytes: limits.maxBytes,
    maxRecords: limits.maxRecords,
    maxRecordsPerSubject: limits.maxRecordsPerSubject,
    maxRecordBytes: limits.maxRecordBytes,
    discard: limits.discard ?? "old",
    dedupeWindowMillis: finiteMillis(spec.dedupeWindow) ?? defaultDedupeWindowMillis
  }
  const fail = (detail: string) => Effect.fail(rejectedError("argument", operation, detail))
  if (!isName(spec.name)) return fail("A topic's name is 1 to 200 characters of A-Z a-z 0-9 _ and -.")
  if (settings.dedupeWindowMillis < 100) return fail("A dedupeWindow is at least 100 ms.")
  if (settings.maxAgeMillis !== undefined && settings.maxAgeMillis < 100)
    return fail("A maxAge is at least 100 ms.")
  for (const name of ["maxBytes", "maxRecords", "maxRecordsPerSubject", "maxRecordBytes"] as const) {
    if (!isCount(settings[name]))
      return fail(`${name} is a whole number of at least 1, not ${settings[name]}.`)
  }
  return Effect.succeed(settings)
}

/** What is wrong with a list of filters; `undefined` when nothing is. */
export const badFilters = (
  filters: ReadonlyArray<string> | undefined,
  operation: string
): BrokerError | undefined => {
  const bad = filters?.find((filter) => !isFilter(filter))
  return bad === undefined
    ? undefined
    : rejectedError(
        "subject",
        operation,
        `"${bad}" is not a filter: use tokens joined by ".", "*" for one token and a final ">" for the rest.`
      )
}

/** What is wrong with the subscription to listen to; `undefined` when nothing is. */
export const badListening = (subscription: string | undefined, operation: string): BrokerError | undefined =>
  subscription === undefined || isName(subscription)
    ? undefined
    : rejectedError("argument", operation, `"${subscription}" is not the name of a subscription.`)

/** A subscription's specification with its defaults; `Rejected` names the value that is out of range. */
export const readSubscriptionSpec = (
  spec: SubscriptionSpec,
  topic: string
): Effect.Effect<SubscriptionSettings, BrokerError> => {
  const operation = `open subscription ${spec.name} of ${topic}`
  const fail = (detail: string) => Effect.fail(rejectedError("argument", operation, detail))
  if (!isName(spec.name)) return fail("A subscription's name is 1 to 200 characters of A-Z a-z 0-9 _ and -.")
  const ackWaitMillis = spec.ackWait === undefined ? 30_000 : finiteMillis(spec.ackWait)
  if (ackWaitMillis === undefined || ackWaitMillis < 100)
    return fail("An ackWait is finite and at least 100 ms.")
  if (!isCount(spec.maxDeliver))
    return fail(`maxDeliver is a whole number of at least 1, not ${spec.maxDeliver}.`)
  if (!isCount(spec.maxAckPending)) {
    return fail(`maxAckPending is a whole number of at least 1, not ${spec.maxAckPending}.`)
  }
  const bad = badFilters(spec.filters, operation) ?? badStart(spec.start, operation)
  if (bad !== undefined) return Effect.fail(bad)
  return Effect.succeed({
    name: spec.name,
    filters: spec.filters ?? [],
    start: spec.start ?? "first",
    ackWaitMillis,
    maxDeliver: spec.maxDeliver ?? Number.MAX_SAFE_INTEGER,
    maxAckPending: spec.maxAckPending ?? 1_000,
    paused: spec.paused ?? false
  })
}

/** What is wrong with a position; `undefined` when nothing is. */
export const badStart = (
  start: string | number | { readonly timeMillis: number } | undefined,
  operation: string
): BrokerError | undefined => {
  const value = typeof start === "object" ? start.timeMillis : start
  if (typeof value !== "number" || (typeof start === "object" && Number.isFinite(value))) return undefined
  return Number.isSafeInteger(value) && value >= 0
    ? undefined
    : rejectedError("argument", operation, `A position is a sequence or a moment, not ${value}.`)
}

const noHeaders = {}

/** A request with its durations in milliseconds. */
export const readRequest = (request: AppendRequest): Candidate => ({
  subject: request.subject,
  data: request.data,
  headers: request.headers ?? noHeaders,
  messageId: request.messageId,
  expectLast: request.expectLast,
  expectLastOn: request.expectLastOn,
  ttlMillis: request.ttl === undefined ? undefined : Duration.toMillis(request.ttl),
  rollup: request.rollup === true,
  schedule: undefined
})

/** A record that waits, with its moment and durations in milliseconds: a roll-up, because one waits on a subject. */
export const readScheduled = ({
  atMillis,
  schedule,
  subject,
  ttl,
  ...request
}: ScheduledAppend): Candidate => ({
  ...readRequest({ ...request, subject: schedule }),
  rollup: true,
  schedule: {
    atMillis: Math.ceil(atMillis),
    subject,
    ...(ttl === undefined ? {} : { ttlMillis: Duration.toMillis(ttl) })
  }
})

/** The settings after `update`: what is not named stays. */
export const updateSubscriptionSpec = (
  settings: SubscriptionSettings,
  change: Partial<Omit<SubscriptionSpec, "name" | "start">>,
  topic: string
): Effect.Effect<SubscriptionSettings, BrokerError> =>
  readSubscriptionSpec(
    {
      name: settings.name,
      start: settings.start,
      filters: change.filters ?? settings.filters,
      ackWait: change.ackWait ?? settings.ackWaitMillis,
      maxDeliver: change.maxDeliver ?? settings.maxDeliver,
      maxAckPending: change.maxAckPending ?? settings.maxAckPending,
      paused: change.paused ?? settings.paused
    },
    topic
  )
