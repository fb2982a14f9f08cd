import { type ClickEvent, Prng } from "@troupe/clickstream"
import * as Stream from "effect/Stream"
import type { Source } from "../Source.ts"
import type { Clicks } from "./IntentInput.ts"

/** No click comes later than this after it happened: far behind the watermark of sessions, well within their lateness of a day. */
export const latestMillis = 2 * 3_600_000

/** Clicks in the order in which they come, each with its place in it as row. */
export interface Arrivals {
  readonly events: ReadonlyArray<ClickEvent>
  /** How many came late. */
  readonly late: number
}

const numbered = (events: ReadonlyArray<ClickEvent>): ReadonlyArray<ClickEvent> =>
  events.map((event, i) => ({ ...event, row: i + 1 }))

const byTime = (a: ClickEvent, b: ClickEvent) => a.timeMillis - b.timeMillis || a.row - b.row

/** In the order of their times. */
export const inOrder = (events: ReadonlyArray<ClickEvent>): Arrivals => ({
  events: numbered([...events].sort(byTime)),
  late: 0
})

/** A share of the clicks comes up to two hours late; which and how late follows from the seed. */
export const delayed = (
  events: ReadonlyArray<ClickEvent>,
  { seed, share }: { readonly seed: number; readonly share: number }
): Arrivals => {
  const prng = Prng.make(seed, -2)
  let late = 0
  const arrivals = [...events].sort(byTime).map((event, i) => {
    if (prng.next() >= share) return { event, i, at: event.timeMillis }
    late++
    return { event, i, at: event.timeMillis + 1 + Math.floor(prng.next() * latestMillis) }
  })
  arrivals.sort((a, b) => a.at - b.at || a.i - b.i)
  return { events: numbered(arrivals.map(({ event }) => event)), late }
}

/** Rows appended together. */
const rowsPerChunk = 512

/** Arrivals as an input that can be read again from any row on; with the first of them come the rows that are no clicks. */
export const source = (clicks: Clicks, arrivals: Arrivals, order: string): Source => {
  const { events } = arrivals
  return {
    name: `${clicks.name}, ${order}`,
    total: events.length,
    read: (fromRow) =>
      Stream.range(0, Math.ceil((events.length - fromRow + 1) / rowsPerChunk) - 1, 1).pipe(
        Stream.map((chunk) => {
          const from = fromRow - 1 + chunk * rowsPerChunk
          const some = events.slice(from, from + rowsPerChunk)
          const lastRow = from + some.length
          return { events: some, rejects: from === 0 ? clicks.rejects : [], lastRow, done: lastRow }
        })
      )
  }
}
