import { MinHeap, Prng } from "@troupe/clickstream"
import * as FeedPosts from "./FeedPosts.ts"
import * as FeedTopics from "./FeedTopics.ts"
import * as FeedUsers from "./FeedUsers.ts"
import type { Kind } from "./SocialEvent.ts"

const likeShare = 0.5
const postShare = 0.2
const repostShare = 0.11
/** Share of likes that are taken back, and of those that are given again. */
const undone = 0.16
const redone = 0.2
const undoneMeanMillis = 2 * 3_600_000
const undoneMillisMin = 1000
/** What follows from an earlier like, of all events; the rest is drawn anew. */
const following = likeShare * undone * (1 + redone)
/** Bounds, within what is drawn anew, of posts, likes and reposts; replies are the rest. */
const upToPost = postShare / (1 - following)
const upToLike = upToPost + (likeShare * (1 - undone * redone)) / (1 - following)
const upToRepost = upToLike + repostShare / (1 - following)

/** Share of reactions that are to one's own post. */
const selfShare = 0.03
/** Share of posts whose topic is not spelled as it usually is. */
const spelledOtherwise = 0.04
/** Tries to find what a reaction needs, before it becomes something that needs less. */
const tries = 4

/** A like that is taken back, or given again, when its time has come. */
interface Following {
  readonly dueMillis: number
  readonly kind: "like" | "unlike"
  readonly user: number
  readonly post: FeedPosts.Post
}

/** Makes the events of the feed, one after the other in event time, as JSON text. */
export interface FeedEvents {
  /** What happens at a moment; moments must not go back. */
  readonly next: (atMillis: number) => string
  /** A reply (or, where there is no post yet, a post): of it, no other event depends. */
  readonly reply: (atMillis: number) => string
}

const spellings: ReadonlyArray<(topic: string) => string> = [
  (topic) => topic.slice(0, 1).toUpperCase() + topic.slice(1),
  (topic) => topic.toUpperCase(),
  (topic) => ` ${topic} `
]

/** The events of a seed. */
export const make = (seed: number): FeedEvents => {
  const prng = Prng.make(seed)
  const users = FeedUsers.make(seed)
  const topics = FeedTopics.make(seed)
  const posts = FeedPosts.make(topics.ranked.length + 1)
  const follows = MinHeap.make<Following>((a, b) => a.dueMillis < b.dueMillis)
  let events = 0
  let postsMade = 0

  /** Exactly what `JSON.stringify` gives: no name of the feed needs an escape. */
  const text = (kind: Kind, user: number, post: FeedPosts.Post, atMillis: number): string =>
    `{"id":"e${++events}","kind":"${kind}","user":"u${user}",${post.text}${atMillis}}`

  const spelled = (topic: string): string => {
    if (prng.next() >= spelledOtherwise) return topic
    const spelling = spellings[Math.floor(prng.next() * spellings.length)]
    return spelling === undefined ? topic : spelling(topic)
  }

  const post = (topic: number, atMillis: number): string => {
    const author = users.author(prng.next())
    const name = topics.ranked[topic]
    const about = name === undefined ? "null" : `"${spelled(name)}"`
    const made: FeedPosts.Post = {
      author,
      atMillis,
      // Most posts draw little, few draw much (Pareto), the known authors' more.
      appeal: users.fame(author) * Math.exp(-0.6 * Math.log(1 - prng.next())),
      text: `"post":"p${++postsMade}","author":"u${author}","topic":${about},"at":`,
      likers: new Set()
    }
    posts.add(topic, made)
    return text("post", author, made, atMillis)
  }

  const actorOn = ({ author }: FeedPosts.Post): number => {
    if (prng.next() < selfShare) return author
    for (;;) {
      const user = users.actor(prng.next())
      if (user !== author) return user
    }
  }

  const follow = (kind: "like" | "unlike", user: number, on: FeedPosts.Post, atMillis: number) => {
    const wait = undoneMillisMin + Math.floor(-Math.log(1 - prng.next()) * undoneMeanMillis)
    follows.push({ dueMillis: atMillis + wait, kind, user, post: on })
  }

  const like = (user: number, on: FeedPosts.Post, atMillis: number): string => {
    on.likers.add(user)
    if (prng.next() < undone) follow("unlike", user, on, atMillis)
    return text("like", user, on, atMillis)
  }

  const unlike = (user: number, on: FeedPosts.Post, atMillis: number): string => {
    on.likers.delete(user)
    if (prng.next() < redone) follow("like", user, on, atMillis)
    return text("unlike", user, on, atMillis)
  }

  /** A like by somebody who does not like the post yet; where most do already, a repost. */
  const firstLike = (on: FeedPosts.Post, atMillis: number): string => {
    for (let i = 0; i < tries; i++) {
      const user = actorOn(on)
      if (!on.likers.has(user)) return like(user, on, atMillis)
    }
    return text("repost", actorOn(on), on, atMillis)
  }

  const react = (kind: "like" | "repost" | "reply", atMillis: number): string => {
    let topic = 0
    for (let i = 0; i < tries; i++) {
      topic = topics.pick(atMillis, prng.next())
      const on = posts.choose(topic, atMillis, prng)
      if (on === undefined) continue
      return kind === "like" ? firstLike(on, atMillis) : text(kind, actorOn(on), on, atMillis)
    }
    return post(topic, atMillis)
  }

  return {
    next: (atMillis) => {
      const due = follows.peek()
      if (due !== undefined && due.dueMillis <= atMillis) {
        follows.pop()
        // Meanwhile the same user may have liked it anew.
        if (due.kind === "unlike") return unlike(due.user, due.post, atMillis)
        if (!due.post.likers.has(due.user)) return like(due.user, due.post, atMillis)
      }
      const u = prng.next()
      if (u < upToPost) return post(topics.pick(atMillis, prng.next()), atMillis)
      return react(u < upToLike ? "like" : u < upToRepost ? "repost" : "reply", atMillis)
    },
    reply: (atMillis) => react("reply", atMillis)
  }
}
