import type { SocialEvent } from "./SocialEvent.ts"

/**
 * One version of the rules by which the feed is read. Written twice, for the views and for DuckDB: the proof holds the two together.
 */
export interface Edition {
  readonly version: number
  /** What it says, for people. */
  readonly rules: string
  /** False for what this version does not count. */
  readonly counts: (event: SocialEvent) => boolean
  /** The topic that an event counts for; null for none. */
  readonly topicOf: (event: SocialEvent) => string | null
  /** `counts` as a condition over the columns of an event. */
  readonly countsSql: string
  /** `topicOf` as an expression over them. */
  readonly topicSql: string
}

/** Version 1: everything counts, topics as they are spelled. */
export const v1: Edition = {
  version: 1,
  rules: "everything counts, topics as they are spelled",
  counts: () => true,
  topicOf: (event) => event.topic,
  countsSql: "true",
  topicSql: "topic"
}

const capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/** Lower case of ASCII letters only: other alphabets have rules that DuckDB and ECMAScript do not share. */
const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())

/** Version 2: `Cats` is ` cats `, and what somebody does with an own post does not make it popular. */
export const v2: Edition = {
  version: 2,
  rules: "one topic whatever its spelling; likes, reposts and replies to an own post do not count",
  counts: (event) => event.kind === "post" || event.user !== event.author,
  topicOf: (event) => lower(event.topic ?? "").replace(/^ +| +$/g, "") || null,
  countsSql: `(kind = 'post' OR "user" <> author)`,
  topicSql: `nullif(trim(translate(topic, '${capitals}', '${capitals.toLowerCase()}')), '')`
}

/** The editions by version. */
export const editions: ReadonlyArray<Edition> = [v1, v2]

/** What version 2 reads otherwise than version 1: every difference between the two must come from such an event. */
export const readsOtherwise = (event: SocialEvent): boolean =>
  !v2.counts(event) || v2.topicOf(event) !== v1.topicOf(event)
