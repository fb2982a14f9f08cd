import type { ClickEvent, Symbols } from "@troupe/clickstream"
import { Trajectory } from "@troupe/intent"
import { Fold, Sessions } from "@troupe/sessions"
import type { LayeredSession } from "./LayeredSession.ts"

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
