/**
 * The format of a served table: a compacted topic with one record a row, and one that says how far it is.
 *
 * Row: subject `r.<key as token>`, canonical JSON `{key, revision, row}`; `row` is null for a retracted key, whose revision stays so that
 * an older output cannot bring it back. Fence: subject `fence`, canonical JSON of `Fence`.
 */
import { type AppendRequest, Subject, type TopicRecord } from "@troupe/broker"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as CanonicalJson from "./CanonicalJson.ts"
import type { Row } from "./Table.ts"
import { type Identity, outputTopic } from "./View.ts"

/** Which served table of a view. */
export interface ServedOptions {
  /** The namespace of the run that wrote the outputs. */
  readonly namespace?: string
  /** Which of the view's tables, `[A-Za-z0-9_-]+`: needed where a view has more than one. */
  readonly name?: string
}

/** The topic that a view's table is served from: `<output topic>-served`, or `<output topic>-served-<name>`. */
export const topicName = (view: Identity, options?: ServedOptions): string =>
  `${outputTopic(view, options?.namespace)}-served${options?.name === undefined ? "" : `-${options.name}`}`

/** A row as it is served; `undefined` as row is a retracted key. */
export interface ServedRow {
  readonly key: string
  readonly row: Row | undefined
  readonly revision: number
}

/** Subject of the record that says how far the table is. */
export const fenceSubject = "fence"

/** Filter of the rows. */
export const rowsFilter = "r.>"

const Fence = Schema.Struct({
  format: Schema.Literal(1),
  /** Digest of the view whose outputs these rows are. */
  digest: Schema.String,
  /** Every output up to this sequence of the output topic is in the rows; 0 for none. */
  through: Schema.Int,
  /** Chain of the commit at `through`: tells whether the output topic still is the one that was read. */
  chain: Schema.String,
  /** The sink that wrote it, and its how manieth batch: whose record it is, where no answer came. */
  writer: Schema.String,
  batch: Schema.Int
})

/** Who wrote how far. */
export type Fence = typeof Fence.Type

const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Fence))
const utf8 = new TextEncoder()
const text = new TextDecoder()

/** The subject of a key's row; `undefined` for a key that cannot be one: empty, or over 510 characters as a token. */
export const subjectOf = (key: string): string | undefined => {
  const subject = `r.${Subject.encodeToken(key)}`
  return key !== "" && Subject.isSubject(subject) ? subject : undefined
}

/** The record of a row. Throws `TypeError` for a key that cannot be a subject and for values that JSON cannot hold. */
export const ofRow = ({ key, revision, row }: ServedRow): AppendRequest => {
  const subject = subjectOf(key)
  if (subject === undefined) {
    const start = JSON.stringify(key.slice(0, 80))
    throw new TypeError(`the key ${start} cannot be served: give one of 1 to about 500 characters`)
  }
  return { subject, data: utf8.encode(CanonicalJson.stringify({ key, revision, row: row ?? null })) }
}

/** The record of a fence, behind the one at `expectLast`. */
export const ofFence = (fence: Fence, expectLast: number): AppendRequest => ({
  subject: fenceSubject,
  data: utf8.encode(CanonicalJson.stringify(fence)),
  expectLast
})

/** The row that a record holds; `undefined` for a record that no sink wrote. */
export const toRow = (record: TopicRecord): ServedRow | undefined => {
  try {
    const { key, revision, row } = JSON.parse(text.decode(record.data))
    if (typeof key !== "string" || typeof revision !== "number" || typeof row !== "object") return undefined
    return { key, revision, row: row ?? undefined }
  } catch {
    return undefined
  }
}

/** The fence that a record holds; `undefined` for a record that no sink wrote. */
export const toFence = (record: TopicRecord): Fence | undefined =>
  Option.getOrUndefined(decodeJson(text.decode(record.data)))
