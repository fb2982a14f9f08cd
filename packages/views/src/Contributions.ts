/** The pure core of `Explain`: which inputs did something else to a row in one version than in the other. */

import type { Json } from "./CanonicalJson.ts"
import * as CanonicalJson from "./CanonicalJson.ts"

/** What one input did to a row. */
export interface Contribution {
  /** Key of the row. */
  readonly key: string
  /** Sequence of the input in the source topic, the same for both versions, however many stages are between. */
  readonly sequence: number
  /** What it changed in the row, e.g. `{ likes: 1 }`; compared as canonical JSON. */
  readonly effect: Json
}

/** An input that contributed in only one version, or differently. */
export interface Differing {
  readonly sequence: number
  /** What it did in the old version and not in the new one. */
  readonly before: ReadonlyArray<Json>
  /** What it does in the new version and did not in the old one. */
  readonly after: ReadonlyArray<Json>
}

/** Contributions of both versions, those that both have cancelled out. */
export interface Contributions {
  /** In any order: what the other version has too is forgotten at once. */
  readonly add: (side: "before" | "after", contribution: Contribution) => void
  /** The inputs that differ for a key, by sequence. */
  readonly differing: (key: string) => ReadonlyArray<Differing>
}

/** No contributions. It holds those that only one version has said so far. */
export const make = (): Contributions => {
  // By key, then by sequence and effect: how often more in the old version (above 0) or in the new one.
  const surplus = new Map<string, Map<string, number>>()

  return {
    add: (side, { effect, key, sequence }) => {
      const counts = surplus.get(key) ?? new Map<string, number>()
      const what = `${sequence}:${CanonicalJson.stringify(effect)}`
      const count = (counts.get(what) ?? 0) + (side === "before" ? 1 : -1)
      if (count === 0) counts.delete(what)
      else counts.set(what, count)
      if (counts.size === 0) surplus.delete(key)
      else surplus.set(key, counts)
    },
    differing: (key) => {
      const bySequence = new Map<number, { sequence: number; before: Array<Json>; after: Array<Json> }>()
      for (const [what, count] of surplus.get(key) ?? []) {
        const colon = what.indexOf(":")
        const sequence = Number(what.slice(0, colon))
        const differing = bySequence.get(sequence) ?? { sequence, before: [], after: [] }
        bySequence.set(sequence, differing)
        const effect: Json = JSON.parse(what.slice(colon + 1))
        const side = count > 0 ? differing.before : differing.after
        for (let time = 0; time < Math.abs(count); time++) side.push(effect)
      }
      return [...bySequence.values()].sort((a, b) => a.sequence - b.sequence)
    }
  }
}
