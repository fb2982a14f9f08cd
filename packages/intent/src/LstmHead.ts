/**
 * What is read from an LSTM's hidden states, and how wrong it is. Not exported from the package.
 *
 * A head adds up the loss of a batch and writes its gradient: into `hiddenGradient` for the cell, into `gradient` for
 * itself. The loss counts on *every* row: a net that is only told at the end of a session is a bad judge of its beginning.
 */
import { exp, log, softplus } from "./Elementary.ts"
import type { TargetBatch } from "./LstmBatches.ts"
import type { LstmTape } from "./LstmTape.ts"
import type { LstmWeights } from "./LstmWeights.ts"

/** Sums the loss of a batch; each row's gradient counts `weight`. */
export type Head = (
  weights: LstmWeights,
  gradient: LstmWeights,
  tape: LstmTape,
  batch: TargetBatch,
  weight: number
) => number

/** One logit of one row. */
export const logitOf = (
  head: Float32Array,
  output: number,
  hidden: Float32Array,
  at: number,
  width: number
): number => {
  const from = output * (width + 1)
  let sum = head[from + width] as number
  for (let j = 0; j < width; j++) sum += (head[from + j] as number) * (hidden[at + j] as number)
  return sum
}

/** Adds one logit's gradient. */
const addLogit = (
  weights: LstmWeights,
  gradient: LstmWeights,
  tape: LstmTape,
  row: number,
  output: number,
  byLogit: number
): void => {
  const H = weights.shape.hidden
  const from = output * (H + 1)
  const at = row * H
  for (let j = 0; j < H; j++) {
    tape.hiddenGradient[at + j] =
      (tape.hiddenGradient[at + j] as number) + byLogit * (weights.head[from + j] as number)
    gradient.head[from + j] = (gradient.head[from + j] as number) + byLogit * (tape.hidden[at + j] as number)
  }
  gradient.head[from + H] = (gradient.head[from + H] as number) + byLogit
}

/** One logit, the log-odds of target 1: log loss. */
export const binary: Head = (weights, gradient, tape, batch, weight) => {
  const H = weights.shape.hidden
  tape.hiddenGradient.fill(0, 0, batch.rows * H)
  let loss = 0
  for (let row = 0; row < batch.rows; row++) {
    const logit = logitOf(weights.head, 0, tape.hidden, row * H, H)
    const target = batch.targets[row] as number
    loss += softplus(target === 1 ? -logit : logit)
    const e = exp(logit > 0 ? -logit : logit)
    const p = logit > 0 ? 1 / (1 + e) : e / (1 + e)
    addLogit(weights, gradient, tape, row, 0, weight * (p - target))
  }
  return loss
}

/** The logarithms of the probabilities of all outputs of one row, into `into`. */
export const logSoftmax = (
  weights: LstmWeights,
  hidden: Float32Array,
  at: number,
  into: Float64Array
): void => {
  const { hidden: H, outputs } = weights.shape
  let highest = Number.NEGATIVE_INFINITY
  for (let o = 0; o < outputs; o++) {
    const logit = logitOf(weights.head, o, hidden, at, H)
    into[o] = logit
    if (logit > highest) highest = logit
  }
  let sum = 0
  for (let o = 0; o < outputs; o++) sum += exp((into[o] as number) - highest)
  const all = highest + log(sum)
  for (let o = 0; o < outputs; o++) into[o] = (into[o] as number) - all
}

/** Several logits, of which the target is one: cross entropy of the softmax. */
export const categorical: Head = (weights, gradient, tape, batch, weight) => {
  const { hidden: H, outputs } = weights.shape
  tape.hiddenGradient.fill(0, 0, batch.rows * H)
  const logs = new Float64Array(outputs)
  let loss = 0
  for (let row = 0; row < batch.rows; row++) {
    logSoftmax(weights, tape.hidden, row * H, logs)
    const target = batch.targets[row] as number
    loss -= logs[target] as number
    for (let o = 0; o < outputs; o++) {
      addLogit(weights, gradient, tape, row, o, weight * (exp(logs[o] as number) - (o === target ? 1 : 0)))
    }
  }
  return loss
}
