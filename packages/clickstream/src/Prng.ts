/**
 * A small seeded generator of pseudo-random numbers: the same seed and stream give the same numbers on every machine.
 *
 * sfc32 (Chris Doty-Humphrey, PractRand), seeded through a splitmix32 mix. For simulations; never for secrets.
 */
export interface Prng {
  /** The next whole number in 0 … 2³² − 1. */
  readonly nextUint32: () => number
  /** The next number in [0, 1). */
  readonly next: () => number
}

/** Mixes two 32-bit numbers into one that looks random; every bit of both counts. */
export const mix = (a: number, b: number): number => {
  let h = (a ^ Math.imul(b, 0x9e3779b9)) | 0
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad)
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97)
  return (h ^ (h >>> 15)) >>> 0
}

/** Makes a generator for `seed`; each `stream` of a seed is a sequence of its own. Both are taken modulo 2³² and 2⁵³. */
export const make = (seed: number, stream = 0): Prng => {
  let a = mix(seed >>> 0, Math.floor(seed / 0x1_0000_0000) | 0)
  let b = mix(a, stream | 0)
  let c = mix(b, Math.floor(stream / 0x1_0000_0000) | 0)
  let counter = 1
  const nextUint32 = () => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return sum >>> 0
  }
  // The first numbers still show the seed.
  for (let i = 0; i < 12; i++) nextUint32()
  return { nextUint32, next: () => nextUint32() / 0x1_0000_0000 }
}

/** A position in `weights`, each chosen as often as its weight says; `weights` must not be all zero. */
export const pick = (prng: Prng, weights: ReadonlyArray<number>): number => {
  let total = 0
  for (const weight of weights) total += weight
  let left = prng.next() * total
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i] as number
    if (left < 0) return i
  }
  return weights.length - 1
}
