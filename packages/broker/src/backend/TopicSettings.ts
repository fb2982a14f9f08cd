/**
 * What a topic is, with every default filled in and every duration in milliseconds. `undefined` means unlimited.
 *
 * A local backend stores this beside the topic and compares it when the topic is opened again.
 */
export interface TopicSettings {
  readonly name: string
  readonly maxAgeMillis: number | undefined
  readonly maxBytes: number | undefined
  readonly maxRecords: number | undefined
  readonly maxRecordsPerSubject: number | undefined
  /** `undefined`: data and headers together are at most `defaultMaxRecordBytes`. */
  readonly maxRecordBytes: number | undefined
  readonly discard: "old" | "reject"
  readonly dedupeWindowMillis: number
}

/** What data and headers of one record may take together when the topic does not say: what every backend can carry. */
export const defaultMaxRecordBytes = 1_000_000

/** The two-minute window in which a message id is remembered when the topic does not say. */
export const defaultDedupeWindowMillis = 120_000

/** The names of the settings in which two topics differ. */
export const differingSettings = (a: TopicSettings, b: TopicSettings): ReadonlyArray<string> =>
  (Object.keys(a) as Array<keyof TopicSettings>).filter((key) => a[key] !== b[key]).sort()
