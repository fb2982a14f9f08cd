import type { TopicRecord } from "@troupe/broker"
import { Codec, View } from "@troupe/views"
import * as Result from "effect/Result"
import * as Calendar from "./Calendar.ts"
import type { Edition } from "./Edition.ts"
import * as Lateness from "./Lateness.ts"
import * as RawTopic from "./RawTopic.ts"
import type { Kind, SocialEvent } from "./SocialEvent.ts"

/** An event that counts, once, in the words of its edition. */
export interface Accepted {
  readonly is: "accepted"
  /** Sequence of its record in the raw topic. */
  readonly raw: number
  readonly id: string
  readonly kind: Kind
  readonly user: string
  readonly post: string
  readonly author: string
  readonly topic: string | null
  readonly at: number
}

/** A record that does not count, and why: nothing disappears silently. */
export type LeftOut =
  | { readonly is: "rejected"; readonly raw: number; readonly issue: string }
  | { readonly is: "late"; readonly raw: number; readonly id: string; readonly behindMillis: number }
  | { readonly is: "duplicate"; readonly raw: number; readonly id: string }
  | { readonly is: "ignored"; readonly raw: number; readonly id: string }

export type Preprocessed = Accepted | LeftOut

/** What the stage remembers of a partition. */
interface State {
  /** Time of the newest event. */
  newestAt: number
  /** Ids by the hour of their events, until an event of that hour would be late: a repetition is then late too. */
  readonly seen: Map<number, Set<string>>
}

const isKnown = ({ seen }: State, id: string): boolean => {
  for (const ids of seen.values()) if (ids.has(id)) return true
  return false
}

const remember = (state: State, { at, id }: SocialEvent): void => {
  const hour = Math.floor(at / Calendar.hourMillis)
  const ids = state.seen.get(hour)
  if (ids === undefined) state.seen.set(hour, new Set([id]))
  else ids.add(id)
  if (at <= state.newestAt) return
  state.newestAt = at
  const first = Math.floor(Lateness.closedBefore(at) / Calendar.hourMillis)
  for (const held of state.seen.keys()) if (held < first) state.seen.delete(held)
}

const step = (edition: Edition, state: State, record: TopicRecord): Preprocessed => {
  const raw = record.sequence
  const read = RawTopic.eventOf(record)
  if (Result.isFailure(read)) return { is: "rejected", raw, issue: read.failure }
  const event = read.success
  const { id } = event
  const behindMillis = Lateness.watermarkOf(state.newestAt) - event.at
  if (behindMillis > Lateness.latenessMillis) return { is: "late", raw, id, behindMillis }
  if (isKnown(state, id)) return { is: "duplicate", raw, id }
  remember(state, event)
  if (!edition.counts(event)) return { is: "ignored", raw, id }
  const { at, author, kind, post, user } = event
  return { is: "accepted", raw, id, kind, user, post, author, topic: edition.topicOf(event), at }
}

/** The first stage, raw → preprocessed: every record validated, judged by its time, de-duplicated by its id. */
export const view = (edition: Edition): View.View<State, Preprocessed> =>
  View.define<State, Preprocessed>({
    name: "social-preprocessed",
    version: edition.version,
    config: { lateness: Lateness.latenessMillis, delay: Lateness.delayMillis, rules: edition.rules },
    initial: () => ({ newestAt: 0, seen: new Map() }),
    fold: (state, chunk) => ({
      state,
      outputs: chunk
        .filter((record) => !RawTopic.isControl(record))
        .map((record) => step(edition, state, record))
    }),
    state: Codec.make<State>({
      encode: ({ newestAt, seen }) =>
        json.encode({ newestAt, seen: [...seen].map(([hour, ids]) => [hour, [...ids]] as const) }),
      decode: (bytes) => {
        const { newestAt, seen } = json.decode(bytes)
        return { newestAt, seen: new Map(seen.map(([hour, ids]) => [hour, new Set(ids)])) }
      }
    }),
    output: Codec.plainJson()
  })

const json = Codec.plainJson<{
  readonly newestAt: number
  readonly seen: ReadonlyArray<readonly [number, ReadonlyArray<string>]>
}>()
