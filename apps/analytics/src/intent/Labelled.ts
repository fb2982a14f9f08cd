import type { ClickEvent, Symbols } from "@troupe/clickstream"
import { Trajectory } from "@troupe/intent"
import { Fold, Sessions } from "@troupe/sessions"
import * as Schema from "effect/Schema"

/** One click of a session, as people read it. */
const Click = Schema.Struct({
  eventId: Schema.String,
  timeMillis: Schema.Number,
  /** 1 view, 2 detail, 3 add, 4 remove, 5 purchase, 6 click. */
  symbol: Schema.Int
})

/** A session in its three layers: its raw events (A), the session that they are (B), and the symbols that a model sees of it (C). */
export const LayeredSession = Schema.Struct({
  /** The visitor. */
  key: Schema.String,
  sessionId: Schema.String,
  startMillis: Schema.Number,
  lastMillis: Schema.Number,
  /** A: the events in the order of their times. */
  events: Schema.Array(Click),
  /** 1 with a purchase, else 0. */
  label: Schema.Literals([0, 1]),
  /** Events from the first purchase on: no model sees them. */
  cut: Schema.Int,
  /** C: the symbols before the first purchase. */
  trajectory: Schema.Array(Schema.Int),
  /** Whether the trajectory has a length that models are trained on. */
  kept: Schema.Boolean,
  /** Why not; empty when it is kept. */
  why: Schema.String
})
export type LayeredSession = typeof LayeredSession.Type

/** A session's identity, and its events in the order of their times. */
export interface SessionEvents {
  readonly key: string
  readonly sessionId: string
  readonly events: ReadonlyArray<{
    readonly eventId: string
    readonly timeMillis: number
    readonly symbol: Symbols.ShopSymbol
  }>
}

const whyNot = (length: number): string => {
  const { least, most } = Trajectory.paperLengths
  const events = `${length} ${length === 1 ? "event" : "events"} before the cut`
  if (length < least) return `${events}, fewer than ${least}`
  return length > most ? `${events}, more than ${most}` : ""
}

/** Labels a session, cuts it, and says whether it is kept. */
export const layersOf = ({ events, key, sessionId }: SessionEvents): LayeredSession => {
  const startMillis = events[0]?.timeMillis ?? 0
  const { label, symbols } = Trajectory.ofSession({
    key,
    sessionId,
    startMillis,
    result: events.map(({ symbol }) => symbol)
  })
  const why = whyNot(symbols.length)
  return {
    key,
    sessionId,
    startMillis,
    lastMillis: events.at(-1)?.timeMillis ?? 0,
    events,
    label,
    cut: events.length - symbols.length,
    trajectory: symbols,
    kept: why === "",
    why
  }
}

type Entry = readonly [eventId: string, timeMillis: number, symbol: Symbols.ShopSymbol]

const spec = Sessions.define({
  key: (event: ClickEvent) => event.key,
  eventId: (event) => event.eventId,
  timeMillis: (event) => event.timeMillis,
  value: (event): Entry => [event.eventId, event.timeMillis, event.symbol],
  fold: Fold.collect((entry: Entry) => entry),
  gapMillis: Trajectory.paperGapMillis
})

/** All sessions of these clicks with their events, by start and visitor. */
export const sessionsOf = (clicks: Iterable<ClickEvent>): ReadonlyArray<LayeredSession> =>
  Sessions.batch(spec, clicks).map(({ key, result, sessionId }) =>
    layersOf({
      key,
      sessionId,
      events: result.map(([eventId, timeMillis, symbol]) => ({ eventId, timeMillis, symbol }))
    })
  )
