import type { TopicRecord } from "@troupe/broker"
import { Codec, Outputs, type Table, View } from "@troupe/views"
import * as Calendar from "./Calendar.ts"
import type { Edition } from "./Edition.ts"
import * as Lateness from "./Lateness.ts"
import * as Preprocess from "./Preprocess.ts"
import type { Kind } from "./SocialEvent.ts"
import * as Tally from "./Tally.ts"

/** One row after one event: of a topic's hour, or of an author's month. Sums over partitions are the reader's. */
export interface Counted {
  /** `hour/<hour>/<partition>/<topic>` or `month/<month>/<partition>/<author>`. */
  readonly key: string
  /** Sequence, in the raw topic, of the event that changed the row. */
  readonly raw: number
  /** What that event was. */
  readonly kind: Kind
  readonly row: Tally.Tally
}

/** What the last like or unlike of a post by a user said. */
type Opinion = readonly [at: number, id: string, likes: boolean]

interface Month {
  readonly authors: Map<string, Tally.Tally>
  /** By author, post and user. */
  readonly opinions: Map<string, Opinion>
}

/** What the stage remembers of a partition: the hours and months that are not closed. */
interface State {
  newestAt: number
  readonly hours: Map<string, Map<string, Tally.Tally>>
  readonly months: Map<string, Month>
}

const heldIn = <A>(map: Map<string, A>, key: string, make: () => A): A => {
  const held = map.get(key)
  if (held !== undefined) return held
  const made = make()
  map.set(key, made)
  return made
}

const isAfter = (at: number, id: string, [heldAt, heldId]: Opinion): boolean =>
  at > heldAt || (at === heldAt && id > heldId)

/** Counts the event in its author's month; false when it changes nothing, because a later opinion is known already. */
const countForAuthor = (month: Month, tally: Tally.Tally, event: Preprocess.Accepted): boolean => {
  const { at, author, id, kind, post, user } = event
  if (kind !== "like" && kind !== "unlike") {
    Tally.count(tally, kind)
    return true
  }
  const about = JSON.stringify([author, post, user])
  const held = month.opinions.get(about)
  if (held !== undefined && !isAfter(at, id, held)) return false
  if (held !== undefined) Tally.count(tally, held[2] ? "like" : "unlike", -1)
  Tally.count(tally, kind)
  month.opinions.set(about, [at, id, kind === "like"])
  return true
}

const forget = (state: State): void => {
  const before = Lateness.closedBefore(state.newestAt)
  for (const hour of state.hours.keys()) if (Calendar.endOf(hour) < before) state.hours.delete(hour)
  for (const month of state.months.keys()) if (Calendar.endOf(month) < before) state.months.delete(month)
}

const step = (state: State, event: Preprocess.Accepted, partition: number, into: Array<Counted>): void => {
  const { at, author, kind, raw, topic } = event
  const hour = Calendar.hourOf(at)
  if (topic !== null) {
    const tally = heldIn(
      heldIn(state.hours, hour, () => new Map()),
      topic,
      Tally.empty
    )
    Tally.count(tally, kind)
    into.push({ key: `hour/${hour}/${partition}/${topic}`, raw, kind, row: { ...tally } })
  }
  const name = Calendar.monthOf(at)
  const month = heldIn(state.months, name, () => ({ authors: new Map(), opinions: new Map() }))
  const tally = heldIn(month.authors, author, Tally.empty)
  if (countForAuthor(month, tally, event)) {
    into.push({ key: `month/${name}/${partition}/${author}`, raw, kind, row: { ...tally } })
  }
  if (at <= state.newestAt) return
  const isNewHour = hour !== Calendar.hourOf(state.newestAt)
  state.newestAt = at
  if (isNewHour) forget(state)
}

type Kept = readonly [
  newestAt: number,
  hours: ReadonlyArray<readonly [string, ReadonlyArray<readonly [string, Tally.Tally]>]>,
  months: ReadonlyArray<
    readonly [
      string,
      ReadonlyArray<readonly [string, Tally.Tally]>,
      ReadonlyArray<readonly [string, Opinion]>
    ]
  >
]

const json = Codec.plainJson<Kept>()

const state = Codec.make<State>({
  encode: ({ hours, months, newestAt }) =>
    json.encode([
      newestAt,
      [...hours].map(([hour, topics]) => [hour, [...topics]] as const),
      [...months].map(([month, { authors, opinions }]) => [month, [...authors], [...opinions]] as const)
    ]),
  decode: (bytes) => {
    const [newestAt, hours, months] = json.decode(bytes)
    return {
      newestAt,
      hours: new Map(hours.map(([hour, topics]) => [hour, new Map(topics)])),
      months: new Map(
        months.map(([month, authors, opinions]) => [
          month,
          { authors: new Map(authors), opinions: new Map(opinions) }
        ])
      )
    }
  }
})

/** The second stage, preprocessed → aggregated: how often each topic was used in each hour, and each author's month. */
export const view = (edition: Edition): View.View<State, Counted> => {
  const before = Preprocess.view(edition)
  return View.define<State, Counted>({
    name: "social-aggregated",
    version: edition.version,
    config: { before: before.digest },
    initial: () => ({ newestAt: 0, hours: new Map(), months: new Map() }),
    fold: (held, chunk: ReadonlyArray<TopicRecord>, partition) => {
      const outputs: Array<Counted> = []
      for (const record of chunk) {
        for (const event of Outputs.ofRecord(before, record)) {
          if (event.is === "accepted") step(held, event, partition, outputs)
        }
      }
      return { state: held, outputs }
    },
    state,
    output: Codec.plainJson()
  })
}

/** How the outputs become rows: the newest of a key is its row. */
export const table: Table.TableSpec<Counted> = {
  key: ({ key }) => key,
  revision: ({ raw }) => raw,
  row: ({ row }) => ({ ...row })
}

/** Takes a row's key apart. */
export const partsOf = (
  key: string
): {
  readonly table: "hour" | "month"
  readonly time: string
  readonly partition: number
  readonly of: string
} => {
  const [table, time = "", partition, ...rest] = key.split("/")
  return {
    table: table === "hour" ? "hour" : "month",
    time,
    partition: Number(partition),
    of: rest.join("/")
  }
}

/** Where a row belongs in a proof: its partition, and its hour or the first hour of its month. */
export const bucketOf = (key: string): { readonly partition: number; readonly hour: number } => {
  const { partition, time } = partsOf(key)
  return { partition, hour: Calendar.startOf(time) / Calendar.hourMillis }
}
