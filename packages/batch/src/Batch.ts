/**
 * DuckDB over archives: one in-memory database a scope, which sees the archives it was given and no other file.
 */

import * as path from "node:path"
import {
  BIGINT,
  DOUBLE,
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBType,
  type DuckDBValue,
  type JS
} from "@duckdb/node-api"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { BatchError, QueryFailed, RowMismatch } from "./BatchError.ts"
import * as Columns from "./Columns.ts"
import type * as Manifest from "./Manifest.ts"
import { manifestOf } from "./ManifestFile.ts"
import * as SqlText from "./SqlText.ts"

/** What a query may be given in place of `$name`. Values are bound, never spliced into the text. */
export type Parameter = null | boolean | number | bigint | string

/** A plain value of a result: whole numbers are `number` while exact and `bigint` beyond, times are `Date`, blobs are bytes. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | ReadonlyArray<Value>
  | { readonly [field: string]: Value }

/** One row of a result. */
export type ResultRow = { readonly [column: string]: Value }

/** How to open a database. */
export interface Options {
  /**
   * Directories of archives, each visible as a relation of that name: `{ posts: "./archive" }` gives `SELECT … FROM posts`. What is
   * seen is what the manifest names at the moment of opening.
   */
  readonly archives: { readonly [relation: string]: string }
  /** Memory that DuckDB may use; default 512. What does not fit is spilled to `spillDirectory`, or refused. */
  readonly memoryLimitMiB?: number
  /** Default 2. */
  readonly threads?: number
  /** Where to spill to; default: nowhere. */
  readonly spillDirectory?: string
}

/** An open database; its statements run one after the other. */
export interface Batch {
  /** Rows of a statement. `parameters` are bound to `$name`. Fails with `QueryFailed`, which holds DuckDB's own words. */
  readonly query: (
    sql: string,
    parameters?: { readonly [name: string]: Parameter }
  ) => Effect.Effect<ReadonlyArray<ResultRow>, BatchError>
  /** The same, with every row decoded by a schema; fails with `RowMismatch` when one does not fit. */
  readonly queryAs: <A, I>(
    row: Schema.Codec<A, I>,
    sql: string,
    parameters?: { readonly [name: string]: Parameter }
  ) => Effect.Effect<ReadonlyArray<A>, BatchError>
  /** Manifests of the archives as they were when the database was opened, by relation. */
  readonly manifests: { readonly [relation: string]: Manifest.Manifest }
}

const plain = (value: JS): Value => {
  if (typeof value === "bigint") {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
  }
  if (value === null || typeof value !== "object" || value instanceof Date || value instanceof Uint8Array) {
    return value
  }
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, plain(held)]))
}

const rowOf = (row: Record<string, JS>): ResultRow =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]))

/** Whole numbers are bound as BIGINT and all others as DOUBLE; DuckDB guesses the rest from the value. */
const bind = (parameters: { readonly [name: string]: Parameter }) => {
  const values: Record<string, DuckDBValue> = {}
  const types: Record<string, DuckDBType> = {}
  for (const [name, value] of Object.entries(parameters)) {
    const isWhole = typeof value === "number" && Number.isSafeInteger(value) && !Object.is(value, -0)
    values[name] = isWhole ? BigInt(value) : value
    if (typeof value === "number") types[name] = isWhole ? BIGINT : DOUBLE
  }
  return { values, types }
}

const failed = (sql: string) => (cause: unknown) =>
  new BatchError({ operation: "query", reason: new QueryFailed({ sql, cause }) })

/** Runs statements on a connection; interruption interrupts DuckDB too. */
export const queryOn =
  (connection: DuckDBConnection): Batch["query"] =>
  (sql, parameters) =>
    Effect.callback<ReadonlyArray<ResultRow>, BatchError>((resume) => {
      const bound = parameters === undefined ? undefined : bind(parameters)
      let isSettled = false
      const running = connection
        .runAndReadAll(sql, bound?.values, bound?.types)
        .then(
          (reader) => resume(Effect.sync(() => reader.getRowObjectsJS().map(rowOf))),
          (cause) => resume(Effect.fail(failed(sql)(cause)))
        )
        .finally(() => {
          isSettled = true
        })
      // DuckDB forgets an interrupt that comes while a statement is only being prepared: it is told again until the statement
      // has ended, so that the connection is free for the next one, or can be closed.
      return Effect.callback<void>((done) => {
        const interrupt = () => {
          if (isSettled) return
          connection.interrupt()
          setTimeout(interrupt, 1)
        }
        interrupt()
        running.then(() => done(Effect.void))
      })
    })

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Opens DuckDB so that it may touch these directories only, loads nothing from outside, and cannot be told otherwise. */
export const connect = (options: {
  readonly directories: ReadonlyArray<string>
  readonly memoryLimitMiB: number
  readonly threads: number
  readonly spillDirectory?: string
}): Effect.Effect<DuckDBConnection, BatchError, Scope.Scope> =>
  Effect.gen(function* () {
    const settings: Record<string, string> = {
      memory_limit: `${options.memoryLimitMiB}MiB`,
      threads: String(options.threads),
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
      temp_directory: options.spillDirectory ?? ""
    }
    const instance = yield* Effect.acquireRelease(
      Effect.tryPromise({ try: () => DuckDBInstance.create(":memory:", settings), catch: failed("open") }),
      (held) => Effect.sync(() => held.closeSync())
    )
    const connection = yield* Effect.acquireRelease(
      Effect.tryPromise({ try: () => instance.connect(), catch: failed("connect") }),
      (held) => Effect.sync(() => held.closeSync())
    )
    const run = queryOn(connection)
    const directories = options.directories.map((directory) => literal(path.resolve(directory)))
    yield* run(`SET allowed_directories = [${directories.join(", ")}]`)
    yield* run("SET enable_external_access = false")
    for (const macro of SqlText.macros) yield* run(macro)
    yield* run("SET lock_configuration = true")
    return connection
  })

/** The relation of the files of an archive, as it is selected from: also of one without a file. */
export const relationOf = (directory: string, manifest: Manifest.Manifest): string => {
  const columns = [
    ...Columns.raw.map(([name, type]) => ({ name, type: type as string })),
    ...manifest.columns.map(({ name, type }) => ({ name, type: Columns.sqlType(type) }))
  ]
  const files = manifest.segments.flatMap((segment) => segment.files)
  const none = `SELECT ${columns.map(({ name, type }) => `NULL::${type} AS ${Columns.quote(name)}`).join(", ")} WHERE false`
  if (files.length === 0) return none
  const paths = files.map((file) => literal(path.resolve(directory, file.name)))
  return `${none} UNION ALL BY NAME SELECT * FROM read_parquet([${paths.join(", ")}], union_by_name = true)`
}

/**
 * Opens a database over archives until the scope closes.
 *
 * The archives are views with the columns `sequence, subject, partition, time, message_id, headers, data` and those of the extractor.
 * The only files that SQL can reach are those of the archives' directories; extensions and settings are locked.
 */
export const open = (options: Options): Effect.Effect<Batch, BatchError, Scope.Scope> =>
  Effect.gen(function* () {
    const { spillDirectory } = options
    const relations = Object.entries(options.archives)
    const connection = yield* connect({
      directories: [
        ...relations.map(([, directory]) => directory),
        ...(spillDirectory === undefined ? [] : [spillDirectory])
      ],
      memoryLimitMiB: options.memoryLimitMiB ?? 512,
      threads: options.threads ?? 2,
      ...(spillDirectory === undefined ? {} : { spillDirectory: path.resolve(spillDirectory) })
    })
    const run = queryOn(connection)
    const lock = yield* Semaphore.make(1)
    // One at a time: an interruption must end its own statement and no other.
    const query: Batch["query"] = (sql, parameters) => lock.withPermits(1)(run(sql, parameters))
    const manifests: { [relation: string]: Manifest.Manifest } = {}
    for (const [relation, directory] of relations) {
      const manifest = yield* manifestOf(directory)
      manifests[relation] = manifest
      yield* query(`CREATE VIEW ${Columns.quote(relation)} AS ${relationOf(directory, manifest)}`)
    }
    return {
      manifests,
      query,
      queryAs: (row, sql, parameters) => {
        const decode = Schema.decodeUnknownEffect(Schema.Array(row))
        return Effect.flatMap(query(sql, parameters), (rows) =>
          Effect.mapError(
            decode(rows),
            (error) =>
              new BatchError({ operation: "query", reason: new RowMismatch({ sql, issue: String(error) }) })
          )
        )
      }
    }
  })
