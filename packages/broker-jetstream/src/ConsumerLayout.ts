import type { ConsumerConfig, ConsumerInfo } from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import type { SubscriptionSettings } from "@troupe/broker/backend"
import type { Place } from "./StreamLayout.ts"

const settingsKey = "troupe.subscription"

/** NATS pauses until a moment: one that does not come. */
export const never = new Date("2200-01-01T00:00:00Z")

/** Filters without those that another one contains: NATS refuses a filter that lies within another. */
export const minimal = (filters: ReadonlyArray<string>): ReadonlyArray<string> => {
  const distinct = [...new Set(filters)]
  return distinct.filter((filter) => !distinct.some((other) => other !== filter && contains(other, filter)))
}

/** True when every subject that `inner` names is one that `outer` names. */
const contains = (outer: string, inner: string): boolean => {
  const wide = outer.split(".")
  const narrow = inner.split(".")
  for (let i = 0; i < wide.length; i++) {
    if (wide[i] === ">") return narrow.length > i
    if (i >= narrow.length || narrow[i] === ">") return false
    if (wide[i] !== "*" && wide[i] !== narrow[i]) return false
  }
  return wide.length === narrow.length
}

/** The filters of the port as NATS subjects; all of the topic when there are none. */
export const filterSubjects = (place: Place, filters: ReadonlyArray<string> | undefined): Array<string> =>
  filters === undefined || filters.length === 0 || filters.includes(">")
    ? [`${place.subjectPrefix}>`]
    : minimal(filters).map((filter) => `${place.subjectPrefix}${filter}`)

/** Where a consumer begins. */
export type ConsumerStart =
  | { readonly sequence: number }
  | { readonly timeMillis: number }
  | "first"
  | "lastPerSubject"

const startFields = (start: ConsumerStart): Partial<ConsumerConfig> => {
  if (start === "first") return { deliver_policy: "all" }
  if (start === "lastPerSubject") return { deliver_policy: "last_per_subject" }
  return "sequence" in start
    ? { deliver_policy: "by_start_sequence", opt_start_seq: Math.max(1, start.sequence) }
    : { deliver_policy: "by_start_time", opt_start_time: new Date(start.timeMillis).toISOString() }
}

/** What can be changed of the durable consumer behind a subscription. */
export const changeableConfig = (place: Place, settings: SubscriptionSettings) =>
  ({
    filter_subjects: filterSubjects(place, settings.filters),
    ack_wait: nanos(settings.ackWaitMillis),
    max_deliver: settings.maxDeliver === Number.MAX_SAFE_INTEGER ? -1 : settings.maxDeliver,
    max_ack_pending: settings.maxAckPending,
    metadata: { [settingsKey]: JSON.stringify(settings) }
  }) satisfies Partial<ConsumerConfig>

/** The durable consumer behind a subscription. */
export const consumerConfig = (
  place: Place,
  settings: SubscriptionSettings,
  start: ConsumerStart
): Partial<ConsumerConfig> => ({
  durable_name: settings.name,
  ack_policy: "explicit",
  replay_policy: "instant",
  ...startFields(start),
  ...changeableConfig(place, settings),
  ...(settings.paused ? { pause_until: never.toISOString() } : {})
})

/** A consumer of one reader that keeps no state on the server's disk and is forgotten soon after the reader is gone. */
export const passingConfig = (
  place: Place,
  name: string,
  filters: ReadonlyArray<string> | undefined,
  start: ConsumerStart
): Partial<ConsumerConfig> => ({
  name,
  ack_policy: "none",
  replay_policy: "instant",
  mem_storage: true,
  num_replicas: 1,
  inactive_threshold: nanos(30_000),
  filter_subjects: filterSubjects(place, filters),
  ...startFields(start)
})

/** The settings that a consumer was made or last updated with; none when it is not a subscription of ours. */
export const settingsOf = (info: ConsumerInfo): SubscriptionSettings | undefined => {
  const text = info.config.metadata?.[settingsKey]
  return text === undefined ? undefined : JSON.parse(text)
}

/** `ackFloor` and `redelivered` as the port means them, from what NATS counts. */
export const standing = (info: ConsumerInfo, exhausted: ReadonlyArray<number>) => {
  // NATS does not move its floor over records whose deliveries are used up, and goes on counting them as redelivered.
  const nothingOut = info.num_ack_pending === 0
  const used = info.config.max_deliver !== undefined && info.config.max_deliver > 1 ? exhausted.length : 0
  return {
    pending: info.num_pending,
    ackPending: info.num_ack_pending,
    redelivered: Math.max(0, Math.min(info.num_ack_pending, info.num_redelivered - used)),
    ackFloor: nothingOut ? info.delivered.stream_seq : info.ack_floor.stream_seq
  }
}

/** True for a filter list that names one NATS subject filter, which a direct get can serve. */
export const singleFilter = (
  place: Place,
  filters: ReadonlyArray<string> | undefined
): string | undefined => {
  const subjects = filterSubjects(place, filters)
  return subjects.length === 1 ? subjects[0] : undefined
}
