/** Logistic regression's log loss over rows of a few features each. Not exported from the package. */
import { exp, softplus } from "./Elementary.ts"
import type { Smooth } from "./NewtonMethod.ts"

/** The mean loss of rows of `width` features, a bias after them, with an L2 penalty that spares the bias. */
export const make = (
  features: Float64Array,
  labels: Uint8Array,
  width: number,
  penalty: number
): Smooth & { readonly logLoss: () => number } => {
  const rows = labels.length
  const scale = rows === 0 ? 0 : 1 / rows
  const gradient = new Float64Array(width + 1)
  const bends = new Float64Array(rows)
  let logLoss = 0

  const along = (vector: Float64Array, row: number): number => {
    let sum = vector[width] as number
    for (let j = 0, at = row * width; j < width; j++, at++)
      sum += (features[at] as number) * (vector[j] as number)
    return sum
  }
  const add = (into: Float64Array, row: number, value: number): void => {
    for (let j = 0, at = row * width; j < width; j++, at++)
      into[j] = (into[j] as number) + value * (features[at] as number)
    into[width] = (into[width] as number) + value
  }
  const finish = (vector: Float64Array, into: Float64Array): void => {
    for (let j = 0; j <= width; j++) {
      into[j] = (into[j] as number) * scale + (j < width ? penalty * (vector[j] as number) : 0)
    }
  }
  return {
    gradient,
    logLoss: () => logLoss,
    at: (weights) => {
      let loss = 0
      gradient.fill(0)
      for (let row = 0; row < rows; row++) {
        const margin = along(weights, row)
        const e = exp(margin > 0 ? -margin : margin)
        const p = margin > 0 ? 1 / (1 + e) : e / (1 + e)
        bends[row] = p * (1 - p)
        loss += softplus(labels[row] === 1 ? -margin : margin)
        add(gradient, row, p - (labels[row] as number))
      }
      finish(weights, gradient)
      logLoss = loss * scale
      let squares = 0
      for (let j = 0; j < width; j++) squares += (weights[j] as number) ** 2
      return logLoss + 0.5 * penalty * squares
    },
    diagonal: (into) => {
      into.fill(0)
      for (let row = 0; row < rows; row++) {
        for (let j = 0, at = row * width; j < width; j++, at++) {
          into[j] = (into[j] as number) + (bends[row] as number) * (features[at] as number) ** 2
        }
        into[width] = (into[width] as number) + (bends[row] as number)
      }
      for (let j = 0; j <= width; j++) into[j] = (into[j] as number) * scale + (j < width ? penalty : 0)
    },
    curve: (direction, into) => {
      into.fill(0)
      for (let row = 0; row < rows; row++) add(into, row, (bends[row] as number) * along(direction, row))
      finish(direction, into)
    }
  }
}
