/**
 * The discriminative LSTM: symbols to the probability of a purchase, with a loss on every event.
 *
 * Source of the approach: Requena et al. 2020; there the loss is on the last event only, which makes a poor judge of
 * sessions that are still open.
 */
import { type Parts, whole } from "./Blob.ts"
import { columnsOf } from "./Columns.ts"
import { log, sigmoid } from "./Elementary.ts"
import { alphabetSize, codes } from "./InputSymbol.ts"
import { binary, logitOf } from "./LstmHead.ts"
import * as LstmTape from "./LstmTape.ts"
import * as LstmTraining from "./LstmTraining.ts"
import { initial, type LstmShape, type LstmWeights, sizeOf, viewsOf } from "./LstmWeights.ts"
import type { Model, Scorer } from "./Model.ts"
import { ModelInvalid } from "./ModelInvalid.ts"
import { meanLogLoss } from "./Scores.ts"
import type { Training } from "./Training.ts"
import type { Trajectory } from "./Trajectory.ts"

/** How to train, and what to stop by. */
export interface LstmOptions extends LstmTraining.LstmOptions {
  /** Keep the weights of the epoch that was best on these; default: those of the last epoch. */
  readonly validation?: ReadonlyArray<Trajectory>
}

const shapeOf = (hidden: number): LstmShape => ({ hidden, symbols: alphabetSize, outputs: 1 })

/** The largest net: 1024 units take 17 MB. */
export const hiddenMax = 1024

/** Refuses a number of units that the kernels cannot do. */
export const checkHidden = (hidden: number): number => {
  if (Number.isInteger(hidden) && hidden >= 4 && hidden <= hiddenMax && hidden % 4 === 0) return hidden
  throw new RangeError(`hidden is ${hidden}, and must be a multiple of 4 from 4 to ${hiddenMax}`)
}

/** Trains a net. */
export const train = (set: ReadonlyArray<Trajectory>, options: LstmOptions = {}): Training<Model> => {
  const hidden = checkHidden(options.hidden ?? 16)
  const name = `lstm-${hidden}`
  return {
    model: name,
    *steps() {
      const columns = columnsOf(set)
      let bought = 0.5
      for (const { label, symbols } of set) bought += label * symbols.length
      const shape = shapeOf(hidden)
      const weights = initial(shape, options.seed ?? 1, [log(bought / (columns.events + 1 - bought))])
      const validation = options.validation ?? []
      let best: { readonly logLoss: number; readonly all: Float32Array } | undefined
      for (const step of LstmTraining.train({ columns, rows: "label", head: binary, weights }, options)) {
        const progress = { model: name, done: step.done, logLoss: step.loss }
        if (step.epoch === 0 || validation.length === 0) {
          yield progress
          continue
        }
        const validationLogLoss = meanLogLoss(modelOf(name, shape, weights.all), validation)
        if (best === undefined || validationLogLoss < best.logLoss) {
          best = { logLoss: validationLogLoss, all: weights.all.slice() }
        }
        yield { ...progress, validationLogLoss }
      }
      return modelOf(name, shape, best?.all ?? weights.all)
    }
  }
}

const modelOf = (name: string, { hidden }: LstmShape, all: Float32Array): Model =>
  ofParts({ kind: "lstm", name, meta: { hidden }, arrays: [all] })

/** The model in a blob's parts. A session's state is 2H floats of 32 bits: 256 bytes for 32 units. */
export const ofParts = (parts: Parts): Model => {
  const hidden = whole(parts, "hidden", 4, hiddenMax)
  const weights = weightsOf(parts, 0, shapeOf(hidden))
  return {
    kind: "lstm",
    name: parts.name,
    parts,
    scorer: () => {
      const gates = new Float32Array(4 * hidden)
      const scorer: Scorer<Float32Array> = {
        init: () => new Float32Array(2 * hidden),
        step: (state, symbol) => {
          LstmTape.step(weights, state, gates, codes[symbol] as number)
          return sigmoid(logitOf(weights.head, 0, state, 0, hidden))
        }
      }
      return scorer
    }
  }
}

/** The weights of this shape in a blob's parts; throws `ModelInvalid`. */
export const weightsOf = (parts: Parts, index: number, shape: LstmShape): LstmWeights => {
  const all = parts.arrays[index]
  if (all instanceof Float32Array && all.length === sizeOf(shape) && shape.hidden % 4 === 0)
    return viewsOf(shape, all)
  throw new ModelInvalid({
    reason: "content",
    detail: `array ${index} of a ${parts.kind} model is not what it should be`
  })
}
