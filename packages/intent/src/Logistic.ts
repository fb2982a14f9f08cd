/**
 * Logistic regression over counts of k-grams (1 to 3) up to the newest event: the champion.
 *
 * All prefixes of all sessions are examples, each event weighs the same, and the penalty is a squared one (L2), bias
 * excepted. The loss is convex and solved to its minimum, so the model is a function of the set and the penalty.
 */
import { doubles, type Parts } from "./Blob.ts"
import { columnsOf } from "./Columns.ts"
import { sigmoid } from "./Elementary.ts"
import { codes, type InputSymbol } from "./InputSymbol.ts"
import * as KGrams from "./KGrams.ts"
import * as LogisticObjective from "./LogisticObjective.ts"
import type { Model, Scorer } from "./Model.ts"
import { minimise } from "./NewtonMethod.ts"
import { meanLogLoss } from "./Scores.ts"
import type { Training } from "./Training.ts"
import type { Trajectory } from "./Trajectory.ts"

/** How to fit. */
export interface LogisticOptions {
  /**
   * Penalty: the sum of losses gets l2 ÷ 2 times each squared weight; default 30. Of several, the one that is best on
   * `validation` is taken: little data wants a large one.
   */
  readonly l2?: number | ReadonlyArray<number>
  /** What several penalties are compared on. */
  readonly validation?: ReadonlyArray<Trajectory>
  /** Stops when the gradient is this share of what it was; default 1e-3, after which the loss changes in its fifth digit. */
  readonly tolerance?: number
  /** Most Newton steps; default 40. */
  readonly iterations?: number
}

/** Logistic regression, whose weights can be read. */
export interface Logistic extends Model {
  readonly kind: "logistic"
  /** By position of `KGrams`; the bias comes last. */
  readonly weights: Float64Array
}

/** Penalties to choose from when there is a validation set and none was named. */
const ladder = [1000, 300, 100, 30, 10]

/** Fits the weights. */
export const train = (set: ReadonlyArray<Trajectory>, options: LogisticOptions = {}): Training<Logistic> => ({
  model: "logistic",
  *steps() {
    const validation = options.validation ?? []
    const named = options.l2 ?? (validation.length > 0 ? ladder : 30)
    // The largest first: each fit begins where the one before it ended.
    const penalties = (typeof named === "number" ? [named] : [...named]).sort((a, b) => b - a)
    const columns = columnsOf(set)
    const weights = new Float64Array(LogisticObjective.weightCount)
    const iterations = options.iterations ?? 40
    let best: { readonly model: Logistic; readonly logLoss: number } | undefined
    for (const [i, l2] of penalties.entries()) {
      const objective = LogisticObjective.make(columns, l2 / Math.max(1, columns.events))
      for (const step of minimise(objective, weights, { tolerance: options.tolerance ?? 1e-3, iterations })) {
        const done = (i + step.iteration / iterations) / penalties.length
        yield { model: "logistic", done, logLoss: objective.logLoss() }
      }
      const model = ofParts({ kind: "logistic", name: "logistic", meta: {}, arrays: [weights.slice()] })
      const logLoss = penalties.length === 1 ? 0 : meanLogLoss(model, validation)
      // Nothing to choose by: the largest penalty.
      if (best === undefined || logLoss < best.logLoss) best = { model, logLoss }
    }
    return best?.model ?? ofParts({ kind: "logistic", name: "logistic", meta: {}, arrays: [weights] })
  }
})

/** Where a session stands: the two newest symbols, the margin of its k-grams, and how many events there were. */
interface LogisticState {
  context: number
  margin: number
  events: number
}

/** The model in a blob's parts. */
export const ofParts = (parts: Parts): Logistic => {
  const weights = doubles(parts, 0, LogisticObjective.weightCount)
  // One look-up an event: a triple's weight with those of its pair and its symbol.
  const sums = new Float64Array(KGrams.contexts * codesPerContext)
  for (let context = 0; context < KGrams.contexts; context++) {
    for (let code = 0; code < 5; code++) {
      sums[context * codesPerContext + code] =
        (weights[code] as number) +
        (weights[KGrams.pairOf(context, code)] as number) +
        (weights[KGrams.tripleOf(context, code)] as number)
    }
  }
  const bias = weights[KGrams.size] as number
  const scorer: Scorer<LogisticState> = {
    init: () => ({ context: 0, margin: bias, events: 0 }),
    step: (state, symbol) => {
      const code = codes[symbol] as number
      const { context, events } = state
      const margin = state.margin + (sums[context * codesPerContext + code] as number)
      state.margin = margin
      state.context = KGrams.nextContext(context, code)
      state.events = events + 1
      return sigmoid(
        events < KGrams.earlyClicks ? margin + (weights[KGrams.earlyOf(events, code)] as number) : margin
      )
    }
  }
  return { kind: "logistic", name: parts.name, parts, weights, scorer: () => scorer }
}

/** A power of two, for the sake of the index. */
const codesPerContext = 8

/** One reason for a probability. */
export interface Reason {
  /** A k-gram in words: `view→detail→add`. */
  readonly what: string
  /** How often it is in the session. */
  readonly count: number
  /** What it adds to the log-odds. */
  readonly logOdds: number
}

/** The `most` k-grams of a session that move its log-odds furthest, up or down; O(events). */
export const reasons = (model: Logistic, symbols: Iterable<InputSymbol>, most = 5): ReadonlyArray<Reason> => {
  const counts = new Map<number, number>()
  const count = (position: number) => counts.set(position, (counts.get(position) ?? 0) + 1)
  let context = 0
  let events = 0
  let newest = -1
  for (const symbol of symbols) {
    const code = codes[symbol] as number
    count(code)
    count(KGrams.pairOf(context, code))
    count(KGrams.tripleOf(context, code))
    context = KGrams.nextContext(context, code)
    newest = events < KGrams.earlyClicks ? KGrams.earlyOf(events, code) : -1
    events++
  }
  if (newest >= 0) count(newest)
  return Array.from(counts, ([position, count]) => ({
    what: KGrams.describe(position),
    count,
    logOdds: count * (model.weights[position] as number)
  }))
    .sort((a, b) => Math.abs(b.logOdds) - Math.abs(a.logOdds) || (a.what < b.what ? -1 : 1))
    .slice(0, most)
}
