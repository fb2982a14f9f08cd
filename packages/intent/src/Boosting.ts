/**
 * Gradient boosting of small trees over counts of symbols and pairs, by histograms: what is not linear in k-grams.
 *
 * All prefixes of all sessions are examples, as for `Logistic`. A session's state is 33 bytes; a probability costs trees ×
 * depth comparisons, however long the session is.
 */
import { doubles, type Parts, whole } from "./Blob.ts"
import { columnsOf } from "./Columns.ts"
import { log, sigmoid } from "./Elementary.ts"
import { codes } from "./InputSymbol.ts"
import type { Model, Scorer } from "./Model.ts"
import { ModelInvalid } from "./ModelInvalid.ts"
import * as PrefixCounts from "./PrefixCounts.ts"
import { meanLogLoss } from "./Scores.ts"
import type { Training } from "./Training.ts"
import type { Trajectory } from "./Trajectory.ts"
import { groundOf, grow, type Tree } from "./Trees.ts"

/** How to boost. */
export interface BoostingOptions {
  /** Most trees; default 60. */
  readonly trees?: number
  /** Levels of a tree, 1 … 8; default 4. */
  readonly depth?: number
  /** Share of a tree's advice that is taken; default 0.15. */
  readonly rate?: number
  /** Penalty of leaves; default 5. */
  readonly l2?: number
  /** Keep as many trees as are best on these; default: all. */
  readonly validation?: ReadonlyArray<Trajectory>
}

const depthMax = 8

/** Grows the trees. */
export const train = (set: ReadonlyArray<Trajectory>, options: BoostingOptions = {}): Training<Model> => {
  const { depth = 4, l2 = 5, rate = 0.15, trees = 60 } = options
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= depthMax)) {
    throw new RangeError(`depth is ${depth}, and must be a whole number from 1 to ${depthMax}`)
  }
  return {
    model: "boosting",
    *steps() {
      const data = columnsOf(set)
      const rows = data.events
      const columns = new Uint8Array(rows * PrefixCounts.width)
      const labels = new Uint8Array(rows)
      let bought = 0
      for (let i = 0; i < data.sessions; i++) {
        const state = PrefixCounts.initial()
        for (let row = data.starts[i] as number; row < (data.starts[i + 1] as number); row++) {
          PrefixCounts.step(state, data.codes[row] as number)
          for (let j = 0; j < PrefixCounts.width; j++) columns[j * rows + row] = state[j] as number
          labels[row] = data.labels[i] as number
          bought += data.labels[i] as number
        }
      }
      const base = log((bought + 0.5) / (rows - bought + 0.5))
      const margins = new Float64Array(rows).fill(base)
      const ground = groundOf(columns, rows)
      const grown: Array<Tree> = []
      const validation = options.validation ?? []
      let best = { logLoss: Number.POSITIVE_INFINITY, trees: 0 }
      for (let n = 1; n <= trees; n++) {
        for (let row = 0; row < rows; row++) {
          const p = sigmoid(margins[row] as number)
          ground.gradients[row] = p - (labels[row] as number)
          ground.bends[row] = p * (1 - p)
        }
        const growing = grow(ground, { depth, l2, leastBend: 1 })
        let step = growing.next()
        for (; step.done !== true; step = growing.next()) yield { model: "boosting", done: (n - 1) / trees }
        const { features, leaves, thresholds } = step.value
        const tree = { features, thresholds, leaves: leaves.map((leaf) => rate * leaf) }
        for (let row = 0; row < rows; row++) {
          margins[row] = (margins[row] as number) + (tree.leaves[ground.places[row] as number] as number)
        }
        grown.push(tree)
        if (validation.length > 0 && (n % 5 === 0 || n === trees)) {
          const logLoss = meanLogLoss(modelOf(base, depth, grown), validation)
          if (logLoss < best.logLoss) best = { logLoss, trees: n }
          yield { model: "boosting", done: n / trees, validationLogLoss: logLoss }
        }
      }
      return modelOf(base, depth, best.trees > 0 ? grown.slice(0, best.trees) : grown)
    }
  }
}

const modelOf = (base: number, depth: number, trees: ReadonlyArray<Tree>): Model => {
  const flat = (part: (tree: Tree) => ArrayLike<number>) =>
    Float64Array.from(trees.flatMap((tree) => Array.from(part(tree))))
  return ofParts({
    kind: "boosting",
    name: "boosting",
    meta: { depth, trees: trees.length },
    arrays: [
      Float64Array.of(base),
      flat(({ features }) => features),
      flat(({ thresholds }) => thresholds),
      flat(({ leaves }) => leaves)
    ]
  })
}

/** The model in a blob's parts. */
export const ofParts = (parts: Parts): Model => {
  const depth = whole(parts, "depth", 1, depthMax)
  const trees = whole(parts, "trees", 0, 100_000)
  const inner = 2 ** depth - 1
  const base = doubles(parts, 0, 1)[0] as number
  const features = Uint8Array.from(doubles(parts, 1, trees * inner))
  const thresholds = Uint8Array.from(doubles(parts, 2, trees * inner))
  const leaves = doubles(parts, 3, trees * (inner + 1))
  if (features.some((feature) => feature >= PrefixCounts.width)) {
    throw new ModelInvalid({ reason: "content", detail: "a tree looks at a number that there is not" })
  }
  const scorer: Scorer<Uint8Array> = {
    init: PrefixCounts.initial,
    step: (state, symbol) => {
      PrefixCounts.step(state, codes[symbol] as number)
      let margin = base
      for (let tree = 0; tree < trees; tree++) {
        const at = tree * inner
        let node = 0
        while (node < inner) {
          const value = state[features[at + node] as number] as number
          node = 2 * node + (value > (thresholds[at + node] as number) ? 2 : 1)
        }
        margin += leaves[tree * (inner + 1) + node - inner] as number
      }
      return sigmoid(margin)
    }
  }
  return { kind: "boosting", name: parts.name, parts, scorer: () => scorer }
}
