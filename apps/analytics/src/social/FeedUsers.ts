import { Prng } from "@troupe/clickstream"
import * as Weighted from "./Weighted.ts"

/** People in the feed, named `u1` … `u2000`. */
export const users = 2000

const authorExponent = 0.9
const actorExponent = 0.7
const fameExponent = 0.3

/** Who writes posts and who reacts to them: few of them do most of either, and they are not the same few. */
export interface FeedUsers {
  /** Writer of a post: the number of a user. */
  readonly author: (u: number) => number
  /** Somebody who reacts: the number of a user. */
  readonly actor: (u: number) => number
  /** What a user's name adds to the appeal of a post, 0 … 1: those who write most are known best. */
  readonly fame: (user: number) => number
}

const shuffled = (length: number, prng: Prng.Prng): Uint32Array => {
  const order = Uint32Array.from({ length }, (_, i) => i + 1)
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(prng.next() * (i + 1))
    const held = order[i] as number
    order[i] = order[j] as number
    order[j] = held
  }
  return order
}

/** The population of a seed. */
export const make = (seed: number): FeedUsers => {
  const prng = Prng.make(seed, 1)
  const authors = shuffled(users, prng)
  const actors = shuffled(users, prng)
  const authorRanks = Weighted.make(Weighted.zipf(users, authorExponent))
  const actorRanks = Weighted.make(Weighted.zipf(users, actorExponent))
  const fames = new Float64Array(users + 1)
  for (const [rank, weight] of Weighted.zipf(users, fameExponent).entries()) {
    fames[authors[rank] as number] = weight / 1_000_000
  }
  return {
    author: (u) => authors[authorRanks.pick(u)] as number,
    actor: (u) => actors[actorRanks.pick(u)] as number,
    fame: (user) => fames[user] as number
  }
}
