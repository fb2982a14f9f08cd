/** The baseline of baselines: the share of buyers in the training set, whatever a shopper does. */
import { doubles, type Parts } from "./Blob.ts"
import type { Model, Scorer } from "./Model.ts"
import * as Training from "./Training.ts"
import { countBuyers, type Trajectory } from "./Trajectory.ts"

/** Takes the share of buying sessions; of an empty set, one half. */
export const train = (set: ReadonlyArray<Trajectory>): Training.Training<Model> =>
  Training.single("prior", () =>
    ofParts({
      kind: "prior",
      name: "prior",
      meta: {},
      arrays: [Float64Array.of((countBuyers(set) + 0.5) / (set.length + 1))]
    })
  )

/** The model in a blob's parts. */
export const ofParts = (parts: Parts): Model => {
  const probability = doubles(parts, 0, 1)[0] as number
  const scorer: Scorer<null> = { init: () => null, step: () => probability }
  return { kind: "prior", name: parts.name, parts, scorer: () => scorer }
}
