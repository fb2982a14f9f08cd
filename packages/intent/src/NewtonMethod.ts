/**
 * Newton's method with conjugate gradients for smooth convex functions: no matrix is ever formed.
 *
 * Each step solves the local quadratic model as far as it pays (Dembo, Eisenstat, Steihaug 1982), preconditioned by the
 * diagonal, and shortens the step until the function falls enough. No random numbers and one order of sums: the same
 * function gives the same bits.
 */

/** A function with derivatives; all of them are about the last point given to `at`. */
export interface Smooth {
  readonly at: (point: Float64Array) => number
  readonly gradient: Float64Array
  readonly diagonal: (into: Float64Array) => void
  readonly curve: (direction: Float64Array, into: Float64Array) => void
}

/** Where a minimisation stands. */
export interface Step {
  readonly iteration: number
  readonly value: number
  /** Length of the gradient, relative to that at the beginning. */
  readonly slope: number
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}

/** Moves `point` to the minimum: until the gradient is `tolerance` of what it was, or for so many iterations. */
export const minimise = function* (
  smooth: Smooth,
  point: Float64Array,
  options: { readonly tolerance: number; readonly iterations: number }
): Generator<Step, void, void> {
  const size = point.length
  const [trial, direction, residual, conjugate, curved, preconditioned, diagonal] = Array.from(
    { length: 7 },
    () => new Float64Array(size)
  ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array]
  let value = smooth.at(point)
  let slope = Math.sqrt(dot(smooth.gradient, smooth.gradient))
  const first = slope
  for (let iteration = 1; iteration <= options.iterations && slope > options.tolerance * first; iteration++) {
    smooth.diagonal(diagonal)
    direction.fill(0)
    for (let j = 0; j < size; j++) residual[j] = -(smooth.gradient[j] as number)
    const precondition = () => {
      for (let j = 0; j < size; j++)
        preconditioned[j] = (residual[j] as number) / Math.max(diagonal[j] as number, 1e-12)
    }
    precondition()
    conjugate.set(preconditioned)
    let energy = dot(residual, preconditioned)
    const enough = energy * Math.min(0.25, slope / first) ** 2
    for (let inner = 0; inner < 60 && energy > enough; inner++) {
      smooth.curve(conjugate, curved)
      const bend = dot(conjugate, curved)
      if (!(bend > 0)) break
      const length = energy / bend
      for (let j = 0; j < size; j++) {
        direction[j] = (direction[j] as number) + length * (conjugate[j] as number)
        residual[j] = (residual[j] as number) - length * (curved[j] as number)
      }
      precondition()
      const after = dot(residual, preconditioned)
      for (let j = 0; j < size; j++) {
        conjugate[j] = (preconditioned[j] as number) + (after / energy) * (conjugate[j] as number)
      }
      energy = after
    }
    const falling = dot(smooth.gradient, direction)
    let length = 1
    let next = value
    for (let halving = 0; halving < 30; halving++, length /= 2) {
      for (let j = 0; j < size; j++) trial[j] = (point[j] as number) + length * (direction[j] as number)
      next = smooth.at(trial)
      if (next <= value + 1e-4 * length * falling) break
    }
    // No shorter step helps: this is the minimum to the last bits that sums can tell.
    if (!(next < value)) {
      smooth.at(point)
      return
    }
    point.set(trial)
    value = next
    slope = Math.sqrt(dot(smooth.gradient, smooth.gradient))
    yield { iteration, value, slope: slope / first }
  }
}
