import { Prng } from "@troupe/clickstream"
import { startMillis } from "./FeedClock.ts"
import * as Weighted from "./Weighted.ts"

/** What people post about. */
export const names = [
  "cats",
  "dogs",
  "football",
  "music",
  "movies",
  "cooking",
  "travel",
  "gaming",
  "fitness",
  "fashion",
  "photography",
  "books",
  "science",
  "space",
  "climate",
  "politics",
  "economy",
  "startups",
  "crypto",
  "ai",
  "robots",
  "cycling",
  "running",
  "hiking",
  "gardening",
  "coffee",
  "tea",
  "baking",
  "wine",
  "pizza",
  "tennis",
  "basketball",
  "chess",
  "poetry",
  "theatre",
  "opera",
  "jazz",
  "techno",
  "anime",
  "comics",
  "design",
  "typography",
  "architecture",
  "trains",
  "planes",
  "cars",
  "sailing",
  "surfing",
  "skiing",
  "climbing",
  "birds",
  "whales",
  "bees",
  "oceans",
  "volcanoes",
  "history",
  "philosophy",
  "languages",
  "maths",
  "memes"
] as const

const exponent = 1.1
/** Share of posts that are about nothing in particular. */
export const noTopicShare = 0.05
/** The most popular topics keep their popularity: in most hours they are on top. */
const steadyRanks = 3
/** Ranks (from 0) that bursts come from: small enough that a burst changes everything, large enough to be seen. */
const burstRanks = { from: 14, to: 50 }
const driftMax = 1.2

const hourMillis = 3_600_000
const dayMillis = 24 * hourMillis
const weekMillis = 7 * dayMillis

/** A topic of which, for a while, there is `factor` times as much. */
export interface Burst {
  readonly topic: string
  readonly fromMillis: number
  /** Exclusive. */
  readonly toMillis: number
  readonly factor: number
}

/** The topics of a seed, the most popular first. */
const ranked = (seed: number): ReadonlyArray<string> => {
  const prng = Prng.make(seed, 2)
  const order: Array<string> = [...names]
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(prng.next() * (i + 1))
    const held = order[i] as string
    order[i] = order[j] as string
    order[j] = held
  }
  return order
}

/** Topics that trend in most hours of a seed's feed, the most popular first. */
export const steady = (seed: number): ReadonlyArray<string> => ranked(seed).slice(0, steadyRanks)

/** The bursts of one week (from 0) of a seed's feed, 4 to 7 of different topics, 1 to 4 hours each, by their beginning. */
export const bursts = (seed: number, week: number): ReadonlyArray<Burst> => {
  const prng = Prng.make(seed, 1_000_000 + week)
  const candidates = ranked(seed).slice(burstRanks.from, burstRanks.to)
  const count = 4 + Math.floor(prng.next() * 4)
  return Array.from({ length: count }, () => {
    const [topic = ""] = candidates.splice(Math.floor(prng.next() * candidates.length), 1)
    const lasts = hourMillis + Math.floor(prng.next() * 3 * hourMillis)
    const fromMillis =
      startMillis + week * weekMillis + Math.floor(prng.next() * (weekMillis - 4 * hourMillis))
    return { topic, fromMillis, toMillis: fromMillis + lasts, factor: 10 + Math.floor(prng.next() * 21) }
  }).sort((a, b) => a.fromMillis - b.fromMillis)
}

/** What is talked about at a moment. */
export interface FeedTopics {
  /** Topics by number, the most popular first; the number after the last means no topic. */
  readonly ranked: ReadonlyArray<string>
  /** The number of a topic at a moment, for a number in [0, 1); moments must not go back. */
  readonly pick: (atMillis: number, u: number) => number
}

/**
 * The topics of a seed: popular by Zipf's law; but for the steady ones each drifts from day to day, up to about three times as popular and
 * down to a third, and comes back; and now and then one bursts.
 */
export const make = (seed: number): FeedTopics => {
  const order = ranked(seed)
  const base = Weighted.zipf(order.length, exponent)
  const prng = Prng.make(seed, 3)
  const drift = new Float64Array(order.length)
  let day = -1
  let week = -1
  let ofWeek: ReadonlyArray<Burst> = []
  let until = Number.NEGATIVE_INFINITY
  let table = Weighted.make(base)

  const nextDay = () => {
    for (let rank = steadyRanks; rank < drift.length; rank++) {
      const step = 0.6 * (prng.next() + prng.next() + prng.next() - 1.5)
      drift[rank] = Math.max(-driftMax, Math.min(driftMax, 0.8 * (drift[rank] as number) + step))
    }
    day++
  }

  /** The table that holds from `atMillis` until the next midnight, or until a burst begins or ends. */
  const tableAt = (atMillis: number) => {
    const wantedDay = Math.floor((atMillis - startMillis) / dayMillis)
    while (day < wantedDay) nextDay()
    if (Math.floor(day / 7) !== week) {
      week = Math.floor(day / 7)
      ofWeek = bursts(seed, week)
    }
    until = startMillis + (day + 1) * dayMillis
    const weights = base.map((weight, rank) => Math.round(weight * Math.exp(drift[rank] as number)))
    const sum = weights.reduce((total, weight) => total + weight, 0)
    for (const { factor, fromMillis, toMillis, topic } of ofWeek) {
      if (fromMillis > atMillis) until = Math.min(until, fromMillis)
      if (fromMillis > atMillis || toMillis <= atMillis) continue
      until = Math.min(until, toMillis)
      const rank = order.indexOf(topic)
      weights[rank] = (weights[rank] as number) * factor
    }
    weights.push(Math.round((sum * noTopicShare) / (1 - noTopicShare)))
    return Weighted.make(weights)
  }

  return {
    ranked: order,
    pick: (atMillis, u) => {
      if (atMillis >= until) table = tableAt(atMillis)
      return table.pick(u)
    }
  }
}
