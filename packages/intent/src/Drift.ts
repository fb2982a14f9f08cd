/**
 * Whether live scores still look like those that a model was chosen by: the population stability index (PSI) of their
 * distribution.
 *
 * PSI = Σ (live share − reference share) · ln(live share ÷ reference share) over bins that hold a tenth of the reference
 * each. Custom has it that below 0.1 nothing happened, and above 0.25 the model needs a look.
 */
import { log } from "./Elementary.ts"

/** How scores are distributed where all was well: plain data, for a file or a store. */
export interface Reference {
  /** Rising upper bounds of all bins but the last. */
  readonly bounds: ReadonlyArray<number>
  /** Share of each bin. */
  readonly shares: ReadonlyArray<number>
}

/** The distribution of some scores, e.g. those on validation, in at most `bins` bins of about equal share. */
export const reference = (scores: ArrayLike<number>, bins = 10): Reference => {
  const sorted = Float64Array.from(scores).sort()
  const bounds: Array<number> = []
  for (let i = 1; i < bins && sorted.length > 0; i++) {
    const bound = sorted[Math.floor((i * sorted.length) / bins)] as number
    // Equal scores cannot be told apart: fewer bins.
    if (bound > (bounds[bounds.length - 1] ?? (sorted[0] as number))) bounds.push(bound)
  }
  const counts = new Float64Array(bounds.length + 1)
  for (const score of sorted) {
    const bin = binOf(bounds, score)
    counts[bin] = (counts[bin] as number) + 1
  }
  return { bounds, shares: Array.from(counts, (count) => count / Math.max(1, sorted.length)) }
}

const binOf = (bounds: ReadonlyArray<number>, score: number): number => {
  let bin = 0
  while (bin < bounds.length && score >= (bounds[bin] as number)) bin++
  return bin
}

/** Watches scores. */
export interface Drift {
  /** Takes a score. */
  readonly observe: (score: number) => void
  /** Scores since the beginning or the last `reset`. */
  readonly count: () => number
  /** The PSI of those; 0 before the first. */
  readonly psi: () => number
  /** Begins a new window. */
  readonly reset: () => void
}

/** Makes a monitor: constant work and memory a score. */
export const make = ({ bounds, shares }: Reference): Drift => {
  const counts = new Float64Array(shares.length)
  let total = 0
  return {
    observe: (score) => {
      const bin = binOf(bounds, score)
      counts[bin] = (counts[bin] as number) + 1
      total++
    },
    count: () => total,
    psi: () => {
      if (total === 0) return 0
      let sum = 0
      for (let i = 0; i < counts.length; i++) {
        // Half an event more in each bin: an empty one is a sign, but not an infinite one.
        const live = ((counts[i] as number) + 0.5) / (total + counts.length / 2)
        const was = Math.max(shares[i] as number, 0.5 / (total + counts.length / 2))
        sum += (live - was) * log(live / was)
      }
      return sum
    },
    reset: () => {
      counts.fill(0)
      total = 0
    }
  }
}
