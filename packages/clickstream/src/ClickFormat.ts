/**
 * The CSV data sets a reader knows, and how a row of each becomes an event: pure functions.
 *
 * - `coveo`: the six columns of the data released with Requena et al. 2020. It names no visitor, so `key` is the
 *   session, and it has no hit number, so `eventId` is `<session_id_hash>:<row>`: stable while the file stays as it is
 *   (a copy sorted otherwise gives other ids), and unique even where two rows are equal.
 * - `google-day`: the same six with `visitor_id` and `hit_number` (and, where they are there, `is_checkout_step`,
 *   `visit_number`, `device`, `channel`). `key` is the visitor, `eventId` is `<session_id_hash>:<hit_number>`: never the
 *   content, because equal rows can be two real hits.
 *
 * `otto` is no CSV: see `OttoRows`.
 */
import type { ClickEvent } from "./ClickEvent.ts"
import { HeaderInvalid } from "./ReadError.ts"
import { fromProductAction, toAction } from "./Symbols.ts"

/** The name of a data set's format; `csv` is any other CSV, read by a `CsvMapping`. */
export type ClickFormat = "coveo" | "google-day" | "otto" | "csv"

/** The formats that are told by the columns of a header. */
type KnownCsv = "coveo" | "google-day"

/** Why a row is no event. */
export interface RowFault {
  readonly column: string
  readonly value: string
  readonly reason: string
}

/** Turns the fields of a row into an event, or says which column is wrong; `row` is the 1-based data row. */
export type RowReader = (fields: ReadonlyArray<string>, row: number) => ClickEvent | RowFault

/** True for what a `RowReader` answers when the row is bad. */
export const isFault = (result: ClickEvent | RowFault): result is RowFault => "reason" in result

const coveoColumns = [
  "session_id_hash",
  "event_type",
  "product_action",
  "product_skus_hash",
  "server_timestamp_epoch_ms",
  "hashed_url"
] as const

/** The columns each format must have; others are ignored. */
export const columns: Readonly<Record<KnownCsv, ReadonlyArray<string>>> = {
  coveo: coveoColumns,
  "google-day": ["visitor_id", ...coveoColumns, "hit_number"]
}

/** The format a header looks like: a visitor or a hit number makes it a Google day. */
export const detect = (header: ReadonlyArray<string>): KnownCsv =>
  header.includes("visitor_id") || header.includes("hit_number") ? "google-day" : "coveo"

/** The header's error, when it lacks a column of `format` or names one twice. */
export const checkHeader = (
  format: ClickFormat,
  header: ReadonlyArray<string>,
  line: number
): HeaderInvalid | undefined => {
  const required = format === "google-day" ? columns["google-day"] : columns.coveo
  return problemsOf(format, required, header, line)
}

/** The error of a header that lacks a required column or names any twice; `undefined` for a good one. */
export const problemsOf = (
  format: ClickFormat,
  required: ReadonlyArray<string>,
  header: ReadonlyArray<string>,
  line: number
): HeaderInvalid | undefined => {
  const missing = required.filter((column) => !header.includes(column))
  const repeated = [...new Set(header.filter((column, index) => header.indexOf(column) !== index))]
  return missing.length === 0 && repeated.length === 0
    ? undefined
    : new HeaderInvalid({ line, missing, repeated, found: header, format })
}

/** 8 640 000 000 000 000 ms: the last moment a JavaScript date can name. */
export const lastMillis = 8.64e15

/** A whole number written in plain digits, or -1. */
export const wholeNumber = (text: string): number => {
  if (text.length === 0 || text.length > 16) return -1
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 48 || code > 57) return -1
  }
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : -1
}

const noSkus: ReadonlyArray<string> = []

/** Product hashes, separated by `|` or `,`. */
export const skusOf = (text: string): ReadonlyArray<string> => {
  if (text === "") return noSkus
  if (!text.includes("|") && !text.includes(",")) return [text]
  return text
    .split(/[|,]/)
    .map((sku) => sku.trim())
    .filter((sku) => sku !== "")
}

/** What is wrong with a row of more or fewer fields than its header. */
export const widthFault = (
  fields: ReadonlyArray<string>,
  header: ReadonlyArray<string>
): RowFault | undefined =>
  fields.length === header.length
    ? undefined
    : {
        column: fields.length < header.length ? (header[fields.length] ?? "(row)") : "(row)",
        value: fields.join(","),
        reason: `has ${fields.length} fields, the header has ${header.length}`
      }

/** The reader of rows under this header, which `checkHeader` has passed. */
export const rowReader = (format: ClickFormat, header: ReadonlyArray<string>): RowReader => {
  const at = (column: string) => header.indexOf(column)
  const session = at("session_id_hash")
  const type = at("event_type")
  const productAction = at("product_action")
  const skus = at("product_skus_hash")
  const time = at("server_timestamp_epoch_ms")
  const url = at("hashed_url")
  const google = format === "google-day"
  const visitor = google ? at("visitor_id") : -1
  const hit = google ? at("hit_number") : -1
  const visit = google ? at("visit_number") : -1
  const checkout = google ? at("is_checkout_step") : -1
  const device = google ? at("device") : -1
  const channel = google ? at("channel") : -1

  return (fields, row) => {
    const misfit = widthFault(fields, header)
    if (misfit !== undefined) return misfit
    const value = (index: number): string => fields[index] as string
    const fault = (index: number, reason: string): RowFault => ({
      column: header[index] as string,
      value: value(index),
      reason
    })

    const sessionIdHash = value(session)
    if (sessionIdHash === "") return fault(session, "is empty")
    const key = google ? value(visitor) : sessionIdHash
    if (key === "") return fault(visitor, "is empty")
    const eventType = value(type)
    if (eventType !== "pageview" && eventType !== "event") return fault(type, "is not pageview or event")
    const symbol = fromProductAction(value(productAction))
    if (symbol === undefined) {
      return fault(productAction, "is not detail, add, remove, purchase, click or empty")
    }
    const timeMillis = wholeNumber(value(time))
    if (timeMillis < 0 || timeMillis > lastMillis) {
      return fault(time, "is not a time in whole milliseconds since 1970")
    }
    const event = {
      eventId: "",
      key,
      sessionIdHash,
      row,
      symbol,
      action: toAction(symbol),
      skus: skusOf(value(skus)),
      timeMillis,
      urlHash: value(url)
    }
    if (!google) {
      event.eventId = `${sessionIdHash}:${row}`
      return event
    }

    const hitNumber = wholeNumber(value(hit))
    if (hitNumber < 0) return fault(hit, "is not a whole number")
    event.eventId = `${sessionIdHash}:${hitNumber}`
    const rest: { -readonly [K in GoogleOnly]?: ClickEvent[K] } = { hitNumber }
    if (visit >= 0 && value(visit) !== "") {
      const visitNumber = wholeNumber(value(visit))
      if (visitNumber < 0) return fault(visit, "is not a whole number")
      rest.visitNumber = visitNumber
    }
    if (checkout >= 0 && value(checkout) !== "") {
      if (value(checkout) !== "0" && value(checkout) !== "1") return fault(checkout, "is not 0 or 1")
      rest.isCheckoutStep = value(checkout) === "1"
    }
    if (device >= 0 && value(device) !== "") rest.device = value(device)
    if (channel >= 0 && value(channel) !== "") rest.channel = value(channel)
    return Object.assign(event, rest)
  }
}

type GoogleOnly = "hitNumber" | "visitNumber" | "isCheckoutStep" | "device" | "channel"
