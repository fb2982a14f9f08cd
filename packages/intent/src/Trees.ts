/**
 * Grows one regression tree on gradients and curvatures by histograms, level by level. Not exported from the package.
 *
 * Source: Friedman 2001 for the boosting, Chen, Guestrin 2016 (XGBoost) for gain and leaf weights, Ke et al. 2017
 * (LightGBM) for histograms. Of equal gains the first feature and the lowest threshold win: one result.
 */
import { values, width } from "./PrefixCounts.ts"

/** A full binary tree as arrays: node k has the children 2k + 1 and 2k + 2; leaves follow the inner nodes. */
export interface Tree {
  /** Which number an inner node looks at. */
  readonly features: Uint8Array
  /** To the right when the number is greater. A node that does not split sends everybody to the left. */
  readonly thresholds: Uint8Array
  /** What each leaf adds to the log-odds. */
  readonly leaves: Float64Array
}

/** What trees grow on: numbers column by column, and where each row is. */
export interface Ground {
  readonly rows: number
  /** `columns[feature · rows + row]`. */
  readonly columns: Uint8Array
  readonly gradients: Float64Array
  readonly bends: Float64Array
  /** The leaf of each row after `grow`. */
  readonly places: Uint16Array
  /** The rows in which a feature is not 0. Most numbers are: what is in bin 0 is what is not in these. */
  readonly occupied: ReadonlyArray<Int32Array>
}

/** Prepares `columns`; gradients and curvatures are for the caller to fill. */
export const groundOf = (columns: Uint8Array, rows: number): Ground => ({
  rows,
  columns,
  gradients: new Float64Array(rows),
  bends: new Float64Array(rows),
  places: new Uint16Array(rows),
  occupied: Array.from({ length: width }, (_, feature) => {
    const found: Array<number> = []
    for (let row = 0; row < rows; row++) if (columns[feature * rows + row] !== 0) found.push(row)
    return Int32Array.from(found)
  })
})

/** How to grow. */
export interface Growth {
  readonly depth: number
  /** Added to the curvature of each leaf. */
  readonly l2: number
  /** Least curvature of a leaf: about four events that nobody is sure of have 1. */
  readonly leastBend: number
}

/** Grows a tree; gives way after each level. */
export const grow = function* (
  ground: Ground,
  { depth, l2, leastBend }: Growth
): Generator<void, Tree, void> {
  const { bends, columns, gradients, occupied, places, rows } = ground
  const inner = 2 ** depth - 1
  const features = new Uint8Array(inner)
  const thresholds = new Uint8Array(inner).fill(values - 1)
  const worth = (gradient: number, bend: number) => (gradient * gradient) / (bend + l2)
  places.fill(0)
  for (let level = 0; level < depth; level++) {
    const nodes = 2 ** level
    const first = nodes - 1
    const best = new Float64Array(nodes).fill(1e-9)
    const gradientSums = new Float64Array(nodes * values)
    const bendSums = new Float64Array(nodes * values)
    const gradientTotals = new Float64Array(nodes)
    const bendTotals = new Float64Array(nodes)
    for (let row = 0; row < rows; row++) {
      const node = places[row] as number
      gradientTotals[node] = (gradientTotals[node] as number) + (gradients[row] as number)
      bendTotals[node] = (bendTotals[node] as number) + (bends[row] as number)
    }
    for (let feature = 0; feature < width; feature++) {
      gradientSums.fill(0)
      bendSums.fill(0)
      const from = feature * rows
      const among = occupied[feature] as Int32Array
      for (let i = 0; i < among.length; i++) {
        const row = among[i] as number
        const cell = (places[row] as number) * values + (columns[from + row] as number)
        gradientSums[cell] = (gradientSums[cell] as number) + (gradients[row] as number)
        bendSums[cell] = (bendSums[cell] as number) + (bends[row] as number)
      }
      for (let node = 0; node < nodes; node++) {
        const at = node * values
        const allGradient = gradientTotals[node] as number
        const allBend = bendTotals[node] as number
        let gradient = allGradient
        let bend = allBend
        for (let value = 1; value < values; value++) {
          gradient -= gradientSums[at + value] as number
          bend -= bendSums[at + value] as number
        }
        for (let value = 0; value < values - 1; value++) {
          if (value > 0) {
            gradient += gradientSums[at + value] as number
            bend += bendSums[at + value] as number
          }
          if (bend < leastBend || allBend - bend < leastBend) continue
          const gain =
            worth(gradient, bend) +
            worth(allGradient - gradient, allBend - bend) -
            worth(allGradient, allBend)
          if (gain <= (best[node] as number)) continue
          best[node] = gain
          features[first + node] = feature
          thresholds[first + node] = value
        }
      }
    }
    for (let row = 0; row < rows; row++) {
      const place = places[row] as number
      const value = columns[(features[first + place] as number) * rows + row] as number
      places[row] = 2 * place + (value > (thresholds[first + place] as number) ? 1 : 0)
    }
    yield
  }
  const leaves = new Float64Array(inner + 1)
  const leafBends = new Float64Array(inner + 1)
  for (let row = 0; row < rows; row++) {
    const leaf = places[row] as number
    leaves[leaf] = (leaves[leaf] as number) - (gradients[row] as number)
    leafBends[leaf] = (leafBends[leaf] as number) + (bends[row] as number)
  }
  for (let leaf = 0; leaf <= inner; leaf++) {
    leaves[leaf] = (leaves[leaf] as number) / ((leafBends[leaf] as number) + l2)
  }
  return { features, thresholds, leaves }
}
