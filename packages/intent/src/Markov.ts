/**
 * Class-conditional Markov chains: one chain of buyers up to the purchase, one of the others up to the end, and Bayes.
 *
 * Chains have an end symbol, so going on is evidence too. Contexts are the last one or two symbols, or the beginning.
 */
import { doubles, type Parts, whole } from "./Blob.ts"
import { columnsOf } from "./Columns.ts"
import { log, sigmoid } from "./Elementary.ts"
import { alphabetSize, codes } from "./InputSymbol.ts"
import type { Model, Scorer } from "./Model.ts"
import * as Training from "./Training.ts"
import { countBuyers, type Trajectory } from "./Trajectory.ts"

/** How a chain is estimated. */
export interface MarkovOptions {
  /** How many symbols back a context reaches: 1 (default) or 2. */
  readonly order?: 1 | 2
  /** Added to every count, so that nothing is impossible; default 0.5. */
  readonly smoothing?: number
}

/** Values of one symbol of a context: the beginning, or one of the five. */
const base = alphabetSize + 1
const end = alphabetSize

/** Counts transitions of both classes. Sessions may have any length; those without events are left out. */
export const train = (
  set: ReadonlyArray<Trajectory>,
  { order = 1, smoothing = 0.5 }: MarkovOptions = {}
): Training.Training<Model> => {
  const name = `markov-${order}`
  return Training.single(name, () => {
    const contexts = base ** order
    const counts = [0, 1].map(() => new Float64Array(contexts * base).fill(smoothing))
    const columns = columnsOf(set)
    for (let i = 0; i < columns.sessions; i++) {
      const count = counts[columns.labels[i] as number] as Float64Array
      const from = columns.starts[i] as number
      const to = columns.starts[i + 1] as number
      let context = 0
      for (let at = from; at <= to && from < to; at++) {
        const code = at < to ? (columns.codes[at] as number) : end
        const cell = context * base + code
        count[cell] = (count[cell] as number) + 1
        context = (context * base + code + 1) % contexts
      }
    }
    const shares = counts.map((count) =>
      count.map((value, i) => {
        const row = i - (i % base)
        let sum = 0
        for (let j = row; j < row + base; j++) sum += count[j] as number
        return value / sum
      })
    )
    const evidence = new Float64Array(contexts * alphabetSize)
    for (let i = 0; i < evidence.length; i++) {
      const cell = Math.floor(i / alphabetSize) * base + (i % alphabetSize)
      evidence[i] = log(shares[1]?.[cell] as number) - log(shares[0]?.[cell] as number)
    }
    const buyers = countBuyers(set)
    const prior = Float64Array.of(log((buyers + 0.5) / (set.length - buyers + 0.5)))
    return ofParts({ kind: "markov", name, meta: { order }, arrays: [prior, evidence] })
  })
}

/** Where a session stands in the chains: its context, and the log-odds so far. */
interface MarkovState {
  context: number
  logOdds: number
}

/** The model in a blob's parts. */
export const ofParts = (parts: Parts): Model => {
  const contexts = base ** whole(parts, "order", 1, 2)
  const prior = doubles(parts, 0, 1)[0] as number
  const evidence = doubles(parts, 1, contexts * alphabetSize)
  const scorer: Scorer<MarkovState> = {
    init: () => ({ context: 0, logOdds: prior }),
    step: (state, symbol) => {
      const code = codes[symbol] as number
      state.logOdds += evidence[state.context * alphabetSize + code] as number
      state.context = (state.context * base + code + 1) % contexts
      return sigmoid(state.logOdds)
    }
  }
  return { kind: "markov", name: parts.name, parts, scorer: () => scorer }
}
