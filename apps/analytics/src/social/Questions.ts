/** The four questions for Lambda: by SQL over the archive, and by the views' own counting over the newest events. */

import { Columns, type Question, type Rules, type Unit } from "@troupe/batch"
import type { TopicRecord } from "@troupe/broker"
import type { Table } from "@troupe/views"
import * as Result from "effect/Result"
import * as Answers from "./Answers.ts"
import * as Calendar from "./Calendar.ts"
import type { Edition } from "./Edition.ts"
import * as Lateness from "./Lateness.ts"
import * as QuestionSql from "./QuestionSql.ts"
import * as RawTopic from "./RawTopic.ts"
import type { SocialEvent } from "./SocialEvent.ts"
import * as Tally from "./Tally.ts"

/** The event of a record of the raw topic; undefined for one that holds none. */
export const decode = (record: TopicRecord): SocialEvent | undefined =>
  RawTopic.isControl(record) ? undefined : Result.getOrUndefined(RawTopic.eventOf(record))

/** `decode` that reads each record of a topic once, for several readers of the same records. */
export const decodeOnce = (): typeof decode => {
  const events: Array<SocialEvent | undefined> = []
  return (record) => {
    const { sequence } = record
    if (!(sequence in events)) events[sequence] = decode(record)
    return events[sequence]
  }
}

/** The archive's columns. */
export const columns = Columns.define(
  { id: "text", kind: "text", user: "text", post: "text", author: "text", topic: "text", at: "integer" },
  decode
)

/** What both layers take for an event, and for late. */
export const rules: Rules<SocialEvent> = {
  partitions: RawTopic.partitions,
  timeColumn: "at",
  timeMillis: (event) => event.at,
  delayMillis: Lateness.delayMillis,
  latenessMillis: Lateness.latenessMillis
}

/** The events that count for authors: each once, of a user's likes and unlikes of a post the last. */
export const countedForAuthors = (
  edition: Edition,
  events: ReadonlyArray<SocialEvent>
): ReadonlyArray<SocialEvent> =>
  [...groupsOf(edition, events, ({ at }) => Calendar.monthOf(at))].flatMap(({ counting }) =>
    lastOpinions(counting)
  )

/** A window's events, and the rows that follow from those that count. */
type Group = {
  readonly window: string
  readonly events: Array<SocialEvent>
  readonly counting: Array<SocialEvent>
}

const groupsOf = (
  edition: Edition,
  events: ReadonlyArray<SocialEvent>,
  windowOf: (event: SocialEvent) => string
): Iterable<Group> => {
  const groups = new Map<string, Group>()
  const seen = new Set<string>()
  for (const event of events) {
    const window = windowOf(event)
    const group = groups.get(window) ?? { window, events: [], counting: [] }
    groups.set(window, group)
    group.events.push(event)
    if (seen.has(event.id) || !edition.counts(event)) continue
    seen.add(event.id)
    group.counting.push(event)
  }
  return groups.values()
}

const talliesBy = (
  events: ReadonlyArray<SocialEvent>,
  nameOf: (event: SocialEvent) => string | null
): Map<string, Tally.Tally> => {
  const tallies = new Map<string, Tally.Tally>()
  for (const event of events) {
    const name = nameOf(event)
    if (name === null) continue
    const tally = tallies.get(name) ?? Tally.empty()
    tallies.set(name, tally)
    Tally.count(tally, event.kind)
  }
  return tallies
}

/** Rows of one window: the window itself holds its events, the rows none, so that all of them are forgotten together. */
const unitsOf = (
  { events, window }: Group,
  rows: Iterable<readonly [string, Table.Row]>
): ReadonlyArray<Unit<SocialEvent>> => {
  const closesAtMillis = Calendar.endOf(window)
  return [
    { key: window, closesAtMillis, row: null, events },
    ...[...rows].map(([key, row]) => ({ key, closesAtMillis, row, events: [] }))
  ]
}

const isOpinion = ({ kind }: SocialEvent): boolean => kind === "like" || kind === "unlike"

/** Without the opinions that a later one of the same user about the same post replaces. */
const lastOpinions = (events: ReadonlyArray<SocialEvent>): ReadonlyArray<SocialEvent> => {
  const last = new Map<string, SocialEvent>()
  for (const event of events) {
    if (!isOpinion(event)) continue
    const about = JSON.stringify([event.author, event.post, event.user])
    const held = last.get(about)
    if (held === undefined || event.at > held.at || (event.at === held.at && event.id > held.id)) {
      last.set(about, event)
    }
  }
  const kept = new Set(last.values())
  return events.filter((event) => !isOpinion(event) || kept.has(event))
}

const heat = { ...Tally.fields, score: "number" } as const

/** The questions by the rules of an edition. */
export const questions = (edition: Edition): ReadonlyArray<Question<SocialEvent>> => {
  const trending = (
    name: Answers.Question,
    length: number,
    format: string,
    windowOf: (millis: number) => string
  ) => ({
    name,
    sql: QuestionSql.trending(edition, length, format),
    fields: heat,
    units: (events: ReadonlyArray<SocialEvent>) =>
      [...groupsOf(edition, events, ({ at }) => windowOf(at))].flatMap((group) =>
        unitsOf(
          group,
          [...talliesBy(group.counting, edition.topicOf)].map(([topic, tally]) => [
            `${group.window}/${topic}`,
            Answers.rowOf(tally, Tally.heatTenths)
          ])
        )
      )
  })
  return [
    trending("trending-hour", Calendar.hourMillis, "%Y-%m-%dT%H", Calendar.hourOf),
    trending("trending-day", Calendar.dayMillis, "%Y-%m-%d", Calendar.dayOf),
    {
      name: "influence",
      sql: QuestionSql.influence(edition),
      fields: heat,
      units: (events) =>
        [...groupsOf(edition, events, ({ at }) => Calendar.monthOf(at))].flatMap((group) =>
          unitsOf(
            group,
            [...talliesBy(lastOpinions(group.counting), ({ author }) => author)].map(([author, tally]) => [
              `${group.window}/${author}`,
              Answers.rowOf(tally, Tally.influenceTenths)
            ])
          )
        )
    },
    {
      name: "consistent",
      sql: QuestionSql.consistent(edition),
      fields: { topics: "text" },
      units: (events) =>
        [...groupsOf(edition, events, ({ at }) => Calendar.dayOf(at))].flatMap((group) => {
          const hours = [...Map.groupBy(group.counting, ({ at }) => Calendar.hourOf(at)).values()]
            .map((held) => talliesBy(held, edition.topicOf))
            .filter((topics) => topics.size > 0)
          return unitsOf(
            group,
            hours.length === 0 ? [] : [[group.window, { topics: Answers.consistentIn(hours) }]]
          )
        })
    }
  ] satisfies ReadonlyArray<Question<SocialEvent> & { readonly name: Answers.Question }>
}
