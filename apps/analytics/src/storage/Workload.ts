import { Prng } from "@troupe/clickstream"

/** One write: a post's text, or a like that may be taken back; `undefined` deletes. */
export interface Write {
  readonly key: string
  readonly value: string | undefined
}

const postsPerWriter = 200
const usersPerWriter = 50
/** Of a hundred writes: how many are posts; the others are likes, and likes taken back. */
const postsInHundred = 60
const likesInHundred = 25

const postText = (writer: number, index: number, length: number) =>
  `post ${writer}/${index} ${"lorem ipsum dolor ".repeat(8).slice(0, length)}`

/**
 * The writes of one writer, the same for the same seed: posts that are written again and again, likes, and likes taken back.
 * Writers never share a key, so what one has acknowledged says exactly what its keys hold.
 */
export const writes = (seed: number, writer: number, count: number): ReadonlyArray<Write> => {
  const prng = Prng.make(seed, writer)
  const pick = (n: number) => prng.nextUint32() % n
  const liked: Array<string> = []
  const all: Array<Write> = []
  while (all.length < count) {
    const kind = pick(100)
    const post = `w${writer}/post/${String(pick(postsPerWriter)).padStart(4, "0")}`
    if (kind < postsInHundred) {
      all.push({ key: post, value: postText(writer, all.length, 20 + pick(80)) })
    } else if (kind < postsInHundred + likesInHundred || liked.length === 0) {
      const like = `${post.replace("post", "like")}/${String(pick(usersPerWriter)).padStart(3, "0")}`
      liked.push(like)
      all.push({ key: like, value: `like ${all.length}` })
    } else {
      const [like = ""] = liked.splice(pick(liked.length), 1)
      all.push({ key: like, value: undefined })
    }
  }
  return all
}

/** What one writer's keys hold after its first `count` writes. */
export const stateAfter = (all: ReadonlyArray<Write>, count: number): ReadonlyMap<string, string> => {
  const state = new Map<string, string>()
  for (const { key, value } of all.slice(0, count)) {
    if (value === undefined) state.delete(key)
    else state.set(key, value)
  }
  return state
}

/** How many of the first `count` writes put a key that was put before. */
export const overwritesIn = (all: ReadonlyArray<Write>, count: number): number => {
  const seen = new Set<string>()
  let overwrites = 0
  for (const { key, value } of all.slice(0, count)) {
    if (value === undefined) continue
    if (seen.has(key)) overwrites += 1
    seen.add(key)
  }
  return overwrites
}
