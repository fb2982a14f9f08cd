import type { Scoring } from "@troupe/intent"

/** Where a session is found: whose it is, and a moment that it holds. */
export interface Place {
  readonly key: string
  readonly timeMillis: number
}

/** Where the last sessions that closed are found. */
export interface LastClosed {
  /** Takes what a step told, in order. */
  readonly take: (outputs: Iterable<Scoring.Output>) => void
  /** Those with a purchase, newest first. Buyers are rare: among all others they would soon be gone. */
  readonly buyers: () => ReadonlyArray<Place>
  /** Those without, newest first. */
  readonly others: () => ReadonlyArray<Place>
}

/** Keeps so many of either kind; one that is named no more is dropped. */
export const make = (most: { readonly buyers: number; readonly others: number }): LastClosed => {
  const buyers = new Map<string, Place>()
  const others = new Map<string, Place>()
  const newest = (places: Map<string, Place>) => [...places.values()].reverse()
  return {
    take: (outputs) => {
      for (const output of outputs) {
        if (output._tag === "Retracted") {
          buyers.delete(output.sessionId)
          others.delete(output.sessionId)
        } else if (output._tag === "Closed") {
          const { key, result, sessionId, startMillis: timeMillis } = output
          const [among, kept] = result.bought ? [buyers, most.buyers] : [others, most.others]
          among.set(sessionId, { key, timeMillis })
          const [oldest] = among.keys()
          if (among.size > kept && oldest !== undefined) among.delete(oldest)
        }
      }
    },
    buyers: () => newest(buyers),
    others: () => newest(others)
  }
}
