import {
  BIGINT,
  BLOB,
  BOOLEAN,
  DOUBLE,
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBDataChunk,
  DuckDBMapValue,
  DuckDBTimestampMillisecondsValue,
  type DuckDBType,
  type DuckDBValue,
  INTEGER,
  MAP,
  TIMESTAMP_MS,
  VARCHAR
} from "@duckdb/node-api"
import type { TopicRecord } from "@troupe/broker"
import * as Effect from "effect/Effect"
import { queryOn } from "./Batch.ts"
import { BatchError, ExtractFailed, QueryFailed } from "./BatchError.ts"
import * as Columns from "./Columns.ts"
import { headerNames } from "./RecordDigest.ts"

/** Rows that DuckDB takes at once: its vector size. */
const chunkRows = 2048

const duckTypes: Record<Columns.ColumnType, DuckDBType> = {
  integer: BIGINT,
  number: DOUBLE,
  text: VARCHAR,
  boolean: BOOLEAN
}

const typesOf = (columns: Columns.Columns): Array<DuckDBType> => [
  BIGINT,
  VARCHAR,
  INTEGER,
  TIMESTAMP_MS,
  VARCHAR,
  MAP(VARCHAR, VARCHAR),
  BLOB,
  ...columns.types.map(({ type }) => duckTypes[type])
]

const duckValue = (type: Columns.ColumnType, value: unknown): DuckDBValue =>
  value === undefined || value === null
    ? null
    : type === "integer"
      ? BigInt(value as number)
      : (value as DuckDBValue)

/** The values of one record's typed columns, in the order of the columns; an issue as text when they do not fit. */
const extract = (columns: Columns.Columns, record: TopicRecord): ReadonlyArray<DuckDBValue> | string => {
  let values: { readonly [name: string]: unknown } | undefined
  try {
    values = columns.extract(record)
  } catch (defect) {
    return String(defect)
  }
  const out: Array<DuckDBValue> = []
  for (const { name, type } of columns.types) {
    const value = values?.[name]
    const issue = Columns.mismatch(type, value)
    if (issue !== undefined) return `${name}: ${issue}`
    out.push(duckValue(type, value))
  }
  return out
}

/** The columns of a chunk of records, or why one of them has none. */
const columnsOf = (
  columns: Columns.Columns,
  partition: number,
  records: ReadonlyArray<TopicRecord>
): Array<Array<DuckDBValue>> | ExtractFailed => {
  const out: Array<Array<DuckDBValue>> = typesOf(columns).map(() => [])
  for (const record of records) {
    const typed = extract(columns, record)
    if (typeof typed === "string") return new ExtractFailed({ sequence: record.sequence, issue: typed })
    const headers = headerNames(record).map((key) => ({ key, value: record.headers[key] ?? "" }))
    const values: ReadonlyArray<DuckDBValue> = [
      BigInt(record.sequence),
      record.subject,
      partition,
      new DuckDBTimestampMillisecondsValue(BigInt(record.timeMillis)),
      record.messageId ?? null,
      new DuckDBMapValue(headers),
      new DuckDBBlobValue(record.data),
      ...typed
    ]
    for (let index = 0; index < values.length; index++) out[index]?.push(values[index] ?? null)
  }
  return out
}

const failed = (sql: string) => (cause: unknown) =>
  new BatchError({ operation: "archive", reason: new QueryFailed({ sql, cause }) })

/** Writes records of one partition, in sequence order, into one Parquet file at `path` (ZSTD). */
export const write = (
  connection: DuckDBConnection,
  columns: Columns.Columns,
  partition: number,
  records: ReadonlyArray<TopicRecord>,
  path: string
): Effect.Effect<void, BatchError> =>
  Effect.gen(function* () {
    const query = queryOn(connection)
    const names = [
      ...Columns.raw.map(([name, type]) => `${Columns.quote(name)} ${type}`),
      ...columns.types.map(({ name, type }) => `${Columns.quote(name)} ${Columns.sqlType(type)}`)
    ]
    yield* query(`CREATE OR REPLACE TEMP TABLE segment (${names.join(", ")})`)
    const appender = yield* Effect.acquireRelease(
      Effect.tryPromise({ try: () => connection.createAppender("segment"), catch: failed("append") }),
      (held) => Effect.sync(() => held.closeSync())
    )
    const types = typesOf(columns)
    for (let at = 0; at < records.length; at += chunkRows) {
      const values = columnsOf(columns, partition, records.slice(at, at + chunkRows))
      if (values instanceof ExtractFailed) {
        return yield* new BatchError({ operation: "archive", reason: values })
      }
      yield* Effect.try({
        try: () => {
          const chunk = DuckDBDataChunk.create(types)
          chunk.setColumns(values)
          appender.appendDataChunk(chunk)
        },
        catch: failed("append")
      })
    }
    yield* Effect.try({ try: () => appender.flushSync(), catch: failed("append") })
    yield* query(
      `COPY (SELECT * FROM segment ORDER BY sequence) TO '${path.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd)`
    )
    yield* query("DROP TABLE segment")
  }).pipe(Effect.scoped)
