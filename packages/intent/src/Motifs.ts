/** Logistic regression over the frequencies of the six visibility-graph motifs, as in Requena et al. 2020. */
import { doubles, type Parts } from "./Blob.ts"
import * as DenseObjective from "./DenseObjective.ts"
import { sigmoid } from "./Elementary.ts"
import type { Model, Scorer } from "./Model.ts"
import { minimise } from "./NewtonMethod.ts"
import type { Training } from "./Training.ts"
import type { Trajectory } from "./Trajectory.ts"
import * as VisibilityMotifs from "./VisibilityMotifs.ts"

const width = VisibilityMotifs.motifCount

/** Fits seven weights over all prefixes; `l2` penalises as that of `Logistic` does, default 1. */
export const train = (
  set: ReadonlyArray<Trajectory>,
  options: { readonly l2?: number } = {}
): Training<Model> => ({
  model: "motifs",
  *steps() {
    const events = set.reduce((sum, { symbols }) => sum + symbols.length, 0)
    const features = new Float64Array(events * width)
    const labels = new Uint8Array(events)
    let row = 0
    for (const { label, symbols } of set) {
      const state = VisibilityMotifs.initial()
      for (const symbol of symbols) {
        VisibilityMotifs.step(state, symbol)
        const windows = Math.max(1, state.events - 3)
        for (let j = 0; j < width; j++) features[row * width + j] = (state.counts[j] as number) / windows
        labels[row++] = label
      }
    }
    const objective = DenseObjective.make(features, labels, width, (options.l2 ?? 1) / Math.max(1, events))
    const weights = new Float64Array(width + 1)
    for (const { iteration } of minimise(objective, weights, { tolerance: 1e-4, iterations: 30 })) {
      yield { model: "motifs", done: iteration / 30, logLoss: objective.logLoss() }
    }
    return ofParts({ kind: "motifs", name: "motifs", meta: {}, arrays: [weights] })
  }
})

/** The model in a blob's parts. */
export const ofParts = (parts: Parts): Model => {
  const weights = doubles(parts, 0, width + 1)
  const scorer: Scorer<VisibilityMotifs.MotifState> = {
    init: VisibilityMotifs.initial,
    step: (state, symbol) => {
      VisibilityMotifs.step(state, symbol)
      const windows = Math.max(1, state.events - 3)
      let margin = weights[width] as number
      for (let j = 0; j < width; j++)
        margin += ((weights[j] as number) * (state.counts[j] as number)) / windows
      return sigmoid(margin)
    }
  }
  return { kind: "motifs", name: parts.name, parts, scorer: () => scorer }
}
