/**
 * The generative pair: one LSTM language model of buyers up to the purchase, one of the others up to the end, and Bayes.
 *
 * Each model predicts the next symbol, the end among them, so that going on is evidence too. Source of the approach: Toth,
 * Tan, Di Fabbrizio, Datta, *Predicting Shopping Behavior with Mixture of RNNs* (SIGIR eCom 2017).
 */
import { doubles, type Parts, whole } from "./Blob.ts"
import { columnsOf } from "./Columns.ts"
import { log, sigmoid } from "./Elementary.ts"
import { alphabetSize, codes } from "./InputSymbol.ts"
import { checkHidden, hiddenMax, weightsOf } from "./Lstm.ts"
import { beginning } from "./LstmBatches.ts"
import { categorical, logSoftmax } from "./LstmHead.ts"
import * as LstmTape from "./LstmTape.ts"
import * as LstmTraining from "./LstmTraining.ts"
import { initial, type LstmShape } from "./LstmWeights.ts"
import type { Model, Scorer } from "./Model.ts"
import type { Training } from "./Training.ts"
import type { Trajectory } from "./Trajectory.ts"

const shapeOf = (hidden: number): LstmShape => ({
  hidden,
  symbols: alphabetSize + 1,
  outputs: alphabetSize + 1
})

/** The smaller class is seen so many times as often at most: it takes steps to learn a language at all. */
const repeatsMax = 4

/** Trains both nets, one after the other; `epochs` is that of the larger class. */
export const train = (
  set: ReadonlyArray<Trajectory>,
  options: LstmTraining.LstmOptions = {}
): Training<Model> => {
  const hidden = checkHidden(options.hidden ?? 16)
  const name = `lstm-generative-${hidden}`
  return {
    model: name,
    *steps() {
      const classes = [0, 1].map((label) => columnsOf(set.filter((trajectory) => trajectory.label === label)))
      const largest = Math.max(...classes.map(({ events }) => events))
      const all = classes.reduce((sum, { events }) => sum + events, 0)
      const nets: Array<Float32Array> = []
      let done = 0
      for (const [label, columns] of classes.entries()) {
        const weights = initial(shapeOf(hidden), (options.seed ?? 1) * 2 + label, [])
        const repeats = Math.min(repeatsMax, Math.max(1, Math.floor(largest / Math.max(1, columns.events))))
        const share = columns.events / Math.max(1, all)
        const task = { columns, rows: "next", head: categorical, weights } as const
        for (const step of LstmTraining.train(task, {
          ...options,
          epochs: (options.epochs ?? 8) * repeats
        })) {
          yield { model: name, done: done + share * step.done }
        }
        done += share
        nets.push(weights.all)
      }
      const [others, buyers] = classes.map(({ sessions }) => sessions) as [number, number]
      const prior = Float64Array.of(log((buyers + 0.5) / (others + 0.5)))
      return ofParts({ kind: "lstm-generative", name, meta: { hidden }, arrays: [prior, ...nets] })
    }
  }
}

/** A session in both nets, and its log-odds so far. */
interface PairState {
  readonly others: Float32Array
  readonly buyers: Float32Array
  logOdds: number
}

/** The model in a blob's parts. */
export const ofParts = (parts: Parts): Model => {
  const hidden = whole(parts, "hidden", 4, hiddenMax)
  const prior = doubles(parts, 0, 1)[0] as number
  const others = weightsOf(parts, 1, shapeOf(hidden))
  const buyers = weightsOf(parts, 2, shapeOf(hidden))
  return {
    kind: "lstm-generative",
    name: parts.name,
    parts,
    scorer: () => {
      const gates = new Float32Array(4 * hidden)
      const logs = new Float64Array(alphabetSize + 1)
      const begun = [others, buyers].map((weights) => {
        const state = new Float32Array(2 * hidden)
        LstmTape.step(weights, state, gates, beginning)
        return state
      }) as [Float32Array, Float32Array]
      const scorer: Scorer<PairState> = {
        init: () => ({ others: begun[0].slice(), buyers: begun[1].slice(), logOdds: prior }),
        step: (state, symbol) => {
          const code = codes[symbol] as number
          logSoftmax(buyers, state.buyers, 0, logs)
          state.logOdds += logs[code] as number
          logSoftmax(others, state.others, 0, logs)
          state.logOdds -= logs[code] as number
          LstmTape.step(buyers, state.buyers, gates, code)
          LstmTape.step(others, state.others, gates, code)
          return sigmoid(state.logOdds)
        }
      }
      return scorer
    }
  }
}
