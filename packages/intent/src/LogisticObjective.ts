/**
 * The log loss of logistic regression over *every prefix* of every session, with gradient and curvature, in time linear in
 * events: a k-gram counts in all prefixes from its event on, so what it gets is a sum over the rest of the session.
 *
 * Not exported from the package.
 */
import type { Columns } from "./Columns.ts"
import { exp, softplus } from "./Elementary.ts"
import * as KGrams from "./KGrams.ts"

/** Weights of all positions, and the bias at the end. */
export const weightCount = KGrams.size + 1
const biasAt = KGrams.size

/** The loss of one training set; its vectors are reused, so take copies of what must last. */
export interface LogisticObjective {
  readonly events: number
  /** Takes the weights in; answers the mean loss with its penalty. `gradient` holds its gradient after that. */
  readonly at: (weights: Float64Array) => number
  readonly gradient: Float64Array
  /** The log loss alone of the last `at`. */
  readonly logLoss: () => number
  /** Diagonal of the curvature at the last `at`. */
  readonly diagonal: (into: Float64Array) => void
  /** The curvature at the last `at` times `direction`. */
  readonly curve: (direction: Float64Array, into: Float64Array) => void
}

/** Prepares the loss; `penalty` is that of the mean loss for a squared weight, halved. */
export const make = (columns: Columns, penalty: number): LogisticObjective => {
  const { codes, events, sessions, starts } = columns
  const pairs = new Uint8Array(events)
  const triples = new Uint8Array(events)
  for (let i = 0; i < sessions; i++) {
    let context = 0
    const to = starts[i + 1] as number
    for (let at = starts[i] as number; at < to; at++) {
      const code = codes[at] as number
      pairs[at] = KGrams.pairOf(context, code)
      triples[at] = KGrams.tripleOf(context, code)
      context = KGrams.nextContext(context, code)
    }
  }
  const gradient = new Float64Array(weightCount)
  const errors = new Float64Array(events)
  const bends = new Float64Array(events)
  const scale = events === 0 ? 0 : 1 / events
  let lastLogLoss = 0

  const early = (at: number, from: number): number =>
    at - from < KGrams.earlyClicks ? KGrams.earlyOf(at - from, codes[at] as number) : -1

  /** Adds to `into`, for every prefix, `values` times its features. */
  const scatter = (values: Float64Array, into: Float64Array): void => {
    let all = 0
    for (let i = 0; i < sessions; i++) {
      const from = starts[i] as number
      let rest = 0
      for (let at = (starts[i + 1] as number) - 1; at >= from; at--) {
        const value = values[at] as number
        rest += value
        const code = codes[at] as number
        const pair = pairs[at] as number
        const triple = triples[at] as number
        into[code] = (into[code] as number) + rest
        into[pair] = (into[pair] as number) + rest
        into[triple] = (into[triple] as number) + rest
        const first = early(at, from)
        if (first >= 0) into[first] = (into[first] as number) + value
      }
      all += rest
    }
    into[biasAt] = (into[biasAt] as number) + all
  }

  const regularise = (vector: Float64Array, into: Float64Array): void => {
    for (let j = 0; j < biasAt; j++) into[j] = (into[j] as number) * scale + penalty * (vector[j] as number)
    into[biasAt] = (into[biasAt] as number) * scale
  }

  const at = (weights: Float64Array): number => {
    let loss = 0
    for (let i = 0; i < sessions; i++) {
      const from = starts[i] as number
      const to = starts[i + 1] as number
      const label = columns.labels[i] as number
      let margin = weights[biasAt] as number
      for (let k = from; k < to; k++) {
        margin +=
          (weights[codes[k] as number] as number) +
          (weights[pairs[k] as number] as number) +
          (weights[triples[k] as number] as number)
        const first = early(k, from)
        const shown = first >= 0 ? margin + (weights[first] as number) : margin
        // One exponential serves probability and loss alike.
        const e = exp(shown > 0 ? -shown : shown)
        const p = shown > 0 ? 1 / (1 + e) : e / (1 + e)
        errors[k] = p - label
        bends[k] = p * (1 - p)
        loss += softplus(label === 1 ? -shown : shown)
      }
    }
    gradient.fill(0)
    scatter(errors, gradient)
    regularise(weights, gradient)
    lastLogLoss = loss * scale
    let squares = 0
    for (let j = 0; j < biasAt; j++) squares += (weights[j] as number) ** 2
    return lastLogLoss + 0.5 * penalty * squares
  }

  const products = new Float64Array(events)
  const curve = (direction: Float64Array, into: Float64Array): void => {
    for (let i = 0; i < sessions; i++) {
      const from = starts[i] as number
      const to = starts[i + 1] as number
      let along = direction[biasAt] as number
      for (let k = from; k < to; k++) {
        along +=
          (direction[codes[k] as number] as number) +
          (direction[pairs[k] as number] as number) +
          (direction[triples[k] as number] as number)
        const first = early(k, from)
        products[k] = (bends[k] as number) * (first >= 0 ? along + (direction[first] as number) : along)
      }
    }
    into.fill(0)
    scatter(products, into)
    regularise(direction, into)
  }

  const counts = new Int32Array(weightCount)
  const diagonal = (into: Float64Array): void => {
    into.fill(0)
    const count = (position: number, rest: number) => {
      // (c + 1)² − c²: what the step from c to c + 1 adds in every prefix from here on.
      into[position] = (into[position] as number) + (2 * (counts[position] as number) + 1) * rest
      counts[position] = (counts[position] as number) + 1
    }
    let all = 0
    for (let i = 0; i < sessions; i++) {
      const from = starts[i] as number
      const to = starts[i + 1] as number
      let rest = 0
      for (let k = from; k < to; k++) rest += bends[k] as number
      all += rest
      for (let k = from; k < to; k++) {
        count(codes[k] as number, rest)
        count(pairs[k] as number, rest)
        count(triples[k] as number, rest)
        const first = early(k, from)
        if (first >= 0) into[first] = (into[first] as number) + (bends[k] as number)
        rest -= bends[k] as number
      }
      for (let k = from; k < to; k++) {
        counts[codes[k] as number] = 0
        counts[pairs[k] as number] = 0
        counts[triples[k] as number] = 0
      }
    }
    for (let j = 0; j < biasAt; j++) into[j] = (into[j] as number) * scale + penalty
    into[biasAt] = all * scale
  }

  return { events, at, gradient, logLoss: () => lastLogLoss, diagonal, curve }
}
