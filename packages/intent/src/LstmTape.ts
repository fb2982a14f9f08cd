/**
 * An LSTM over a batch of sessions of different lengths, forward and backward through time, without padding.
 *
 * Sessions are sorted by falling length, so those that still go on at a time are the first so many: event t of session b
 * lies in row `starts[t] + b`. What a row needs to go back is kept on the tape. Not exported from the package.
 *
 * Source: Hochreiter, Schmidhuber 1997, with forget gates (Gers et al. 2000).
 */
import { gateSigmoid, gateTanh } from "./Elementary.ts"
import { addOuter, addProduct, addProducts, transpose } from "./Kernels.ts"
import type { LstmWeights } from "./LstmWeights.ts"

/** Sessions as rows of events. */
export interface Batch {
  /** Sessions. */
  readonly count: number
  /** Events: rows in use. */
  readonly rows: number
  /** First row of each time step, and the number of rows at the end. */
  readonly starts: Int32Array
  /** Length of the longest session. */
  readonly times: number
  /** Which row of the input table each event looks up. */
  readonly symbols: Uint8Array
}

/** Space for batches of up to so many events; reused from batch to batch. */
export interface LstmTape {
  /** Activations of the gates, 4H a row. */
  readonly gates: Float32Array
  /** Cell states, H a row. */
  readonly cells: Float32Array
  /** tanh of the cell states. */
  readonly squashed: Float32Array
  /** Hidden states: what a head reads. */
  readonly hidden: Float32Array
  /** The loss's gradient by `hidden`, which a head writes before `backward`. */
  readonly hiddenGradient: Float32Array
  readonly gateGradient: Float32Array
  readonly carriedHidden: Float32Array
  readonly carriedCell: Float32Array
  readonly transposed: Float32Array
}

/** Makes a tape for H units. */
export const make = (hidden: number, rows: number, sessions: number): LstmTape => ({
  gates: new Float32Array(rows * 4 * hidden),
  cells: new Float32Array(rows * hidden),
  squashed: new Float32Array(rows * hidden),
  hidden: new Float32Array(rows * hidden),
  hiddenGradient: new Float32Array(rows * hidden),
  gateGradient: new Float32Array(rows * 4 * hidden),
  carriedHidden: new Float32Array(sessions * hidden),
  carriedCell: new Float32Array(sessions * hidden),
  transposed: new Float32Array(4 * hidden * hidden)
})

/** Runs the cell over a batch. */
export const forward = (weights: LstmWeights, tape: LstmTape, batch: Batch): void => {
  const H = weights.shape.hidden
  const G = 4 * H
  const { input, recurrent } = weights
  const { cells, gates, hidden, squashed } = tape
  for (let t = 0; t < batch.times; t++) {
    const from = batch.starts[t] as number
    const count = (batch.starts[t + 1] as number) - from
    const before = t === 0 ? -1 : (batch.starts[t - 1] as number)
    for (let b = 0; b < count; b++) {
      const row = (batch.symbols[from + b] as number) * G
      gates.set(input.subarray(row, row + G), (from + b) * G)
    }
    if (before >= 0) addProducts(gates, from * G, recurrent, hidden, before * H, G, H, count)
    for (let b = 0; b < count; b++) {
      const g = (from + b) * G
      const h = (from + b) * H
      const past = before < 0 ? -1 : (before + b) * H
      for (let j = 0; j < H; j++) {
        const i = gateSigmoid(gates[g + j] as number)
        const f = gateSigmoid(gates[g + H + j] as number)
        const c = gateTanh(gates[g + 2 * H + j] as number)
        const o = gateSigmoid(gates[g + 3 * H + j] as number)
        const cell = past < 0 ? i * c : f * (cells[past + j] as number) + i * c
        gates[g + j] = i
        gates[g + H + j] = f
        gates[g + 2 * H + j] = c
        gates[g + 3 * H + j] = o
        cells[h + j] = cell
        // Of the rounded cell: what a single step, which keeps 32 bits between events, has too.
        const squash = gateTanh(cells[h + j] as number)
        squashed[h + j] = squash
        hidden[h + j] = o * squash
      }
    }
  }
}

/** Goes back through a batch that `forward` has run over: adds to `gradient` what `hiddenGradient` makes of it. */
export const backward = (weights: LstmWeights, gradient: LstmWeights, tape: LstmTape, batch: Batch): void => {
  const H = weights.shape.hidden
  const G = 4 * H
  const {
    carriedCell,
    carriedHidden,
    cells,
    gateGradient,
    gates,
    hidden,
    hiddenGradient,
    squashed,
    transposed
  } = tape
  transpose(weights.recurrent, transposed, G, H)
  carriedHidden.fill(0)
  carriedCell.fill(0)
  for (let t = batch.times - 1; t >= 0; t--) {
    const from = batch.starts[t] as number
    const count = (batch.starts[t + 1] as number) - from
    const before = t === 0 ? -1 : (batch.starts[t - 1] as number)
    for (let b = 0; b < count; b++) {
      const g = (from + b) * G
      const h = (from + b) * H
      const past = before < 0 ? -1 : (before + b) * H
      const carry = b * H
      const table = (batch.symbols[from + b] as number) * G
      for (let j = 0; j < H; j++) {
        const i = gates[g + j] as number
        const f = gates[g + H + j] as number
        const c = gates[g + 2 * H + j] as number
        const o = gates[g + 3 * H + j] as number
        const squash = squashed[h + j] as number
        const byHidden = (hiddenGradient[h + j] as number) + (carriedHidden[carry + j] as number)
        const byCell = (carriedCell[carry + j] as number) + byHidden * o * (1 - squash * squash)
        const byInput = byCell * c * i * (1 - i)
        const byForget = past < 0 ? 0 : byCell * (cells[past + j] as number) * f * (1 - f)
        const byCandidate = byCell * i * (1 - c * c)
        const byOutput = byHidden * squash * o * (1 - o)
        gateGradient[g + j] = byInput
        gateGradient[g + H + j] = byForget
        gateGradient[g + 2 * H + j] = byCandidate
        gateGradient[g + 3 * H + j] = byOutput
        gradient.input[table + j] = (gradient.input[table + j] as number) + byInput
        gradient.input[table + H + j] = (gradient.input[table + H + j] as number) + byForget
        gradient.input[table + 2 * H + j] = (gradient.input[table + 2 * H + j] as number) + byCandidate
        gradient.input[table + 3 * H + j] = (gradient.input[table + 3 * H + j] as number) + byOutput
        carriedCell[carry + j] = byCell * f
        carriedHidden[carry + j] = 0
      }
    }
    if (before < 0) continue
    addProducts(carriedHidden, 0, transposed, gateGradient, from * G, H, G, count)
    addOuter(gradient.recurrent, gateGradient, from * G, hidden, before * H, G, H, count)
  }
}

/**
 * One event of one session: `state` holds the hidden and then the cell state, H each, and is changed. `gates` is scratch
 * space of 4H. The same bits as `forward`.
 */
export const step = (
  weights: LstmWeights,
  state: Float32Array,
  gates: Float32Array,
  symbol: number
): void => {
  const H = weights.shape.hidden
  const G = 4 * H
  const { input } = weights
  const row = symbol * G
  for (let r = 0; r < G; r++) gates[r] = input[row + r] as number
  addProduct(gates, 0, weights.recurrent, state, 0, G, H)
  for (let j = 0; j < H; j++) {
    const i = gateSigmoid(gates[j] as number)
    const f = gateSigmoid(gates[H + j] as number)
    const c = gateTanh(gates[2 * H + j] as number)
    const o = gateSigmoid(gates[3 * H + j] as number)
    state[H + j] = f * (state[H + j] as number) + i * c
    state[j] = o * gateTanh(state[H + j] as number)
  }
}
