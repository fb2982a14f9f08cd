/**
 * The baseline that knows how many events there were and nothing of what they are: the share of buyers among the training
 * sessions that got so far.
 *
 * Whatever does not beat it has learnt that buyers stay longer, and nothing else.
 */
import { doubles, type Parts } from "./Blob.ts"
import type { Model, Scorer } from "./Model.ts"
import * as Training from "./Training.ts"
import { countBuyers, type Trajectory } from "./Trajectory.ts"

/** How many sessions the share at one click fewer counts for: keeps rare lengths from being sure of anything. */
const carriedSessions = 5

/** Counts who reached how many events, up to `mostEvents` (default 155); longer sessions keep the last share. */
export const train = (
  set: ReadonlyArray<Trajectory>,
  { mostEvents = 155 }: { readonly mostEvents?: number } = {}
): Training.Training<Model> =>
  Training.single("length-only", () => {
    const reached = new Float64Array(mostEvents + 1)
    const bought = new Float64Array(mostEvents + 1)
    for (const { label, symbols } of set) {
      for (let n = 1; n <= Math.min(mostEvents, symbols.length); n++) {
        reached[n] = (reached[n] as number) + 1
        bought[n] = (bought[n] as number) + label
      }
    }
    const shares = new Float64Array(mostEvents)
    let before = (countBuyers(set) + 0.5) / (set.length + 1)
    for (let n = 1; n <= mostEvents; n++) {
      before = ((bought[n] as number) + carriedSessions * before) / ((reached[n] as number) + carriedSessions)
      shares[n - 1] = before
    }
    return ofParts({ kind: "length", name: "length-only", meta: {}, arrays: [shares] })
  })

/** The model in a blob's parts. */
export const ofParts = (parts: Parts): Model => {
  const shares = doubles(parts, 0)
  const last = shares.length - 1
  const scorer: Scorer<{ events: number }> = {
    init: () => ({ events: 0 }),
    step: (state) => shares[Math.min(state.events++, last)] ?? 0.5
  }
  return { kind: "length", name: parts.name, parts, scorer: () => scorer }
}
