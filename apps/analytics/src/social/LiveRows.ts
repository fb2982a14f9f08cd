import type { Table } from "@troupe/views"
import * as Aggregate from "./Aggregate.ts"
import * as Calendar from "./Calendar.ts"
import type { Edition } from "./Edition.ts"

/** Hours are held for so many days: the last seven whole ones are shown. */
const daysHeld = 8

/**
 * The served rows of an edition, held to answer from at once: hours of the last eight days and months that are not long over, however long the
 * feed. What is older no event can change any more.
 */
export interface LiveRows {
  readonly edition: Edition
  readonly rows: Table.Rows
  /** Rows that are served, those that are not held any more included. */
  readonly count: () => number
  /** A row as it is served now; `undefined` for one that was retracted. */
  readonly apply: (key: string, row: Table.Row | undefined) => void
}

/** Begins with all rows that are served. */
export const make = (edition: Edition, served: Table.Rows): LiveRows => {
  const rows = new Map<string, Table.Row>()
  let newestHour = ""
  let dropped = 0

  const drop = (): void => {
    const before = Calendar.startOf(newestHour) - daysHeld * Calendar.dayMillis
    for (const key of rows.keys()) {
      if (Calendar.endOf(Aggregate.partsOf(key).time) >= before) continue
      rows.delete(key)
      dropped += 1
    }
  }
  const put = (key: string, row: Table.Row): boolean => {
    rows.set(key, row)
    const { table, time } = Aggregate.partsOf(key)
    if (table !== "hour" || time <= newestHour) return false
    newestHour = time
    return true
  }

  for (const [key, row] of served) put(key, row)
  if (newestHour !== "") drop()
  return {
    edition,
    rows,
    count: () => rows.size + dropped,
    apply: (key, row) => {
      if (row === undefined) rows.delete(key)
      else if (put(key, row)) drop()
    }
  }
}
