/**
 * The net once more, in 64 bits, one session at a time, each formula written down as it is in a textbook: what the fast
 * one is checked against. Nothing of it is shared but the layout of the weights.
 */
import type { LstmWeights } from "../src/LstmWeights.ts"

type Weights = LstmWeights<Float64Array>

/** A session: what is looked up, and what each row is to say. */
export interface Example {
  readonly symbols: ReadonlyArray<number>
  readonly targets: ReadonlyArray<number>
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

const cell = (weights: Weights, symbol: number, h: ReadonlyArray<number>, c: ReadonlyArray<number>) => {
  const H = weights.shape.hidden
  const gate = (index: number, j: number) => {
    const row = index * H + j
    let z = weights.input[symbol * 4 * H + row] as number
    for (let k = 0; k < H; k++) z += (weights.recurrent[row * H + k] as number) * (h[k] as number)
    return z
  }
  const units = Array.from({ length: H }, (_, j) => j)
  const i = units.map((j) => sigmoid(gate(0, j)))
  const f = units.map((j) => sigmoid(gate(1, j)))
  const g = units.map((j) => Math.tanh(gate(2, j)))
  const o = units.map((j) => sigmoid(gate(3, j)))
  const after = units.map((j) => (f[j] as number) * (c[j] as number) + (i[j] as number) * (g[j] as number))
  return { i, f, g, o, c: after, h: units.map((j) => (o[j] as number) * Math.tanh(after[j] as number)) }
}

const logitsOf = (weights: Weights, h: ReadonlyArray<number>) => {
  const { hidden: H, outputs } = weights.shape
  return Array.from({ length: outputs }, (_, out) =>
    h.reduce(
      (sum, x, j) => sum + x * (weights.head[out * (H + 1) + j] as number),
      weights.head[out * (H + 1) + H] as number
    )
  )
}

/** Loss of a row and its derivative by the logits: log loss for one output, cross entropy for several. */
const lossOf = (logits: ReadonlyArray<number>, target: number) => {
  if (logits.length === 1) {
    const p = sigmoid(logits[0] as number)
    return { loss: -Math.log(target === 1 ? p : 1 - p), byLogits: [p - target] }
  }
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0)
  return {
    loss: Math.log(sum) - (logits[target] as number),
    byLogits: logits.map((logit, out) => Math.exp(logit) / sum - (out === target ? 1 : 0))
  }
}

/** The probabilities after each event, of one output. */
export const probabilities = (weights: Weights, symbols: ReadonlyArray<number>): ReadonlyArray<number> => {
  let h: ReadonlyArray<number> = Array.from({ length: weights.shape.hidden }, () => 0)
  let c = h
  return symbols.map((symbol) => {
    const after = cell(weights, symbol, h, c)
    h = after.h
    c = after.c
    return sigmoid(logitsOf(weights, h)[0] as number)
  })
}

/** The sum of the losses of all rows, and its gradient. */
export const lossAndGradient = (
  weights: Weights,
  examples: ReadonlyArray<Example>
): { readonly loss: number; readonly gradient: Float64Array } => {
  const { hidden: H, symbols: S } = weights.shape
  const gradient = new Float64Array(weights.all.length)
  const headAt = 4 * H * (S + H)
  const add = (at: number, value: number) => {
    gradient[at] = (gradient[at] as number) + value
  }
  const zeros = Array.from({ length: H }, () => 0)
  let loss = 0
  for (const { symbols, targets } of examples) {
    const tape = [{ i: zeros, f: zeros, g: zeros, o: zeros, c: zeros, h: zeros }]
    for (const symbol of symbols) {
      const last = tape[tape.length - 1] as (typeof tape)[0]
      tape.push(cell(weights, symbol, last.h, last.c))
    }
    let dh = zeros
    let dc = zeros
    for (let t = symbols.length; t >= 1; t--) {
      const now = tape[t] as (typeof tape)[0]
      const past = tape[t - 1] as (typeof tape)[0]
      const row = lossOf(logitsOf(weights, now.h), targets[t - 1] as number)
      loss += row.loss
      const byHidden = dh.map(
        (value, j) =>
          value +
          row.byLogits.reduce((sum, d, out) => sum + d * (weights.head[out * (H + 1) + j] as number), 0)
      )
      for (const [out, d] of row.byLogits.entries()) {
        for (let j = 0; j < H; j++) add(headAt + out * (H + 1) + j, d * (now.h[j] as number))
        add(headAt + out * (H + 1) + H, d)
      }
      const nextDh = [...zeros]
      const nextDc = [...zeros]
      for (let j = 0; j < H; j++) {
        const [i, f, g, o] = [now.i[j], now.f[j], now.g[j], now.o[j]] as [number, number, number, number]
        const squash = Math.tanh(now.c[j] as number)
        const d = byHidden[j] as number
        const byCell = (dc[j] as number) + d * o * (1 - squash * squash)
        nextDc[j] = byCell * f
        const byGates = [
          byCell * g * i * (1 - i),
          byCell * (past.c[j] as number) * f * (1 - f),
          byCell * i * (1 - g * g),
          d * squash * o * (1 - o)
        ]
        for (const [gate, value] of byGates.entries()) {
          const at = gate * H + j
          add((symbols[t - 1] as number) * 4 * H + at, value)
          for (let k = 0; k < H; k++) {
            add(S * 4 * H + at * H + k, value * (past.h[k] as number))
            nextDh[k] = (nextDh[k] as number) + value * (weights.recurrent[at * H + k] as number)
          }
        }
      }
      dh = nextDh
      dc = nextDc
    }
  }
  return { loss, gradient }
}
