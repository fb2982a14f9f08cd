import { logLoss } from "./Metrics.ts"
import type { Model } from "./Model.ts"
import type { Trajectory } from "./Trajectory.ts"

/** What a model said after each event of each session: session i from `starts[i]` to `starts[i + 1]`. */
export interface Scores {
  readonly sessions: number
  readonly starts: Int32Array
  readonly probabilities: Float64Array
  /** Of the sessions. */
  readonly labels: Uint8Array
}

/** Follows every session with the model's scorer: the same bits that live scoring gives. */
export const of = (model: Model, trajectories: ReadonlyArray<Trajectory>): Scores => {
  const starts = new Int32Array(trajectories.length + 1)
  const labels = new Uint8Array(trajectories.length)
  for (const [i, { label, symbols }] of trajectories.entries()) {
    starts[i + 1] = (starts[i] as number) + symbols.length
    labels[i] = label
  }
  const probabilities = new Float64Array(starts[trajectories.length] as number)
  const scorer = model.scorer()
  let at = 0
  for (const { symbols } of trajectories) {
    const state = scorer.init()
    for (const symbol of symbols) probabilities[at++] = scorer.step(state, symbol)
  }
  return { sessions: trajectories.length, starts, probabilities, labels }
}

/** Several sets of scores as one. */
export const concat = (parts: ReadonlyArray<Scores>): Scores => {
  const sessions = parts.reduce((sum, part) => sum + part.sessions, 0)
  const events = parts.reduce((sum, part) => sum + part.probabilities.length, 0)
  const all = {
    sessions,
    starts: new Int32Array(sessions + 1),
    probabilities: new Float64Array(events),
    labels: new Uint8Array(sessions)
  }
  let session = 0
  let event = 0
  for (const part of parts) {
    all.labels.set(part.labels, session)
    all.probabilities.set(part.probabilities, event)
    for (let i = 0; i < part.sessions; i++) all.starts[++session] = event + (part.starts[i + 1] as number)
    event += part.probabilities.length
  }
  return all
}

/** Examples: one score and one label each. */
export interface Examples {
  readonly scores: Float64Array
  readonly labels: Uint8Array
}

const collect = (
  { labels, probabilities, sessions, starts }: Scores,
  range: (from: number, to: number) => readonly [number, number]
): Examples => {
  const found: Array<number> = []
  const given: Array<number> = []
  for (let i = 0; i < sessions; i++) {
    const [first, last] = range(starts[i] as number, starts[i + 1] as number)
    for (let at = first; at < last; at++) {
      found.push(probabilities[at] as number)
      given.push(labels[i] as number)
    }
  }
  return { scores: Float64Array.from(found), labels: Uint8Array.from(given) }
}

/** After `clicks` events, of the sessions that have as many. */
export const afterClicks = (scores: Scores, clicks: number): Examples =>
  collect(scores, (from, to) => (to - from >= clicks ? [from + clicks - 1, from + clicks] : [from, from]))

/** After the last event of each session that has any. */
export const atEnd = (scores: Scores): Examples => collect(scores, (from, to) => [Math.max(from, to - 1), to])

/** After every event from the `fromClicks`-th on, all in one. */
export const perEvent = (scores: Scores, fromClicks: number): Examples =>
  collect(scores, (from, to) => [Math.min(to, from + fromClicks - 1), to])

/** The mean log loss over all events of these sessions; 0 without any. */
export const meanLogLoss = (model: Model, trajectories: ReadonlyArray<Trajectory>): number => {
  const { labels, scores } = perEvent(of(model, trajectories), 1)
  return logLoss(scores, labels) ?? 0
}
