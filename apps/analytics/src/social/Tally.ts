import type { Kind } from "./SocialEvent.ts"

/** How often each kind of event was counted: the row of every table of the feed. */
export interface Tally {
  posts: number
  likes: number
  /** Likes that were taken back. */
  unlikes: number
  reposts: number
  replies: number
}

/** The fields of a tally, with their types in a batch. */
export const fields = {
  posts: "integer",
  likes: "integer",
  unlikes: "integer",
  reposts: "integer",
  replies: "integer"
} as const

export const names = Object.keys(fields) as ReadonlyArray<keyof Tally>

const fieldOf: Record<Kind, keyof Tally> = {
  post: "posts",
  like: "likes",
  unlike: "unlikes",
  repost: "reposts",
  reply: "replies"
}

export const empty = (): Tally => ({ posts: 0, likes: 0, unlikes: 0, reposts: 0, replies: 0 })

/** Counts an event of a kind, `by` times (−1 takes one back). */
export const count = (tally: Tally, kind: Kind, by = 1): void => {
  tally[fieldOf[kind]] += by
}

/** Adds a tally to another. */
export const add = (sum: Tally, tally: Tally): void => {
  for (const name of names) sum[name] += tally[name]
}

/** What an event of each kind is worth, in tenths of a point: whole numbers, so that sums are exact in any order. */
export const worthTenths: Record<Kind, number> = { post: 10, like: 3, unlike: -3, repost: 7, reply: 5 }

/** What a tally is worth in tenths of a point, by these counts. */
const tenths = (tally: Tally, unlike: number): number =>
  tally.posts * worthTenths.post +
  tally.likes * worthTenths.like +
  tally.unlikes * unlike +
  tally.reposts * worthTenths.repost +
  tally.replies * worthTenths.reply

/** How much is going on: every event counts, an unlike takes its like's worth away. */
export const heatTenths = (tally: Tally): number => tenths(tally, worthTenths.unlike)

/** How much of it stays: likes that were taken back are not counted as likes at all. */
export const influenceTenths = (tally: Tally): number => tenths(tally, 0)
