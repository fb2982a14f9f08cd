/** Draws positions of a list, each as often as its weight says, in constant time. */
export interface Weighted {
  /** The position that a number in [0, 1) falls on. */
  readonly pick: (u: number) => number
}

/** Makes the table for `weights`, which must not be all zero. Source: Chen and Asau's guide tables (1974). */
export const make = (weights: ReadonlyArray<number>): Weighted => {
  const { length } = weights
  const upTo = new Float64Array(length)
  let total = 0
  for (const [i, weight] of weights.entries()) {
    total += weight
    upTo[i] = total
  }
  const guide = new Uint32Array(length)
  for (let slot = 0, i = 0; slot < length; slot++) {
    while ((upTo[i] as number) <= (slot / length) * total) i++
    guide[slot] = i
  }
  return {
    pick: (u) => {
      const wanted = u * total
      let i = guide[Math.floor(u * length)] as number
      while ((upTo[i] as number) <= wanted) i++
      return i
    }
  }
}

/**
 * Weights by Zipf's law: the item of rank r (from 1) weighs 1 / r^`exponent`.
 *
 * Whole millionths: the last bit of a power, in which machines may differ, cannot change a draw.
 */
export const zipf = (length: number, exponent: number): ReadonlyArray<number> =>
  Array.from({ length }, (_, i) => Math.round(1_000_000 * Math.exp(-exponent * Math.log(i + 1))))
