/**
 * What every model is: a name, parameters, and a scorer that follows open sessions event by event.
 */
import type { Parts } from "./Blob.ts"
import type { InputSymbol } from "./InputSymbol.ts"

/** The families of models. */
export type ModelKind =
  | "prior"
  | "length"
  | "markov"
  | "logistic"
  | "motifs"
  | "boosting"
  | "lstm"
  | "lstm-generative"

/**
 * Follows sessions: constant work and memory an event, however long a session is.
 *
 * A state belongs to one session; `step` changes it and answers the probability that the session will have a purchase,
 * given its events so far. The same symbols give the same bits, live and offline, on every machine.
 */
export interface Scorer<S = unknown> {
  /** The state of a session without events. */
  init(): S
  /** Takes the session's next event. */
  step(state: S, symbol: InputSymbol): number
}

/** A trained model. */
export interface Model {
  readonly kind: ModelKind
  /** What reports call it: `logistic`, `markov-2`, `lstm-16`. */
  readonly name: string
  /** A scorer with scratch space of its own; one is enough for any number of sessions in a thread. */
  scorer(): Scorer
  /** The parameters, as a blob holds them. */
  readonly parts: Parts
}

/** The probabilities after each of these events. */
export const score = (model: Model, symbols: Iterable<InputSymbol>): ReadonlyArray<number> => {
  const scorer = model.scorer()
  const state = scorer.init()
  const probabilities: Array<number> = []
  for (const symbol of symbols) probabilities.push(scorer.step(state, symbol))
  return probabilities
}
