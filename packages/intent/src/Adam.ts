/**
 * Adam (Kingma, Ba 2015) with the gradient's length clipped (Pascanu et al. 2013), over one flat array of weights.
 */
export interface Adam {
  /** Moves `weights` against `gradient`, which is clipped and then set to zero. */
  readonly step: (weights: Float32Array, gradient: Float32Array, rate: number) => void
}

/** Makes the moments of so many weights; gradients longer than `clip` are shortened to it. */
export const make = (size: number, clip: number): Adam => {
  const first = new Float32Array(size)
  const second = new Float32Array(size)
  let firstDecay = 1
  let secondDecay = 1
  return {
    step: (weights, gradient, rate) => {
      let squares = 0
      for (let i = 0; i < size; i++) squares += (gradient[i] as number) ** 2
      const length = Math.sqrt(squares)
      const scale = length > clip ? clip / length : 1
      firstDecay *= 0.9
      secondDecay *= 0.999
      const pace = (rate * Math.sqrt(1 - secondDecay)) / (1 - firstDecay)
      for (let i = 0; i < size; i++) {
        const g = (gradient[i] as number) * scale
        const m = 0.9 * (first[i] as number) + 0.1 * g
        const v = 0.999 * (second[i] as number) + 0.001 * g * g
        first[i] = m
        second[i] = v
        weights[i] = (weights[i] as number) - (pace * m) / (Math.sqrt(v) + 1e-8)
      }
      gradient.fill(0)
    }
  }
}
