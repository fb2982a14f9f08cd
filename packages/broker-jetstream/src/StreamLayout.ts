import type { StreamConfig } from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import type { TopicSettings } from "@troupe/broker/backend"

/**
 * How topics lie in NATS, as pure functions: one stream a topic, named `<prefix>=<topic>`, with the subjects
 * `<prefix>.<topic>.>`. `=` cannot be in a prefix or a topic's name, so no two pairs share a stream.
 */

/** Where one topic lies. */
export interface Place {
  readonly topic: string
  readonly stream: string
  /** Holds the notices about records whose deliveries are used up; there once a subscription has `maxDeliver`. */
  readonly noticeStream: string
  /** What stands before every subject of the topic, with its final dot. */
  readonly subjectPrefix: string
}

/** Where the topic of that name lies. */
export const placeOf = (prefix: string, topic: string): Place => {
  const stream = `${prefix}=${topic}`
  return { topic, stream, noticeStream: `${stream}=exhausted`, subjectPrefix: `${prefix}.${topic}.` }
}

/** The topic whose stream has that name; none for other streams. */
export const topicOf = (prefix: string, stream: string): string | undefined => {
  const topic = stream.startsWith(`${prefix}=`) ? stream.slice(prefix.length + 1) : ""
  return topic === "" || topic.includes("=") ? undefined : topic
}

const settingsKey = "troupe.topic"

/** Settings without the name, in one order: what is compared and stored. */
const canonical = (settings: TopicSettings, replicas: number): Readonly<Record<string, unknown>> => ({
  dedupeWindowMillis: settings.dedupeWindowMillis,
  discard: settings.discard,
  maxAgeMillis: settings.maxAgeMillis ?? null,
  maxBytes: settings.maxBytes ?? null,
  maxRecordBytes: settings.maxRecordBytes ?? null,
  maxRecords: settings.maxRecords ?? null,
  maxRecordsPerSubject: settings.maxRecordsPerSubject ?? null,
  replicas
})

/** The stream of a topic. */
export const streamConfig = (place: Place, settings: TopicSettings, replicas: 1 | 3) => {
  const { dedupeWindowMillis, maxAgeMillis } = settings
  return {
    name: place.stream,
    subjects: [`${place.subjectPrefix}>`],
    retention: "limits",
    storage: "file",
    discard: settings.discard === "reject" ? "new" : "old",
    num_replicas: replicas,
    max_age: maxAgeMillis === undefined ? 0 : nanos(maxAgeMillis),
    max_bytes: settings.maxBytes ?? -1,
    max_msgs: settings.maxRecords ?? -1,
    max_msgs_per_subject: settings.maxRecordsPerSubject ?? -1,
    // NATS keeps ids no longer than records, and says so by refusing a longer window.
    duplicate_window: nanos(Math.min(dedupeWindowMillis, maxAgeMillis ?? dedupeWindowMillis)),
    allow_direct: true,
    allow_rollup_hdrs: true,
    allow_msg_ttl: true,
    allow_atomic: true,
    // A stream that refuses what is too much cannot hold schedules.
    ...(settings.discard === "reject" ? {} : { allow_msg_schedules: true }),
    metadata: { [settingsKey]: JSON.stringify(canonical(settings, replicas)) }
  } satisfies Partial<StreamConfig>
}

/** The stream that keeps the notices of a topic's subscriptions: the newest 10 000 of each. */
export const noticeConfig = (place: Place, replicas: 1 | 3) =>
  ({
    name: place.noticeStream,
    subjects: [noticeSubject(place, "*")],
    retention: "limits",
    storage: "file",
    num_replicas: replicas,
    max_msgs_per_subject: 10_000,
    allow_direct: true
  }) satisfies Partial<StreamConfig>

/** Where NATS tells that a record's deliveries are used up. */
export const noticeSubject = (place: Place, subscription: string): string =>
  `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${place.stream}.${subscription}`

/** Where NATS tells that a record was rejected. */
export const rejectedSubject = (place: Place, subscription: string): string =>
  `$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.${place.stream}.${subscription}`

/** Where NATS tells that the topic's stream was deleted. */
export const deletedSubject = (place: Place): string => `$JS.EVENT.ADVISORY.STREAM.DELETED.${place.stream}`

/** The settings in which a stream differs from what was asked for; none when it is that. */
export const differences = (
  asked: ReturnType<typeof streamConfig>,
  found: StreamConfig
): ReadonlyArray<string> => {
  const wanted: Record<string, unknown> = JSON.parse(asked.metadata[settingsKey] ?? "{}")
  const text = found.metadata?.[settingsKey]
  if (text === undefined) return ["metadata"]
  const had: Record<string, unknown> = JSON.parse(text)
  const changed = Object.keys(wanted).filter((key) => wanted[key] !== had[key])
  if (changed.length > 0) return changed
  // A server that dropped or changed a field it was given, or somebody who edited the stream.
  return Object.entries(asked).flatMap(([key, value]) =>
    key === "metadata" || JSON.stringify(found[key as keyof StreamConfig]) === JSON.stringify(value)
      ? []
      : [key]
  )
}
