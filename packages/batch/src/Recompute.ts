/** The batch layer's SQL: which records are events, which of them are too late, what is closed, and the rows of it. */
import type { CanonicalJson, Table } from "@troupe/views"
import * as Effect from "effect/Effect"
import type { Batch } from "./Batch.ts"
import { BatchError, RowMismatch } from "./BatchError.ts"
import { quote } from "./Columns.ts"
import type { Question, Rules } from "./Question.ts"

/** Which part of an archive to answer from. */
export interface Extent {
  /** Last sequence to read. */
  readonly through: number
  /** True counts every event; false only those that are not late, as the speed layer does. */
  readonly lateToo: boolean
  /** Only events before this time (ms). */
  readonly before?: number
  /** Only partitions below this one: what a batch has that failed in the middle. */
  readonly partitionsBelow?: number
}

/** Defines the relation `events` on the archive `archive` for what follows. */
export const defineEvents = <Event>(
  batch: Batch,
  archive: string,
  rules: Rules<Event>,
  { before, lateToo, partitionsBelow, through }: Extent
): Effect.Effect<void, BatchError> => {
  const time = quote(rules.timeColumn)
  // A late event never raises the watermark, so the newest of all events before is the newest of the accepted ones.
  const judged = `SELECT *, max(${time}) OVER (PARTITION BY "partition" ORDER BY sequence
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) - ${rules.delayMillis} AS watermark
    FROM ${quote(archive)} WHERE ${time} IS NOT NULL AND sequence <= ${through}`
  const wanted = [
    lateToo ? undefined : `(watermark IS NULL OR ${time} >= watermark - ${rules.latenessMillis})`,
    before === undefined ? undefined : `${time} < ${before}`,
    partitionsBelow === undefined ? undefined : `"partition" < ${partitionsBelow}`
  ].filter((condition) => condition !== undefined)
  const where = wanted.length === 0 ? "" : `WHERE ${wanted.join(" AND ")}`
  return Effect.asVoid(
    batch.query(
      `CREATE OR REPLACE TEMP VIEW events AS SELECT * EXCLUDE (watermark) FROM (${judged}) ${where}`
    )
  )
}

/** The watermark of each partition after the records up to `through`. */
export const watermarks = <Event>(
  batch: Batch,
  archive: string,
  rules: Rules<Event>,
  through: number
): Effect.Effect<ReadonlyMap<number, number>, BatchError> =>
  Effect.map(
    batch.query(
      `SELECT "partition" AS p, max(${quote(rules.timeColumn)}) - ${rules.delayMillis} AS watermark
       FROM ${quote(archive)} WHERE ${quote(rules.timeColumn)} IS NOT NULL AND sequence <= $through GROUP BY ALL`,
      { through }
    ),
    (rows) => new Map(rows.map((row) => [Number(row["p"]), Number(row["watermark"])]))
  )

/**
 * Before which time nothing can change any more: the least watermark of all partitions, less the lateness. 0 while a partition had no
 * event yet.
 */
export const closedBefore = <Event>(rules: Rules<Event>, marks: ReadonlyMap<number, number>): number => {
  let least = Number.POSITIVE_INFINITY
  for (let partition = 0; partition < rules.partitions; partition++) {
    least = Math.min(least, marks.get(partition) ?? Number.NEGATIVE_INFINITY)
  }
  return Number.isFinite(least) ? Math.max(0, least - rules.latenessMillis) : 0
}

/** The rows of a question over `events`: of units that close before a time, or of all. */
export const rows = <Event>(
  batch: Batch,
  { fields, sql }: Pick<Question<Event>, "sql" | "fields">,
  closedBefore?: number
): Effect.Effect<Table.Rows, BatchError> =>
  Effect.gen(function* () {
    const names = Object.keys(fields)
    const where = closedBefore === undefined ? "" : "WHERE closes_at < $closedBefore"
    const found = yield* batch.query(
      `SELECT "key", ${names.map(quote).join(", ")} FROM (${sql}) ${where}`,
      closedBefore === undefined ? undefined : { closedBefore }
    )
    const table = new Map<string, Table.Row>()
    for (const row of found) {
      const out: { [field: string]: CanonicalJson.Json } = {}
      for (const name of names) {
        const value = row[name] ?? null
        if (typeof value === "bigint" || (typeof value === "object" && value !== null)) {
          const issue = `${name} is ${String(value)}, not a number, text, boolean or null`
          return yield* new BatchError({ operation: "recompute", reason: new RowMismatch({ sql, issue }) })
        }
        out[name] = value
      }
      table.set(String(row["key"]), out)
    }
    return table
  })
