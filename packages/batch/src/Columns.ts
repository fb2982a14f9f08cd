import type { TopicRecord } from "@troupe/broker"

/** What a typed column holds; every column may also hold null. */
export type ColumnType = "integer" | "number" | "text" | "boolean"

/** A column's value in TypeScript. */
export type ValueOf<Type extends ColumnType> =
  | (Type extends "text" ? string : Type extends "boolean" ? boolean : number)
  | null

/** Names and types of the columns that a user adds. */
export type Shape = { readonly [name: string]: ColumnType }

/** The values of one record; `undefined` or absent is null. */
export type Values<Types extends Shape> = {
  readonly [Name in keyof Types]?: ValueOf<Types[Name]> | undefined
}

/** Typed columns beside the raw record. */
export interface Columns {
  readonly types: ReadonlyArray<{ readonly name: string; readonly type: ColumnType }>
  readonly extract: (record: TopicRecord) => { readonly [name: string]: unknown } | undefined
}

/** The columns that every archive has, with their DuckDB types, in order. */
export const raw = [
  ["sequence", "BIGINT"],
  ["subject", "VARCHAR"],
  ["partition", "INTEGER"],
  ["time", "TIMESTAMP_MS"],
  ["message_id", "VARCHAR"],
  ["headers", "MAP(VARCHAR, VARCHAR)"],
  ["data", "BLOB"]
] as const

const sqlTypes: Record<ColumnType, string> = {
  integer: "BIGINT",
  number: "DOUBLE",
  text: "VARCHAR",
  boolean: "BOOLEAN"
}

/** The DuckDB type of a column. */
export const sqlType = (type: ColumnType): string => sqlTypes[type]

/** A name as DuckDB takes it, also when it is a keyword. */
export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

/**
 * Adds typed columns to an archive: names with types, and a pure function that takes them out of a record.
 *
 * The function gives `undefined` for a record that is not an event (a control record): its columns are null. A throw, or a value that
 * its column cannot hold (`integer` is a safe integer), stops the archive with `ExtractFailed`. Throws `TypeError` for a name that is
 * not `[a-z_][a-z0-9_]*` or that every archive has.
 */
export const define = <const Types extends Shape>(
  types: Types,
  extract: (record: TopicRecord) => Values<Types> | undefined
): Columns => {
  for (const name of Object.keys(types)) {
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name) || raw.some(([held]) => held === name)) {
      throw new TypeError(
        `Columns.define: the name ${JSON.stringify(name)} is not of [a-z_][a-z0-9_]*, or taken`
      )
    }
  }
  return { types: Object.entries(types).map(([name, type]) => ({ name, type })), extract }
}

/** No typed columns: the raw record only. */
export const none: Columns = { types: [], extract: () => undefined }

/** What is wrong with a value for a column; `undefined` when nothing is. */
export const mismatch = (type: ColumnType, value: unknown): string | undefined => {
  if (value === null || value === undefined) return undefined
  const fits =
    type === "integer"
      ? Number.isSafeInteger(value)
      : type === "number"
        ? typeof value === "number" && Number.isFinite(value)
        : typeof value === (type === "text" ? "string" : "boolean")
  return fits ? undefined : `${String(value)} is not ${type}`
}
