import {
  type ClickFormat,
  lastMillis,
  problemsOf,
  type RowReader,
  skusOf,
  wholeNumber,
  widthFault
} from "./ClickFormat.ts"
import type { HeaderInvalid } from "./ReadError.ts"
import { type Action, fromAction } from "./Symbols.ts"

/**
 * How the columns of some CSV with a header become events: names of columns, and what the values of one of them mean.
 *
 * @example
 * const mapping: CsvMapping = {
 *   key: "user_id",
 *   time: "event_time",
 *   timeUnit: "iso",
 *   kind: "event_type",
 *   kinds: { view: "detail", cart: "add", remove_from_cart: "remove", purchase: "purchase" },
 *   sku: "product_id"
 * }
 */
export interface CsvMapping {
  /** Column of the visitor: becomes `key`. */
  readonly key: string
  /** Column of the time. */
  readonly time: string
  /**
   * How the time is written: whole `millis` (default) or `seconds` since 1970, or `iso` (ISO 8601 as ECMAScript reads it;
   * `2019-10-01 00:00:00 UTC` too; without a zone it is UTC).
   */
  readonly timeUnit?: "millis" | "seconds" | "iso"
  /** Column of what was done. */
  readonly kind: string
  /** The action of each value of that column. A row with any other value is a reject. */
  readonly kinds: Readonly<Record<string, Action>>
  /** Column of an id that names the row for ever. Without it, `eventId` is `<key>:<row>`: stable while the file stays as it is. */
  readonly id?: string
  /** Column of the source's own session; default that of `key`. */
  readonly session?: string
  /** Column of the products, separated by `|` or `,`. */
  readonly sku?: string
  /** Column of the page. */
  readonly url?: string
}

const format: ClickFormat = "csv"

/** The header's error, when it lacks a column that the mapping names. */
export const checkHeader = (
  mapping: CsvMapping,
  header: ReadonlyArray<string>,
  line: number
): HeaderInvalid | undefined => {
  const named = [
    mapping.key,
    mapping.time,
    mapping.kind,
    mapping.id,
    mapping.session,
    mapping.sku,
    mapping.url
  ]
  return problemsOf(format, [...new Set(named.filter((column) => column !== undefined))], header, line)
}

const iso = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/

/** Milliseconds since 1970 of an ISO time, or -1; blanks as in `2019-10-01 00:00:00 UTC` are understood. */
const isoMillis = (text: string): number => {
  const tidy = text.trim().replace(/ UTC$/, "Z").replace(" ", "T")
  const match = iso.exec(tidy)
  // Engines read much that is no ISO time, and 31 February as 3 March.
  if (match?.[1] === undefined || !isDate(match[1])) return -1
  // A date alone is UTC by the standard, a date with a time is not.
  const millis = Date.parse(tidy.includes("T") && match[2] === undefined ? `${tidy}Z` : tidy)
  return Number.isInteger(millis) ? millis : -1
}

const isDate = (text: string): boolean => {
  const millis = Date.parse(text)
  return Number.isInteger(millis) && new Date(millis).toISOString().startsWith(text)
}

const timeReaders = {
  millis: { read: wholeNumber, reason: "is not a time in whole milliseconds since 1970" },
  seconds: {
    read: (text: string) => wholeNumber(text) * 1000,
    reason: "is not a time in whole seconds since 1970"
  },
  iso: { read: isoMillis, reason: "is not an ISO 8601 time since 1970" }
} as const

/** The reader of rows under this header, which `checkHeader` has passed. */
export const rowReader = (mapping: CsvMapping, header: ReadonlyArray<string>): RowReader => {
  const at = (column: string | undefined) => (column === undefined ? -1 : header.indexOf(column))
  const key = at(mapping.key)
  const time = at(mapping.time)
  const kind = at(mapping.kind)
  const id = at(mapping.id)
  const session = at(mapping.session ?? mapping.key)
  const sku = at(mapping.sku)
  const url = at(mapping.url)
  const kinds = new Map(Object.entries(mapping.kinds))
  const { read, reason } = timeReaders[mapping.timeUnit ?? "millis"]
  return (fields, row) => {
    const misfit = widthFault(fields, header)
    if (misfit !== undefined) return misfit
    const value = (index: number): string => (index < 0 ? "" : (fields[index] as string))
    const fault = (index: number, why: string) => ({
      column: header[index] as string,
      value: value(index),
      reason: why
    })
    for (const index of [key, session, id])
      if (index >= 0 && value(index) === "") return fault(index, "is empty")
    const action = kinds.get(value(kind))
    if (action === undefined) return fault(kind, `is not ${[...kinds.keys()].join(", ")}`)
    const timeMillis = read(value(time))
    if (!(timeMillis >= 0 && timeMillis <= lastMillis)) return fault(time, reason)
    return {
      eventId: id < 0 ? `${value(key)}:${row}` : value(id),
      key: value(key),
      sessionIdHash: value(session),
      row,
      symbol: fromAction(action),
      action,
      skus: skusOf(value(sku)),
      timeMillis,
      urlHash: value(url)
    }
  }
}
