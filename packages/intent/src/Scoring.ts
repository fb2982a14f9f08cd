/**
 * Live scores: a probability after every event of every session, as a pure fold over click events.
 *
 * Sessions say which events belong together and in which order; models follow them with constant work an event. An event
 * that comes late or out of order has its session folded again, and every score that changes is told again. So what a log
 * leaves, in whatever order it came, is bit for bit what `batch` computes.
 */
import type { ClickEvent, Symbols } from "@troupe/clickstream"
import {
  type Change,
  Fold,
  Look,
  type SessionOptions,
  type SessionSpec,
  type SessionState,
  Sessions
} from "@troupe/sessions"
import type { Model } from "./Model.ts"
import * as ScoreFold from "./ScoreFold.ts"
import type { ScoreRow } from "./ScoreTable.ts"
import { paperGapMillis } from "./Trajectory.ts"

/** A click, and when it was appended to its log, where that is known. */
export interface Arrival {
  readonly event: ClickEvent
  readonly appendMillis: number | undefined
}

/** Which models follow which sessions. */
export interface ScoringOptions {
  /** Whose probabilities count. */
  readonly champion: Model
  /** Runs in its shadow: same events, figures of its own, no other consequence. */
  readonly challenger?: Model
  /** Say nothing before this event of a session; default 1. A model trained on sessions of at least five events wants 5. */
  readonly fromClicks?: number
  /** Gap (default 30 minutes), delay, lateness, caps: as for any sessions. */
  readonly sessions?: Partial<
    Pick<
      SessionOptions<ClickEvent, Symbols.ShopSymbol, unknown>,
      "gapMillis" | "boundary" | "delayMillis" | "latenessMillis" | "maxFutureMillis" | "maxEvents" | "isBot"
    >
  >
}

/** A scoring as plain data. Made by `define`. */
export interface Scoring {
  readonly champion: Model
  readonly challenger: Model | undefined
  readonly fromClicks: number
  readonly spec: SessionSpec<Arrival, Symbols.ShopSymbol, ScoreFold.SessionScore>
  readonly options: ScoringOptions
}

/** Open and kept sessions; a step uses up the one it is handed. */
export type ScoringState = SessionState<Symbols.ShopSymbol>

/** The score after one event, told when the event comes and again whenever it changes. */
export interface Scored extends ScoreRow {
  readonly _tag: "Scored"
  /** True when the event came before and its score is different now. */
  readonly corrected: boolean
}

/** What a step tells: scores, and what became of sessions. A retracted session takes its scores with it. */
export type Output = Scored | Change<Symbols.ShopSymbol, ScoreFold.SessionScore>

/** Makes a scoring. Throws `InvalidSpec` for numbers that make no sessions. */
export const define = (options: ScoringOptions): Scoring => {
  const { challenger, champion, fromClicks = 1 } = options
  const { isBot, ...sessions } = options.sessions ?? {}
  const spec = Sessions.define({
    gapMillis: paperGapMillis,
    ...sessions,
    ...(isBot === undefined ? {} : { isBot: ({ event }: Arrival) => isBot(event) }),
    key: ({ event }: Arrival) => event.key,
    eventId: ({ event }) => event.eventId,
    timeMillis: ({ event }) => event.timeMillis,
    appendMillis: (arrival) => arrival.appendMillis ?? Number.POSITIVE_INFINITY,
    value: ({ event }) => event.symbol,
    fold: ScoreFold.make(challenger === undefined ? [champion] : [champion, challenger], fromClicks),
    // Every session that was told a score of is told of by name, so that it can be retracted.
    early: true
  })
  return { champion, challenger, fromClicks, spec, options }
}

/** No sessions yet. */
export const initial = (): ScoringState => Sessions.initial()

/** Takes events in the order of their log. Where chunks are cut changes nothing. */
export const step = (
  scoring: Scoring,
  state: ScoringState,
  events: Iterable<ClickEvent>
): readonly [state: ScoringState, outputs: Array<Output>] => {
  const outputs: Array<Output> = []
  for (const event of events) accept(scoring, state, { event, appendMillis: undefined }, outputs)
  return [state, outputs]
}

/** Takes one event. */
export const accept = (
  scoring: Scoring,
  state: ScoringState,
  arrival: Arrival,
  outputs: Array<Output>
): void => {
  const { spec } = scoring
  const { event } = arrival
  const before = state.counts.accepted
  for (const change of Sessions.step(spec, state, [arrival])[1]) outputs.push(change)
  if (state.counts.accepted <= before) return
  const seen = Look.at(spec, state, event.key, event.timeMillis)
  if (seen === undefined) return
  const { entries } = seen
  let at = entries.length - 1
  while (at > 0 && entries[at]?.eventId !== event.eventId) at--
  for (let i = at; i < entries.length; i++) {
    outputs.push({ _tag: "Scored", corrected: i > at, ...rowOf(scoring, seen, i) })
  }
}

const rowOf = ({ fromClicks }: Scoring, seen: Look.Sight<Symbols.ShopSymbol>, index: number): ScoreRow => {
  // `spec.fold` made it.
  const folding = seen.folding as ScoreFold.ScoreFolding
  const entry = seen.entries[index]
  return {
    key: seen.key,
    sessionId: seen.sessionId,
    eventId: entry?.eventId ?? "",
    timeMillis: entry?.timeMillis ?? 0,
    symbol: entry?.value ?? 1,
    clicks: index + 1,
    champion: ScoreFold.probabilityAt(folding, 0, index, fromClicks),
    challenger: ScoreFold.probabilityAt(folding, 1, index, fromClicks)
  }
}

/** Ends the input: closes every open session. */
export const end = (
  scoring: Scoring,
  state: ScoringState
): readonly [state: ScoringState, outputs: Array<Output>] => Sessions.end(scoring.spec, state)

/**
 * The truth: the scores of these events in whatever order, by sorting them into sessions and following each from its
 * first event. Shares nothing with `step` but the models.
 */
export const batch = (scoring: Scoring, events: Iterable<ClickEvent>): ReadonlyArray<ScoreRow> => {
  const { challenger, champion, fromClicks, spec } = scoring
  const sorting = {
    ...spec,
    value: ({ event }: Arrival) => [event.eventId, event.timeMillis, event.symbol] as const,
    fold: Fold.collect((entry: readonly [string, number, Symbols.ShopSymbol]) => entry)
  }
  const arrivals = Array.from(events, (event): Arrival => ({ event, appendMillis: undefined }))
  return Sessions.batch(sorting, arrivals).flatMap(({ key, result, sessionId }) => {
    const scorers = [champion, challenger].map((model) => model?.scorer())
    const states = scorers.map((scorer) => scorer?.init())
    let bought = false
    return result.map(([eventId, timeMillis, symbol], i): ScoreRow => {
      const said = scorers.map((scorer, m) => {
        if (bought || symbol === 5 || scorer === undefined) return null
        const probability = scorer.step(states[m], symbol)
        return i + 1 < fromClicks ? null : probability
      })
      bought ||= symbol === 5
      return {
        key,
        sessionId,
        eventId,
        timeMillis,
        symbol,
        clicks: i + 1,
        champion: said[0] ?? null,
        challenger: said[1] ?? null
      }
    })
  })
}

/** A session that is open now. */
export interface OpenSession extends ScoreFold.SessionScore {
  readonly key: string
  readonly sessionId: string
  readonly startMillis: number
  readonly lastMillis: number
  /** All symbols so far, purchases too. */
  readonly symbols: ReadonlyArray<Symbols.ShopSymbol>
}

/** The sessions that are open, in no particular order: for a page. */
export const open = (scoring: Scoring, state: ScoringState): ReadonlyArray<OpenSession> =>
  Array.from(Look.all(scoring.spec, state)).flatMap((seen) =>
    seen.open
      ? [
          {
            key: seen.key,
            sessionId: seen.sessionId,
            startMillis: seen.entries[0]?.timeMillis ?? 0,
            lastMillis: seen.entries[seen.entries.length - 1]?.timeMillis ?? 0,
            symbols: seen.entries.map(({ value }) => value),
            ...scoring.spec.fold.done(seen.folding)
          }
        ]
      : []
  )

/**
 * Goes on with other models: the answered scoring, from the next event on. Kept sessions are followed afresh by the new
 * models when their next event comes; scores already told stay as they were told.
 */
export const swap = (
  scoring: Scoring,
  state: ScoringState,
  models: { readonly champion?: Model; readonly challenger?: Model }
): Scoring => {
  Look.refold(state)
  return define({ ...scoring.options, ...models })
}
