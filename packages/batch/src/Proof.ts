/**
 * Proves that two tables are equal, or lists every row that is not: never "95 %".
 *
 * Rows are in buckets (partition and hour). The digest of a bucket is the order-free one of `@troupe/views`, so DuckDB computes it over the raw
 * archive and the view's rows give the same. A bucket that differs is split by the next hex digit of the SHA-256 of its keys, again and
 * again, as in a Merkle tree (Merkle 1987; Dynamo's anti-entropy), until few rows are left, and those are compared one by one.
 */
import * as Hash from "node:crypto"
import { type Table, TableDigest } from "@troupe/views"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Batch } from "./Batch.ts"
import type { BatchError } from "./BatchError.ts"
import * as SqlText from "./SqlText.ts"

/** Where a row belongs. */
export interface BucketId {
  readonly partition: number
  /** Hours since 1970. */
  readonly hour: number
}

/** Rows of one bucket whose key's SHA-256 begins with `prefix` ("" is all of them), as one order-free digest. */
export interface Part extends BucketId {
  readonly prefix: string
  readonly count: number
  /** 16 hex digits; as `TableDigest.orderFree`. */
  readonly sum: string
}

/** One row as the text that digests are made of. */
export interface RowText {
  readonly key: string
  /** `TableDigest.textOf(key, row)`. */
  readonly text: string
}

/**
 * One table to compare: the port of the proof. `ofSql` makes one of an archive, `ofRows` one of a view's rows; anything else that can answer
 * these three questions (a remote view, another database) can be compared too.
 */
export interface Side<E = never> {
  /** Digests of all buckets that have rows. */
  readonly buckets: Effect.Effect<ReadonlyArray<Part>, E>
  /** Digests of the parts of a part, by one more hex digit of the keys' hashes. */
  readonly split: (part: Part) => Effect.Effect<ReadonlyArray<Part>, E>
  /** The rows of a part. */
  readonly rows: (part: Part) => Effect.Effect<ReadonlyArray<RowText>, E>
}

/** A row that is not the same on both sides. */
export interface Difference extends BucketId {
  readonly key: string
  /** The row's canonical text in the batch table; absent where it has no such row. */
  readonly batch?: string
  /** The row's canonical text in the view; absent where it has no such row. */
  readonly view?: string
}

/** The outcome: `differences` is empty exactly when the tables are equal (up to collisions of 64-bit sums). */
export interface Proved {
  readonly proved: boolean
  /** Rows of the batch table. */
  readonly rows: number
  /** Buckets that either side has. */
  readonly buckets: number
  readonly unequalBuckets: number
  /** Sorted by partition, hour and key. */
  readonly differences: ReadonlyArray<Difference>
}

/** Parts with at most this many rows are compared row by row. */
const fewRows = 16
/** Hex digits of a SHA-256: no part can be split further. */
const deepest = 64

const idOf = ({ hour, partition, prefix }: Part): string => `${partition}/${hour}/${prefix}`

/** Parts that are not equal on both sides, each as the two sides have it (with a count of 0 where it is absent). */
const unequal = (
  left: ReadonlyArray<Part>,
  right: ReadonlyArray<Part>
): ReadonlyArray<readonly [Part, Part]> => {
  const others = new Map(right.map((part) => [idOf(part), part]))
  const none = (part: Part): Part => ({ ...part, count: 0, sum: "0".repeat(16) })
  const pairs: Array<readonly [Part, Part]> = []
  for (const part of left) {
    const other = others.get(idOf(part)) ?? none(part)
    others.delete(idOf(part))
    if (part.count !== other.count || part.sum !== other.sum) pairs.push([part, other])
  }
  for (const part of others.values()) pairs.push([none(part), part])
  return pairs
}

const compareRows = (
  id: BucketId,
  batch: ReadonlyArray<RowText>,
  view: ReadonlyArray<RowText>
): ReadonlyArray<Difference> => {
  // Equal rows cancel one by one, so that a key which one side has twice is listed too.
  const byText = new Map<string, number>()
  for (const { text } of view) byText.set(text, (byText.get(text) ?? 0) + 1)
  const byKey = new Map<string, { batch?: string; view?: string }>()
  for (const { key, text } of batch) {
    const held = byText.get(text) ?? 0
    if (held > 0) byText.set(text, held - 1)
    else byKey.set(key, { ...byKey.get(key), batch: text })
  }
  for (const { key, text } of view) {
    const held = byText.get(text) ?? 0
    if (held === 0) continue
    byText.set(text, held - 1)
    byKey.set(key, { ...byKey.get(key), view: text })
  }
  const { hour, partition } = id
  return [...byKey].map(([key, texts]) => ({ partition, hour, key, ...texts }))
}

const order = (a: Difference, b: Difference): number =>
  a.partition - b.partition || a.hour - b.hour || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)

/** Compares a batch table with a view: equal buckets cost one digest each, unequal ones are bisected to their rows. */
export const prove = <E1, E2>(batch: Side<E1>, view: Side<E2>): Effect.Effect<Proved, E1 | E2> =>
  Effect.gen(function* () {
    const [left, right] = [yield* batch.buckets, yield* view.buckets]
    const differences: Array<Difference> = []
    let pairs = unequal(left, right)
    const unequalBuckets = pairs.length
    while (pairs.length > 0) {
      const deeper: Array<readonly [Part, Part]> = []
      for (const [a, b] of pairs) {
        if (Math.max(a.count, b.count) <= fewRows || a.prefix.length >= deepest) {
          differences.push(...compareRows(a, yield* batch.rows(a), yield* view.rows(b)))
        } else {
          deeper.push(...unequal(yield* batch.split(a), yield* view.split(b)))
        }
      }
      pairs = deeper
    }
    return {
      proved: differences.length === 0 && unequalBuckets === 0,
      rows: left.reduce((sum, part) => sum + part.count, 0),
      buckets: new Set([...left, ...right].map(idOf)).size,
      unequalBuckets,
      differences: differences.sort(order)
    }
  })

/** The rows of a view, in memory. */
export const ofRows = (rows: Table.Rows, bucketOf: (key: string, row: Table.Row) => BucketId): Side => {
  const all = [...rows].map(([key, row]) => ({
    ...bucketOf(key, row),
    key,
    row,
    hash: Hash.hash("sha256", key, "hex")
  }))
  type Held = (typeof all)[number]
  const grouped = (held: ReadonlyArray<Held>, digits: number): ReadonlyArray<Part> => {
    const parts = new Map<string, { id: BucketId; prefix: string; rows: Map<string, Table.Row> }>()
    for (const { hash, hour, key, partition, row } of held) {
      const prefix = hash.slice(0, digits)
      const name = `${partition}/${hour}/${prefix}`
      const part = parts.get(name) ?? { id: { partition, hour }, prefix, rows: new Map() }
      parts.set(name, part)
      part.rows.set(key, row)
    }
    return [...parts.values()].map(({ id, prefix, rows: inside }) => ({
      ...id,
      prefix,
      ...TableDigest.orderFree(inside)
    }))
  }
  const inside = (part: Part): ReadonlyArray<Held> =>
    all.filter(
      ({ hash, hour, partition }) =>
        partition === part.partition && hour === part.hour && hash.startsWith(part.prefix)
    )
  return {
    buckets: Effect.sync(() => grouped(all, 0)),
    split: (part) => Effect.sync(() => grouped(inside(part), part.prefix.length + 1)),
    rows: (part) =>
      Effect.sync(() => inside(part).map(({ key, row }) => ({ key, text: TableDigest.textOf(key, row) })))
  }
}

/** A table that SQL computes over archives. */
export interface SqlTable {
  /** A query with the columns `partition`, `hour` (hours since 1970), `key` and the fields. */
  readonly sql: string
  /**
   * The fields of a row and their types. A `number` whose text differs between ECMAScript and DuckDB (below 0.0001 or from 1e15 on) stops
   * the proof: scale it to an integer.
   */
  readonly fields: SqlText.Fields
}

let tables = 0

/** A table that DuckDB computes: its texts and hashes are kept in a temporary table until the scope closes. */
export const ofSql = (
  batch: Batch,
  { fields, sql }: SqlTable
): Effect.Effect<Side<BatchError>, BatchError, Scope.Scope> =>
  Effect.gen(function* () {
    const name = `proof_${tables++}`
    yield* Effect.acquireRelease(
      batch.query(`CREATE TEMP TABLE ${name} AS
        SELECT "partition", "hour", "key", text, sha256("key") AS key_hash, sha256(text) AS text_hash
        FROM (SELECT *, ${SqlText.rowText(fields)} AS text FROM (${sql}))`),
      () => Effect.orDie(batch.query(`DROP TABLE ${name}`))
    )
    const where = '"partition" = $partition AND "hour" = $hour AND starts_with(key_hash, $prefix)'
    const digest = (digits: number) =>
      `SELECT "partition", "hour", left(key_hash, ${digits}) AS prefix, count(*) AS count, ${SqlText.sumOf("text_hash")} AS sum FROM ${name}`
    const parametersOf = ({ hour, partition, prefix }: Part) => ({ partition, hour, prefix })
    const parts = (digits: number, rest: string, part?: Part) =>
      Effect.map(
        batch.query(`${digest(digits)} ${rest}`, part === undefined ? undefined : parametersOf(part)),
        (rows) =>
          rows.map((row) => ({
            partition: Number(row["partition"]),
            hour: Number(row["hour"]),
            prefix: String(row["prefix"]),
            count: Number(row["count"]),
            sum: String(row["sum"])
          }))
      )
    return {
      buckets: parts(0, "GROUP BY ALL"),
      split: (part) => parts(part.prefix.length + 1, `WHERE ${where} GROUP BY ALL`, part),
      rows: (part) =>
        Effect.map(
          batch.query(`SELECT "key", text FROM ${name} WHERE ${where} ORDER BY ALL`, parametersOf(part)),
          (rows) => rows.map((row) => ({ key: String(row["key"]), text: String(row["text"]) }))
        )
    }
  })
