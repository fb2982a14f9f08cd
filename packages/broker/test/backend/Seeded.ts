import { count, firstSeed } from "@troupe/vitest/counts"

/** Draws of one seeded run. */
export interface Draw {
  /** A whole number from 0 to `below` − 1. */
  readonly int: (below: number) => number
  readonly chance: (probability: number) => boolean
  readonly pick: <A>(values: ReadonlyArray<A>) => A
}

/** Draws from a seed. Source: mulberry32, public domain. */
export const drawFrom = (seed: number): Draw => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    int: (below) => Math.floor(next() * below),
    chance: (probability) => next() < probability,
    pick: (values) => values[Math.floor(next() * values.length)] as (typeof values)[number]
  }
}

/** Runs `body` for each seed; a failure names the seed. */
export const forEachSeed = (
  counts: { readonly quick: number; readonly long: number },
  body: (draw: Draw) => void
): void => {
  for (let seed = firstSeed(); seed < firstSeed() + count(counts); seed++) {
    try {
      body(drawFrom(seed))
    } catch (cause) {
      throw new Error(`TROUPE_SEED=${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause })
    }
  }
}
