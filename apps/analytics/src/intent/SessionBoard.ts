import type { Symbols } from "@troupe/clickstream"
import type { Scoring } from "@troupe/intent"
import type { SessionEvents } from "./Labelled.ts"

/** An event of a session, and what was said after it. */
interface Told {
  readonly eventId: string
  readonly timeMillis: number
  readonly symbol: Symbols.ShopSymbol
  /** Its place in the session, from 1. */
  readonly clicks: number
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
  /** The last sessions that closed without a purchase, newest first. */
  readonly closed: () => ReadonlyArray<string>
  /** The last ones that closed with a purchase, newest first. */
  readonly buyers: () => ReadonlyArray<string>
}

/** A board that keeps so many closed sessions of either kind. */
export const make = (kept: { readonly closed: number; readonly buyers: number }): SessionBoard => {
  const sessions = new Map<string, Held>()
  // In the order in which they closed. Buyers are rare: among all others they would soon be gone.
  const closed = new Set<string>()
  const buyers = new Set<string>()

  const drop = (sessionId: string) => {
    sessions.delete(sessionId)
    closed.delete(sessionId)
    buyers.delete(sessionId)
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
      const bought = eventsOf(held).some(({ symbol }) => symbol === 5)
      const [among, most] = bought ? [buyers, kept.buyers] : [closed, kept.closed]
      among.add(held.sessionId)
      const [oldest] = among
      if (among.size > most && oldest !== undefined) drop(oldest)
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
    closed: () => [...closed].reverse(),
    buyers: () => [...buyers].reverse()
  }
}
