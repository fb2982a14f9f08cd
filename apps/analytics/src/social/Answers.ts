/** What people ask, answered from rows of hours and months; the same for rows of a view, of DuckDB, or of the speed layer. */
import type { Table } from "@troupe/views"
import * as Aggregate from "./Aggregate.ts"
import * as Tally from "./Tally.ts"

/** The questions, by their names. */
export const questions = ["trending-hour", "trending-day", "influence", "consistent"] as const
export type Question = (typeof questions)[number]

/** The rows that answer each question. */
export type Tables = { readonly [Name in Question]: Table.Rows }

/** A topic that was among this many of an hour was trending in it. */
export const trendingTop = 5

/** A topic that was trending in this many hours of a day trends consistently. */
export const consistentHours = 6

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The row of a topic in a window, or of an author in a month. */
export const rowOf = (tally: Tally.Tally, tenths: (tally: Tally.Tally) => number): Table.Row => ({
  ...tally,
  score: tenths(tally) / 10
})

/** Names by falling worth, equal ones in the order of the alphabet: DuckDB says `ORDER BY worth DESC, name`. */
export const ranked = (
  tallies: Iterable<readonly [string, Tally.Tally]>,
  tenths: (tally: Tally.Tally) => number
): ReadonlyArray<readonly [string, Tally.Tally]> =>
  [...tallies].sort(([a, left], [b, right]) => tenths(right) - tenths(left) || byText(a, b))

/** The topics of a day that were trending in at least `consistentHours` of its hours, as `cats 17, dogs 12`. */
export const consistentIn = (hours: Iterable<ReadonlyMap<string, Tally.Tally>>): string => {
  const counts = new Map<string, number>()
  for (const topics of hours) {
    for (const [topic] of ranked(topics, Tally.heatTenths).slice(0, trendingTop)) {
      counts.set(topic, (counts.get(topic) ?? 0) + 1)
    }
  }
  return [...counts]
    .filter(([, hoursTrending]) => hoursTrending >= consistentHours)
    .sort(([a, left], [b, right]) => right - left || byText(a, b))
    .map(([topic, hoursTrending]) => `${topic} ${hoursTrending}`)
    .join(", ")
}

/** Tallies by window, and in it by name. */
type Windows = Map<string, Map<string, Tally.Tally>>

const addTo = (windows: Windows, window: string, name: string, tally: Tally.Tally): void => {
  const held = windows.get(window) ?? new Map<string, Tally.Tally>()
  windows.set(window, held)
  const sum = held.get(name) ?? Tally.empty()
  held.set(name, sum)
  Tally.add(sum, tally)
}

const rowsOf = (windows: Windows, tenths: (tally: Tally.Tally) => number): Table.Rows => {
  const rows = new Map<string, Table.Row>()
  for (const [window, names] of windows) {
    for (const [name, tally] of names) rows.set(`${window}/${name}`, rowOf(tally, tenths))
  }
  return rows
}

/** Answers everything from the rows of the aggregated stage: sums over partitions, hours into days, hours into what is consistent. */
export const fromRows = (rows: Table.Rows): Tables => {
  const [hours, days, months]: [Windows, Windows, Windows] = [new Map(), new Map(), new Map()]
  for (const [key, row] of rows) {
    const { of, table, time } = Aggregate.partsOf(key)
    const tally = row as unknown as Tally.Tally
    addTo(table === "hour" ? hours : months, time, of, tally)
    if (table === "hour") addTo(days, time.slice(0, 10), of, tally)
  }
  const hoursOfDays = Map.groupBy(hours, ([hour]) => hour.slice(0, 10))
  return {
    "trending-hour": rowsOf(hours, Tally.heatTenths),
    "trending-day": rowsOf(days, Tally.heatTenths),
    influence: rowsOf(months, Tally.influenceTenths),
    consistent: new Map(
      [...hoursOfDays].map(([day, held]) => [day, { topics: consistentIn(held.map(([, topics]) => topics)) }])
    )
  }
}

/** One place in a ranking. */
export interface Ranked {
  readonly name: string
  readonly score: number
}

/** What a reader asks: the newest complete answer to each question. */
export interface Summary {
  /** The last hour, day and month that have rows. */
  readonly hour: string
  readonly day: string
  readonly month: string
  readonly trendingHour: ReadonlyArray<Ranked>
  readonly trendingDay: ReadonlyArray<Ranked>
  readonly influential: ReadonlyArray<Ranked>
  /** Days with the topics that trended consistently in them, newest first. */
  readonly consistent: ReadonlyArray<{ readonly day: string; readonly topics: string }>
}

const newest = (rows: Table.Rows, length: number): string => {
  let last = ""
  for (const key of rows.keys()) {
    const window = key.slice(0, length)
    if (window > last) last = window
  }
  return last
}

const top = (rows: Table.Rows, window: string, places: number): ReadonlyArray<Ranked> =>
  [...rows]
    .filter(([key]) => key.startsWith(`${window}/`))
    .map(([key, row]) => ({ name: key.slice(window.length + 1), score: Number(row["score"]) }))
    .sort((a, b) => b.score - a.score || byText(a.name, b.name))
    .slice(0, places)

/** The first `places` of each ranking in the newest hour, day and month. */
export const summarize = (tables: Tables, places = 5): Summary => {
  const hour = newest(tables["trending-hour"], 13)
  const day = newest(tables["trending-day"], 10)
  const month = newest(tables.influence, 7)
  return {
    hour,
    day,
    month,
    trendingHour: top(tables["trending-hour"], hour, places),
    trendingDay: top(tables["trending-day"], day, places),
    influential: top(tables.influence, month, places),
    consistent: [...tables.consistent]
      .sort(([a], [b]) => byText(b, a))
      .slice(0, 7)
      .map(([key, row]) => ({ day: key, topics: String(row["topics"]) }))
  }
}
