/** A seeded social feed over a few days, late and duplicate events included, and three questions about it in two code bases each. */
import { type AppendRequest, Subject, type Topic, type TopicRecord } from "@troupe/broker"
import * as Effect from "effect/Effect"
import { Columns, type Question, type Rules, type Unit } from "../src/index.ts"

export const minute = 60_000
export const hour = 60 * minute
const gap = 30 * minute
export const partitions = 4

/** An interaction with a post. */
export interface Interaction {
  readonly id: string
  readonly user: string
  /** null: the post has no tag. */
  readonly tag: string | null
  readonly at: number
  /** Tenths of a cent: whole, so that sums are exact in any order. */
  readonly tenths: number
}

const utf8 = new TextEncoder()
const text = new TextDecoder()

export const decode = (record: TopicRecord): Interaction | undefined =>
  record.subject.startsWith("p.") ? JSON.parse(text.decode(record.data)) : undefined

export const columns = Columns.define(
  { id: "text", user: "text", tag: "text", at: "integer", tenths: "integer" },
  decode
)

/** A generator of numbers in [0, 1) from a seed. Source: mulberry32 by Tommy Ettinger. */
const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Events over three days in the order of arrival: one in ten up to `lateMillis` late, one in twenty sent twice. */
export const feed = (seed: number, events: number, lateMillis: number): ReadonlyArray<Interaction> => {
  const random = seeded(seed)
  const begin = Date.UTC(2026, 0, 5, 6)
  const arriving: Array<{ readonly arrives: number; readonly event: Interaction }> = []
  for (let index = 0; index < events; index++) {
    const at = begin + Math.floor((index / events) * 72 * hour + random() * minute)
    const event = {
      id: `e${index}`,
      user: `u${Math.floor(random() ** 2 * 23)}`,
      tag: random() < 0.1 ? null : `t${Math.floor(random() ** 3 * 12)}`,
      at,
      tenths: Math.floor(random() * 1000)
    }
    const arrives = at + (random() < 0.1 ? Math.floor(random() * lateMillis) : 0)
    arriving.push({ arrives, event })
    if (random() < 0.05) arriving.push({ arrives: arrives + 1, event })
  }
  return arriving.sort((a, b) => a.arrives - b.arrives).map(({ event }) => event)
}

const requestOf = (event: Interaction): AppendRequest => ({
  subject: Subject.partitionSubject(Subject.partitionOf(event.user, partitions)),
  data: utf8.encode(JSON.stringify(event))
})

/** Appends the events in order. */
export const fill = (topic: Topic, events: ReadonlyArray<Interaction>) =>
  Effect.gen(function* () {
    for (let at = 0; at < events.length; at += 1000) {
      yield* topic.appendAll(events.slice(at, at + 1000).map(requestOf))
    }
  })

export const rules = (latenessMillis: number): Rules<Interaction> => ({
  partitions,
  timeColumn: "at",
  timeMillis: (event) => event.at,
  delayMillis: 2 * minute,
  latenessMillis
})

/** Every event once. */
const once = (events: ReadonlyArray<Interaction>): ReadonlyArray<Interaction> => [
  ...new Map(events.map((event) => [event.id, event])).values()
]

const distinct = `SELECT DISTINCT id, "user", tag, "at", tenths FROM events`

/** A question of windows of an hour: one unit for an hour and what `of` names; `row` reads the unit's events. */
const hourly = (
  of: (event: Interaction) => string | undefined,
  row: (events: ReadonlyArray<Interaction>) => Unit<Interaction>["row"]
): Question<Interaction>["units"] => {
  return (events) => {
    const groups = new Map<string, { closesAtMillis: number; events: Array<Interaction> }>()
    const all = new Map<string, Array<Interaction>>()
    for (const event of events) all.set(event.id, [...(all.get(event.id) ?? []), event])
    for (const copies of all.values()) {
      const [event] = copies
      const name = event === undefined ? undefined : of(event)
      if (event === undefined || name === undefined) continue
      const window = Math.floor(event.at / hour)
      const key = `${window}/${name}`
      const group = groups.get(key) ?? { closesAtMillis: (window + 1) * hour - 1, events: [] }
      groups.set(key, group)
      group.events.push(...copies)
    }
    return [...groups].map(([key, group]) => ({ key, ...group, row: row(once(group.events)) }))
  }
}

/** How often each tag was used in each hour; posts without a tag count as "none". */
export const trending: Question<Interaction> = {
  name: "trending",
  units: hourly(
    (event) => event.tag ?? "none",
    (events) => ({ uses: events.length })
  ),
  sql: `SELECT ("at" // ${hour}) || '/' || coalesce(tag, 'none') AS key,
          ("at" // ${hour} + 1) * ${hour} - 1 AS closes_at, count(*) AS uses
        FROM (${distinct}) GROUP BY ALL`,
  fields: { uses: "integer" }
}

/** The same in another program: posts without a tag are left out, and hours are those of Kathmandu. */
export const trendingElsewhere: Question<Interaction>["units"] = (events) =>
  hourly(
    (event) => event.tag ?? undefined,
    (held) => ({ uses: held.length })
  )(events.map((event) => ({ ...event, at: event.at + 45 * minute })))

/** The same by 4 counters for unbounded tags (SpaceSaving, Metwally et al. 2005): counts are upper bounds. */
export const trendingEstimated: Question<Interaction>["units"] = (events) => {
  const exact = [...trending.units(events)]
  const byHour = new Map<string, Array<(typeof exact)[number]>>()
  for (const unit of exact) {
    const window = unit.key.split("/")[0] ?? ""
    byHour.set(window, [...(byHour.get(window) ?? []), unit])
  }
  return [...byHour.values()].flatMap((units) => {
    const counters = new Map<string, number>()
    for (const event of units.flatMap((unit) => once(unit.events))) {
      const tag = event.tag ?? "none"
      if (counters.has(tag) || counters.size < 4) {
        counters.set(tag, (counters.get(tag) ?? 0) + 1)
        continue
      }
      const [least, held] = [...counters].sort((a, b) => a[1] - b[1])[0] ?? ["", 0]
      counters.delete(least)
      counters.set(tag, held + 1)
    }
    return units.flatMap((unit) => {
      const uses = counters.get(unit.key.split("/")[1] ?? "")
      return uses === undefined ? [] : [{ ...unit, row: { uses } }]
    })
  })
}

/** What each hour's interactions cost, in cents: added as whole tenths, divided once. */
export const spending: Question<Interaction> = {
  name: "spending",
  units: hourly(
    () => "all",
    (events) => ({ cents: events.reduce((sum, event) => sum + event.tenths, 0) / 10 })
  ),
  sql: `SELECT ("at" // ${hour}) || '/all' AS key, ("at" // ${hour} + 1) * ${hour} - 1 AS closes_at,
          sum(tenths) / 10 AS cents FROM (${distinct}) GROUP BY ALL`,
  fields: { cents: "number" }
}

/** The same added as floating-point numbers, in the order of the log. */
export const spendingInFloats: Question<Interaction>["units"] = hourly(
  () => "all",
  (events) => ({ cents: events.reduce((sum, event) => sum + event.tenths / 10, 0) })
)

/** The same added as floating-point numbers, from the largest down. */
export const spendingInFloatsSql = `SELECT ("at" // ${hour}) || '/all' AS key, ("at" // ${hour} + 1) * ${hour} - 1 AS closes_at,
  list_sum(list(tenths / 10 ORDER BY tenths DESC)) AS cents FROM (${distinct}) GROUP BY ALL`

/** Sessions of a user with a gap of 30 minutes, inclusive: they reach over hours, and over midnight. */
export const sessions: Question<Interaction> = {
  name: "sessions",
  units: (events) => {
    const byUser = new Map<string, Array<Interaction>>()
    for (const event of events) {
      const held = byUser.get(event.user) ?? []
      byUser.set(event.user, held)
      held.push(event)
    }
    const units: Array<Unit<Interaction>> = []
    for (const [user, held] of byUser) {
      held.sort((a, b) => a.at - b.at)
      let open: Array<Interaction> = []
      const close = () => {
        const [first, last] = [open[0], open.at(-1)]
        if (first === undefined || last === undefined) return
        const row = { events: once(open).length, minutes: Math.floor((last.at - first.at) / minute) }
        units.push({ key: `${user}/${first.at}`, closesAtMillis: last.at + gap, row, events: open })
        open = []
      }
      for (const event of held) {
        if (event.at - (open.at(-1)?.at ?? event.at) > gap) close()
        open.push(event)
      }
      close()
    }
    return units
  },
  sql: `SELECT "user" || '/' || min("at") AS key, max("at") + ${gap} AS closes_at, count(*) AS events,
          (max("at") - min("at")) // ${minute} AS minutes
        FROM (SELECT *, sum(fresh) OVER (PARTITION BY "user" ORDER BY "at", id) AS session
              FROM (SELECT *, CASE WHEN "at" - lag("at") OVER (PARTITION BY "user" ORDER BY "at", id) <= ${gap} THEN 0 ELSE 1 END AS fresh
                    FROM (${distinct})))
        GROUP BY "user", session`,
  fields: { events: "integer", minutes: "integer" }
}

/** Version 2 of the sessions, for the batch layer alone: a gap of an hour. */
export const sessionsAgainSql = sessions.sql.replaceAll(String(gap), String(2 * gap))

export const questions: ReadonlyArray<Question<Interaction>> = [trending, spending, sessions]
