/** Headers of a record: names of visible ASCII without `:`, values without line breaks, one value a name. */
export type Headers = Readonly<Record<string, string>>

/** What a record that waits for its moment will become (`Topic.appendAt`). */
export interface RecordSchedule {
  /** When, in milliseconds since 1970 (UTC). */
  readonly atMillis: number
  /** The subject of the record that is appended then. */
  readonly subject: string
}

/** One immutable record of a topic, as it was stored. */
export interface TopicRecord {
  /** 1, 2, 3 … per topic, never reused; gaps come from deletes, roll-ups and limits. */
  readonly sequence: number
  readonly subject: string
  /** When the broker accepted it, in whole milliseconds since 1970 (UTC). */
  readonly timeMillis: number
  readonly headers: Headers
  readonly data: Uint8Array
  readonly messageId?: string
  /** Present on a record that waits for its moment. */
  readonly schedule?: RecordSchedule
}
