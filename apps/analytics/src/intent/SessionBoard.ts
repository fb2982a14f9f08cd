import type { Symbols } from "@troupe/clickstream"
import type { Scoring } from "@troupe/intent"
import type { SessionEvents } from "./Labelled.ts"

/** An event of a session, and what was said after it. */
interface Told {
  readonly eventId: string
  readonly timeMillis: number
  readonly symbol: Symbols.ShopSymbol
  /** Its place in the session, from 1. */
  clicks: number
  readonly champion: number | null
}

interface Held {
  readonly key: string
  readonly sessionId: string
  readonly events: Map<string, Told>
  closed: boolean
}

/** The open sessions and the last closed ones, as a scoring tells of them. */
export interface SessionBoard {
  /** Takes what a step told, in order. */
  readonly apply: (outputs: Iterable<Scoring.Output>) => void
  /** A session's events in the order of their times; nothing of one that closed long ago. */
  readonly session: (sessionId: string) => (SessionEvents & { readonly open: boolean }) | undefined
  /** What the champion said after each event of a session, as it was told last. */
  readonly history: (sessionId: string) => ReadonlyArray<number | null>
  /** The last sessions that closed, newest first. */
  readonly closed: () => ReadonlyArray<string>
}

/** A board that keeps `closedMax` closed sessions. */
export const make = (closedMax: number): SessionBoard => {
  const sessions = new Map<string, Held>()
  /** In the order in which they closed. */
  const closed = new Set<string>()

  const drop = (sessionId: string) => {
    sessions.delete(sessionId)
    closed.delete(sessionId)
  }
  const eventsOf = (held: Held) => [...held.events.values()].sort((a, b) => a.clicks - b.clicks)

  const take = (output: Scoring.Output) => {
    if (output._tag === "Retracted") drop(output.sessionId)
    else if (output._tag === "Scored") {
      const { champion, clicks, eventId, key, sessionId, symbol, timeMillis } = output
      let held = sessions.get(sessionId)
      if (held === undefined) {
        // The rest of a session that is on the board no more.
        if (clicks !== 1) return
        held = { key, sessionId, events: new Map(), closed: false }
        sessions.set(sessionId, held)
      }
      held.events.set(eventId, { eventId, timeMillis, symbol, clicks, champion })
    } else if ((output._tag === "Closed" || output._tag === "Corrected") && output.closedBy !== null) {
      const held = sessions.get(output.sessionId)
      if (held === undefined || held.closed) return
      held.closed = true
      closed.add(held.sessionId)
      const [oldest] = closed
      if (closed.size > closedMax && oldest !== undefined) drop(oldest)
    }
  }

  return {
    apply: (outputs) => {
      for (const output of outputs) take(output)
    },
    session: (sessionId) => {
      const held = sessions.get(sessionId)
      if (held === undefined) return undefined
      const { key } = held
      return { key, sessionId, events: eventsOf(held), open: !held.closed }
    },
    history: (sessionId) => {
      const held = sessions.get(sessionId)
      return held === undefined ? [] : eventsOf(held).map(({ champion }) => champion)
    },
    closed: () => [...closed].reverse()
  }
}
