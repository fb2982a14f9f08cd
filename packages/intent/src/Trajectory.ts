/**
 * Labelled trajectories: what a shopper did before the first purchase, and whether there was one.
 *
 * Source: Requena, Cassani, Tagliabue, Greco, Lacasa, *Shopper intent prediction from clickstream e-commerce data with
 * minimal browsing information*, Sci Rep 10, 16983 (2020).
 */
import type { ClickEvent, Symbols } from "@troupe/clickstream"
import { Fold, type Session, type SessionSpec, Sessions } from "@troupe/sessions"
import { type InputSymbol, isInput } from "./InputSymbol.ts"

/** One session as a model sees it. */
export interface Trajectory {
  /** The session's id. */
  readonly id: string
  /** Whose session it is: splits keep all sessions of a user together. */
  readonly user: string
  /** Time of its first event. */
  readonly startMillis: number
  /** 1 when the session has a purchase, else 0. */
  readonly label: 0 | 1
  /** The events before the first purchase; all of them when there is none. */
  readonly symbols: ReadonlyArray<InputSymbol>
}

/** Bounds of a trajectory's length in events, after the cut and both included. */
export interface Lengths {
  readonly least: number
  readonly most: number
}

/** The paper's bounds: 5 … 155 events. */
export const paperLengths: Lengths = { least: 5, most: 155 }

/** The paper's session gap: 30 minutes. */
export const paperGapMillis = 1_800_000

/** Labels a session and cuts it before its first purchase. */
export const ofSession = (
  session: Pick<Session<ReadonlyArray<Symbols.ShopSymbol>>, "key" | "sessionId" | "startMillis" | "result">
): Trajectory => {
  const symbols: Array<InputSymbol> = []
  let label: 0 | 1 = 0
  for (const symbol of session.result) {
    if (!isInput(symbol)) {
      label = 1
      break
    }
    symbols.push(symbol)
  }
  return { id: session.sessionId, user: session.key, startMillis: session.startMillis, label, symbols }
}

/** Sessions of click events whose result is the list of symbols in event time. */
export const sessionSpec = (
  gapMillis = paperGapMillis
): SessionSpec<ClickEvent, Symbols.ShopSymbol, ReadonlyArray<Symbols.ShopSymbol>> =>
  Sessions.define({
    key: (event: ClickEvent) => event.key,
    eventId: (event) => event.eventId,
    timeMillis: (event) => event.timeMillis,
    value: (event) => event.symbol,
    fold: Fold.collect((symbol: Symbols.ShopSymbol) => symbol),
    gapMillis
  })

/** The trajectories of all sessions of these events, whatever their length, by start and user. */
export const ofEvents = (
  events: Iterable<ClickEvent>,
  gapMillis = paperGapMillis
): ReadonlyArray<Trajectory> => Sessions.batch(sessionSpec(gapMillis), events).map(ofSession)

/**
 * Those of the given length, 5 … 155 by default. It is the length *after* the cut that counts, as in the paper.
 *
 * Beware: this selects. Whoever is scored live before event `least` is not yet known to reach it; stay silent until
 * then, or train on all sessions.
 */
export const keep = (
  trajectories: ReadonlyArray<Trajectory>,
  { least, most }: Lengths = paperLengths
): ReadonlyArray<Trajectory> =>
  trajectories.filter(({ symbols }) => symbols.length >= least && symbols.length <= most)

/** How many there are with a purchase. */
export const countBuyers = (trajectories: ReadonlyArray<Trajectory>): number =>
  trajectories.reduce((count, { label }) => count + label, 0)
