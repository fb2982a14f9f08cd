/**
 * The OTTO data set: JSON lines, each a shopper with all events, `{"session": 7, "events": [{"aid", "ts", "type"}, …]}`.
 *
 * `clicks` is 2 (detail), `carts` 3 (add), `orders` 5 (purchase). A "session" there is a shopper over up to four weeks:
 * it becomes `key`; sessions are for a sessionizer to find. `eventId` is `<session>:<position>`, from 1, which is
 * `hitNumber` too: two events of equal content, as when two products are ordered at once, are two events. A row is an
 * event; a line that is no shopper at all counts as one row. Unless it was asked for by name, a text whose first line is no
 * JSON object with both fields is refused as a whole: it is something else.
 */
import { type ClickChunk, notUtf8, type Rows, valueLength } from "./ClickChunk.ts"
import type { ClickEvent } from "./ClickEvent.ts"
import { isFault, lastMillis, type RowFault } from "./ClickFormat.ts"
import { maxRecordLength } from "./CsvRecords.ts"
import { HeaderInvalid } from "./ReadError.ts"
import type { Reject } from "./Reject.ts"
import { fromAction } from "./Symbols.ts"

const actions = { clicks: "detail", carts: "add", orders: "purchase" } as const
const isType = (type: unknown): type is keyof typeof actions =>
  typeof type === "string" && Object.hasOwn(actions, type)

/** The rows of an OTTO text. Its longest line may have 1 048 576 characters: some 20 000 events. */
export const make = (
  options: {
    readonly fromRow: number
    readonly rowsPerChunk: number
    /** True when somebody said that it is OTTO: then a first line that is no shopper is a bad row like any other. */
    readonly isNamed: boolean
  },
  bytesRead: () => number
): Rows => {
  let isTold = options.isNamed
  let refused: HeaderInvalid | undefined
  let rest = ""
  let line = 0
  let row = 0
  let overlong = false
  let events: Array<ClickEvent> = []
  let rejects: Array<Reject> = []

  const flush = (into: Array<ClickChunk>): void => {
    if (events.length + rejects.length === 0) return
    into.push({ format: "otto", events, rejects, lastRow: row, bytesRead: bytesRead() })
    events = []
    rejects = []
  }

  const take = (result: ClickEvent | RowFault, into: Array<ClickChunk>): void => {
    if (row >= options.fromRow) {
      if (isFault(result)) rejects.push({ row, line, ...result, value: result.value.slice(0, valueLength) })
      else events.push(result)
    }
    if (events.length + rejects.length >= options.rowsPerChunk) flush(into)
  }

  const takeLine = (text: string, into: Array<ClickChunk>): void => {
    line++
    if (text.trim() === "") return
    const shopper = shopperOf(text)
    if ("reason" in shopper) {
      row++
      take(shopper, into)
      return
    }
    for (const [i, event] of shopper.events.entries()) {
      row++
      take(eventOf(shopper.session, event, i + 1, row), into)
    }
  }

  const takeText = (text: string, into: Array<ClickChunk>): void => {
    let from = 0
    for (let to = text.indexOf("\n"); to >= 0; to = text.indexOf("\n", from)) {
      const whole = from === 0 ? rest + text.slice(0, to) : text.slice(from, to)
      rest = ""
      from = to + 1
      takeWhole(whole, into)
    }
    rest += text.slice(from)
    if (rest.length <= maxRecordLength) return
    overlong = true
    rest = rest.slice(0, valueLength)
  }

  const takeWhole = (text: string, into: Array<ClickChunk>): void => {
    if (refused !== undefined) return
    if (!isTold && text.trim() !== "") {
      refused = refusalOf(text, line + 1)
      if (refused !== undefined) return
      isTold = true
    }
    if (!overlong && text.length <= maxRecordLength) {
      takeLine(text, into)
      return
    }
    overlong = false
    line++
    row++
    take({ column: "(row)", value: text, reason: `is longer than ${maxRecordLength} characters` }, into)
  }

  return {
    push: (text, into) => {
      takeText(text, into)
      flush(into)
      return refused
    },
    end: (into) => {
      if (rest !== "") takeWhole(rest, into)
      rest = ""
      flush(into)
      return refused
    }
  }
}

/** Why a text with this first line is not OTTO's; nothing when it is. What has both fields, whatever they hold, is a row. */
const refusalOf = (text: string, line: number): HeaderInvalid | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value)
  const found = isObject ? Object.keys(value as object) : [text.slice(0, valueLength)]
  const missing = ["session", "events"].filter((field) => !(isObject && found.includes(field)))
  return missing.length === 0
    ? undefined
    : new HeaderInvalid({ line, missing, repeated: [], found, format: "otto" })
}

interface Shopper {
  readonly session: string
  readonly events: ReadonlyArray<unknown>
}

/** The shopper in a line, or why there is none. */
const shopperOf = (text: string): Shopper | RowFault => {
  const fault = (column: string, reason: string): RowFault => ({ column, value: text, reason })
  if (text.includes("\uFFFD")) return fault("(row)", notUtf8)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return fault("(row)", "is not JSON")
  }
  if (typeof value !== "object" || value === null) return fault("(row)", "is not an object")
  const session = "session" in value ? value.session : undefined
  const events = "events" in value ? value.events : undefined
  const name = typeof session === "string" || Number.isSafeInteger(session) ? String(session) : ""
  if (name === "") return fault("session", "is not a whole number or a name")
  if (!Array.isArray(events) || events.length === 0) return fault("events", "is not a list of events")
  return { session: name, events }
}

const eventOf = (session: string, value: unknown, position: number, row: number): ClickEvent | RowFault => {
  const fault = (column: string, reason: string): RowFault => ({
    column,
    value: JSON.stringify(value) ?? "",
    reason
  })
  if (typeof value !== "object" || value === null) return fault("events", "is not an event")
  const type = "type" in value ? value.type : undefined
  if (!isType(type)) return fault("type", "is not clicks, carts or orders")
  const ts = "ts" in value ? value.ts : undefined
  if (typeof ts !== "number" || !Number.isSafeInteger(ts) || ts < 0 || ts > lastMillis) {
    return fault("ts", "is not a time in whole milliseconds since 1970")
  }
  const aid = "aid" in value ? value.aid : undefined
  if (typeof aid !== "string" && !Number.isSafeInteger(aid)) return fault("aid", "is not a product")
  const action = actions[type]
  return {
    eventId: `${session}:${position}`,
    key: session,
    sessionIdHash: session,
    row,
    symbol: fromAction(action),
    action,
    skus: [String(aid)],
    timeMillis: ts,
    urlHash: "",
    hitNumber: position
  }
}
