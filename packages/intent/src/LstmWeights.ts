/**
 * The parameters of an LSTM over symbols, in one flat array, so that an optimiser, a gradient and a blob need no names.
 *
 * | part | shape | |
 * | --- | --- | --- |
 * | `input` | symbols × 4H | what a symbol adds to the gates: a look-up instead of a product; biases are in it |
 * | `recurrent` | 4H × H | what the hidden state adds to the gates |
 * | `head` | outputs × (H + 1) | hidden state to logits, bias last |
 *
 * Gates lie in the order input, forget, candidate, output, H of each.
 */
import { Prng } from "@troupe/clickstream"

/** What kind of net the numbers are for. */
export interface LstmShape {
  /** Hidden units H; a multiple of 4. */
  readonly hidden: number
  /** Rows of the input table. */
  readonly symbols: number
  /** Logits. */
  readonly outputs: number
}

/** Views into one flat array. */
export interface LstmWeights<A extends Float32Array | Float64Array = Float32Array> {
  readonly shape: LstmShape
  readonly all: A
  readonly input: A
  readonly recurrent: A
  readonly head: A
}

/** How many numbers a shape takes. */
export const sizeOf = ({ hidden, outputs, symbols }: LstmShape): number =>
  4 * hidden * (symbols + hidden) + outputs * (hidden + 1)

/** Names the parts of `all`. */
export const viewsOf = <A extends Float32Array | Float64Array>(shape: LstmShape, all: A): LstmWeights<A> => {
  const { hidden, symbols } = shape
  const recurrentAt = symbols * 4 * hidden
  const headAt = recurrentAt + 4 * hidden * hidden
  return {
    shape,
    all,
    input: all.subarray(0, recurrentAt) as A,
    recurrent: all.subarray(recurrentAt, headAt) as A,
    head: all.subarray(headAt) as A
  }
}

/**
 * Weights to begin with: even in ±1/√H (as PyTorch does), a head that says little yet but `bias`, and forget gates
 * biased by 1 … 5: units that remember from one event to a hundred (chrono initialisation, Tallec, Ollivier 2018).
 */
export const initial = (shape: LstmShape, seed: number, bias: ReadonlyArray<number>): LstmWeights => {
  const { hidden, outputs, symbols } = shape
  const weights = viewsOf(shape, new Float32Array(sizeOf(shape)))
  const prng = Prng.make(seed)
  const bound = 1 / Math.sqrt(hidden)
  for (const part of [weights.input, weights.recurrent]) {
    for (let i = 0; i < part.length; i++) part[i] = (2 * prng.next() - 1) * bound
  }
  for (let s = 0; s < symbols; s++) {
    for (let j = 0; j < hidden; j++) {
      const forget = s * 4 * hidden + hidden + j
      weights.input[forget] = (weights.input[forget] as number) + 1 + (4 * j) / hidden
    }
  }
  for (let o = 0; o < outputs; o++) {
    for (let j = 0; j < hidden; j++) weights.head[o * (hidden + 1) + j] = (2 * prng.next() - 1) * bound * 0.1
    weights.head[o * (hidden + 1) + hidden] = bias[o] ?? 0
  }
  return weights
}
