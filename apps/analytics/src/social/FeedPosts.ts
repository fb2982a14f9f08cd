import type { Prng } from "@troupe/clickstream"

/** Recent posts of one topic that are remembered; older ones get no more reactions. */
const remembered = 256
const ageMillisMax = 72 * 3_600_000
/** At this age a post draws half of what it drew at first. */
const halfMillis = 6 * 3_600_000
const candidates = 4

/** A post as long as anybody may react to it. */
export interface Post {
  readonly author: number
  readonly atMillis: number
  /** How much it draws, beside its age. */
  readonly appeal: number
  /** Everything of an event's text between the acting user and the time: the same for every reaction. */
  readonly text: string
  /** Who likes it now. */
  readonly likers: Set<number>
}

/** The posts of the last days, by topic: so many as reactions can choose from, and no more. */
export interface FeedPosts {
  readonly add: (topic: number, post: Post) => void
  /** A post of the topic, drawn by appeal and age; `undefined` when it has none of the last three days. */
  readonly choose: (topic: number, atMillis: number, prng: Prng.Prng) => Post | undefined
}

/** No posts yet. */
export const make = (topics: number): FeedPosts => {
  const rings = Array.from({ length: topics }, (): Array<Post> => [])
  const added = new Float64Array(topics)
  const drawn: Array<Post> = []
  const weights = new Float64Array(candidates)

  return {
    add: (topic, post) => {
      const ring = rings[topic] as Array<Post>
      const count = added[topic] as number
      ring[count % remembered] = post
      added[topic] = count + 1
    },
    choose: (topic, atMillis, prng) => {
      const ring = rings[topic] as Array<Post>
      const newest = (added[topic] as number) - 1
      if (newest < 0) return undefined
      let total = 0
      drawn.length = 0
      for (let i = 0; i < candidates; i++) {
        const u = prng.next()
        // The square prefers the newest.
        const post = ring[(newest - Math.floor(u * u * ring.length)) % remembered] as Post
        const age = atMillis - post.atMillis
        if (age > ageMillisMax) continue
        total += post.appeal / (1 + age / halfMillis)
        weights[drawn.length] = total
        drawn.push(post)
      }
      const wanted = prng.next() * total
      for (const [i, post] of drawn.entries()) if (wanted < (weights[i] as number)) return post
      return drawn.at(-1)
    }
  }
}
