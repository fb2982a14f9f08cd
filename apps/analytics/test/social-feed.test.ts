import { createHash } from "node:crypto"
import { Subject } from "@troupe/broker"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"
import * as Feed from "../src/social/Feed.ts"
import * as FeedClock from "../src/social/FeedClock.ts"
import * as FeedTopics from "../src/social/FeedTopics.ts"
import * as RawTopic from "../src/social/RawTopic.ts"
import * as SocialEvent from "../src/social/SocialEvent.ts"

const hour = 3_600_000
const day = 24 * hour
const seeds = Array.from({ length: count({ quick: 1, long: 20 }) }, (_, i) => firstSeed() + i)
const size = 120_000

interface Seen {
  readonly lines: ReadonlyArray<string>
  /** Events with the moment of arrival, in order of arrival, copies too. */
  readonly events: ReadonlyArray<SocialEvent.SocialEvent & { readonly arrives: number }>
  /** First copies only, in event time. */
  readonly once: ReadonlyArray<SocialEvent.SocialEvent>
}

let held: readonly [number, Seen] | undefined

const seen = (seed: number): Seen => {
  if (held?.[0] === seed) return held[1]
  const next = Feed.deliveries({ seed, events: size })
  const lines: Array<string> = []
  const events: Array<SocialEvent.SocialEvent & { arrives: number }> = []
  for (let delivery = next(); delivery !== undefined; delivery = next()) {
    lines.push(delivery.line)
    const parsed = SocialEvent.parse(delivery.line)
    if (Result.isSuccess(parsed)) events.push({ ...parsed.success, arrives: delivery.arrivesMillis })
  }
  const byId = new Map(events.map((event) => [event.id, event]))
  const numbered = (event: SocialEvent.SocialEvent) => Number(event.id.slice(1))
  const once = [...byId.values()].sort((a, b) => numbered(a) - numbered(b))
  const made = { lines, events, once }
  held = [seed, made]
  return made
}

const shareOf = <A>(items: ReadonlyArray<A>, is: (item: A) => boolean): number =>
  items.filter(is).length / items.length

const topicOf = ({ topic }: SocialEvent.SocialEvent) => topic?.trim().toLowerCase() ?? null

const counted = <A>(items: ReadonlyArray<A>): Map<A, number> => {
  const counts = new Map<A, number>()
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1)
  return counts
}

const within = (value: number, [low, high]: readonly [number, number], about: string) => {
  assert.isAtLeast(value, low, about)
  assert.isAtMost(value, high, about)
}

describe("the feed of a seed", () => {
  it("never changes: a run can be made again, on any machine", () => {
    const lines = [...Feed.lines({ seed: 7, events: 20_000 })]
    assert.strictEqual(
      lines[0],
      '{"id":"e2","kind":"post","user":"u1290","post":"p2","author":"u1290","topic":"anime","at":1767571592418}'
    )
    assert.strictEqual(
      createHash("sha256").update(lines.join("\n")).digest("hex"),
      "591c1230510b9967de33e69a5bd1905bf58843d3e80c9267e0cac7af374665c2"
    )
  })

  it("is another for another seed", () => {
    const first = (seed: number) => [...Feed.lines({ seed, events: 50 })].join()
    assert.notStrictEqual(first(1), first(2))
  })

  it("has exactly the lines asked for, within its days", () => {
    for (const events of [0, 1, 2, 3, 100, 511, 512, 513, 9_999]) {
      for (const days of [1, 35]) {
        const lines = [...Feed.lines({ seed: 3, events, days })]
        assert.strictEqual(lines.length, events)
        const end = FeedClock.startMillis + days * day
        for (const line of lines) {
          const event = SocialEvent.parse(line)
          if (Result.isFailure(event)) continue
          within(event.success.at, [FeedClock.startMillis, end - 1], line)
        }
      }
    }
    const { once } = seen(firstSeed())
    const [first, last] = [once[0]?.at ?? 0, once.at(-1)?.at ?? 0]
    assert.isBelow(first, FeedClock.startMillis + hour)
    assert.isAbove(last, FeedClock.startMillis + 35 * day - hour)
  })

  it("goes on at any line as if it had gone on", () => {
    for (const options of [
      { seed: 5, events: 3_000 },
      { seed: 5, eventsPerDay: 900 }
    ]) {
      const whole: Array<string> = []
      for (const line of Feed.lines(options)) if (whole.push(line) === 3_000) break
      for (const fromRow of [1, 2, 511, 1_024, 2_999, 3_000]) {
        const rest: Array<string> = []
        for (const line of Feed.lines({ ...options, fromRow })) {
          if (rest.push(line) === 3_000 - fromRow + 1) break
        }
        assert.deepStrictEqual(rest, whole.slice(fromRow - 1))
      }
    }
    assert.deepStrictEqual([...Feed.lines({ seed: 5, events: 3_000, fromRow: 3_001 })], [])
  })

  it("without end has so many lines an average day", () => {
    const next = Feed.deliveries({ seed: 4, eventsPerDay: 1_000 })
    let arrives = 0
    for (let i = 0; i < 14_000; i++) arrives = next()?.arrivesMillis ?? 0
    within((arrives - FeedClock.startMillis) / day, [13.9, 14.2], "days")
  })
})

describe.each(seeds)("the feed of seed %i", (seed) => {
  it("has the kinds of events in their shares", () => {
    const { once } = seen(seed)
    const share = (kind: SocialEvent.Kind) => shareOf(once, (event) => event.kind === kind)
    within(share("post"), [0.19, 0.22], "posts")
    within(share("like"), [0.48, 0.52], "likes")
    within(share("unlike"), [0.07, 0.09], "unlikes")
    within(share("repost"), [0.09, 0.13], "reposts")
    within(share("reply"), [0.09, 0.13], "replies")
    const reactions = once.filter(({ kind }) => kind !== "post")
    within(
      shareOf(reactions, ({ author, user }) => author === user),
      [0.02, 0.04],
      "to oneself"
    )
    for (const { author, kind, user } of once) if (kind === "post") assert.strictEqual(user, author)
  })

  it("likes only what is not liked, and takes back, two hours later on average, only what is", () => {
    const likes = new Map<string, number>()
    const waits: Array<number> = []
    let again = 0
    const ever = new Set<string>()
    const posts = new Map<string, SocialEvent.SocialEvent>()
    for (const event of seen(seed).once) {
      if (event.kind === "post") {
        posts.set(event.post, event)
        continue
      }
      const { at, author, topic } = posts.get(event.post) ?? event
      assert.isTrue(posts.has(event.post), `${event.id} is about a post that is not there`)
      assert.deepStrictEqual([event.author, event.topic], [author, topic], event.id)
      assert.isAtLeast(event.at, at, event.id)
      const who = `${event.user} ${event.post}`
      if (event.kind === "like") {
        assert.isFalse(likes.has(who), `${event.id} likes again`)
        likes.set(who, event.at)
        if (ever.has(who)) again++
        ever.add(who)
      }
      if (event.kind === "unlike") {
        const liked = likes.get(who)
        assert.isDefined(liked, `${event.id} takes back what was not given`)
        waits.push(event.at - (liked ?? 0))
        likes.delete(who)
      }
    }
    within(waits.reduce((sum, wait) => sum + wait, 0) / waits.length / hour, [1.8, 2.3], "hours")
    assert.isAbove(Math.min(...waits), 0)
    within(again / waits.length, [0.15, 0.25], "liked again")
  })

  it("arrives in time but for the late, and some of it twice", () => {
    const { events } = seen(seed)
    const first = new Map<string, number>()
    const lateness: Array<number> = []
    let copies = 0
    let before = 0
    for (const { arrives, at, id } of events) {
      assert.isAtLeast(arrives, before)
      before = arrives
      const known = first.get(id)
      if (known === undefined) {
        first.set(id, arrives)
        lateness.push(arrives - at)
        continue
      }
      copies++
      within(arrives - known, [1, hour], `the copy of ${id}`)
    }
    within(copies / first.size, [0.025, 0.035], "twice")
    within(
      shareOf(lateness, (wait) => wait > 30_000),
      [0.075, 0.085],
      "late"
    )
    within(Math.max(...lateness.slice(-50_000)), [Feed.lateMillisMax / 2, Feed.lateMillisMax], "latest")
    assert.isAtLeast(Math.min(...lateness.slice(-50_000)), 0)
  })

  it("is never further behind a partition's watermark than it says", () => {
    const watermarks = new Map<number, number>()
    let behindMost = 0
    for (const { at, author } of seen(seed).events) {
      const partition = Subject.partitionOf(author, RawTopic.partitions)
      const watermark = watermarks.get(partition) ?? Number.NEGATIVE_INFINITY
      behindMost = Math.max(behindMost, watermark - at)
      watermarks.set(partition, Math.max(watermark, at - 120_000))
    }
    within(behindMost, [hour, Feed.behindMillisMax], "behind")
  })

  it("has lines that are no events, one in a thousand, and every other is exactly as JSON has it", () => {
    const { lines } = seen(seed)
    const form =
      /^\{"id":"e\d+","kind":"(post|like|unlike|repost|reply)","user":"u\d+","post":"p\d+","author":"u\d+","topic":(null|"[ A-Za-z]+"),"at":\d+\}$/
    let refused = 0
    for (const line of lines) {
      const parsed = SocialEvent.parse(line)
      assert.strictEqual(Result.isSuccess(parsed), form.test(line), line)
      if (Result.isSuccess(parsed)) assert.strictEqual(JSON.stringify(parsed.success), line)
      else refused++
    }
    within(refused / lines.length, [0.0006, 0.0014], "refused")
  })

  it("is about topics by Zipf's law, spelled in several ways, or about none", () => {
    const { once } = seen(seed)
    const posts = once.filter(({ kind }) => kind === "post")
    within(
      shareOf(posts, ({ topic }) => topic === null),
      [0.04, 0.06],
      "about nothing"
    )
    const named = posts.filter(({ topic }) => topic !== null)
    within(
      shareOf(named, (event) => event.topic !== topicOf(event)),
      [0.03, 0.05],
      "spelled otherwise"
    )
    const counts = [...counted(once.map(topicOf)).entries()].filter(([topic]) => topic !== null)
    counts.sort((a, b) => b[1] - a[1])
    assert.strictEqual(counts.length, FeedTopics.names.length)
    // The slope of log(count) over log(rank), by least squares.
    const points = counts.slice(0, 40).map(([, n], i) => [Math.log(i + 1), Math.log(n)] as const)
    const mean = (of: (point: readonly [number, number]) => number) =>
      points.reduce((sum, point) => sum + of(point), 0) / points.length
    const [x, y] = [mean((p) => p[0]), mean((p) => p[1])]
    const slope = mean((p) => (p[0] - x) * (p[1] - y)) / mean((p) => (p[0] - x) ** 2)
    within(-slope, [0.9, 1.3], "exponent")
  })

  it("has topics whose popularity changes by the day, and a few that are on top in most hours", () => {
    const { once } = seen(seed)
    const byHour = new Map<number, Array<string>>()
    const byDay = new Map<string, Map<number, number>>()
    for (const event of once) {
      const topic = topicOf(event)
      if (topic === null) continue
      const inHour = byHour.get(Math.floor(event.at / hour)) ?? []
      byHour.set(Math.floor(event.at / hour), inHour)
      inHour.push(topic)
      const days = byDay.get(topic) ?? new Map<number, number>()
      byDay.set(topic, days)
      days.set(Math.floor(event.at / day), (days.get(Math.floor(event.at / day)) ?? 0) + 1)
    }
    const onTop = counted(
      [...byHour.values()].flatMap((topics) =>
        [...counted(topics).entries()]
          .sort((a, b) => b[1] - a[1])
          .slice(0, 5)
          .map(([topic]) => topic)
      )
    )
    const often = [...onTop.entries()].filter(([, hours]) => hours > 0.7 * byHour.size)
    for (const topic of FeedTopics.steady(seed))
      assert.include(
        often.map(([name]) => name),
        topic
      )
    within(often.length, [3, 5], "often on top")
    const ratio = (topic: string) => {
      const days = [...(byDay.get(topic)?.values() ?? [])].sort((a, b) => a - b)
      return (days.at(-4) ?? 0) / (days[3] ?? 1)
    }
    const ratios = [...byDay.keys()].map((topic) => [topic, ratio(topic)] as const)
    const drifting = ratios.filter(([topic]) => !FeedTopics.steady(seed).includes(topic))
    assert.isAbove(
      shareOf(drifting, ([, r]) => r > 2),
      0.8
    )
    for (const topic of FeedTopics.steady(seed)) assert.isBelow(ratio(topic), 2, topic)
  })

  it("has several bursts a week, each for some hours and far above what the topic had before", () => {
    const { once } = seen(seed)
    const share = (topic: string, from: number, to: number) => {
      const then = once.filter(({ at }) => at >= from && at < to)
      return [shareOf(then, (event) => topicOf(event) === topic), then.length] as const
    }
    const multiples: Array<number> = []
    for (let week = 0; week < 5; week++) {
      const bursts = FeedTopics.bursts(seed, week)
      within(bursts.length, [4, 7], `bursts of week ${week}`)
      for (const { factor, fromMillis, toMillis, topic } of bursts) {
        within((toMillis - fromMillis) / hour, [1, 4], "hours")
        within(factor, [10, 30], "factor")
        const [during, events] = share(topic, fromMillis, toMillis)
        const [before] = share(topic, fromMillis - day, fromMillis)
        if (week > 0 && events > 200 && before > 0) multiples.push(during / before / factor)
      }
    }
    multiples.sort((a, b) => a - b)
    assert.isAbove(multiples.length, 10)
    within(multiples[Math.floor(multiples.length / 2)] ?? 0, [0.5, 1.2], "of the factor, in the middle")
  })

  it("is quiet at night, busy in the evening, and different at weekends", () => {
    const { once } = seen(seed)
    const hours = (ofDay: (day: number) => boolean) => {
      const counts = new Array<number>(24).fill(0)
      for (const { at } of once) {
        if (ofDay(Math.floor((at - FeedClock.startMillis) / day) % 7)) {
          const at24 = Math.floor(at / hour) % 24
          counts[at24] = (counts[at24] ?? 0) + 1
        }
      }
      const most = Math.max(...counts)
      return counts.map((n) => n / most)
    }
    const onWeekdays = hours((d) => d < 5)
    const atWeekends = hours((d) => d >= 5)
    within(Math.min(...onWeekdays), [0.22, 0.28], "night")
    within(onWeekdays[20] ?? 0, [0.97, 1], "evening")
    assert.isAbove((onWeekdays[7] ?? 0) - (atWeekends[7] ?? 0), 0.1)
    assert.isAbove((atWeekends[23] ?? 0) - (onWeekdays[23] ?? 0), 0.07)
  })

  it("has few users who do much, and influential authors", () => {
    const { once } = seen(seed)
    const top = (names: ReadonlyArray<string>, n: number) =>
      [...counted(names).values()]
        .sort((a, b) => b - a)
        .slice(0, n)
        .reduce((sum, times) => sum + times, 0) / names.length
    const posts = once.filter(({ kind }) => kind === "post")
    const reactions = once.filter(({ kind }) => kind !== "post")
    within(new Set(once.map(({ user }) => user)).size, [1_800, 2_000], "users")
    within(
      top(
        posts.map(({ user }) => user),
        20
      ),
      [0.2, 0.45],
      "of the posts"
    )
    within(
      top(
        reactions.map(({ user }) => user),
        20
      ),
      [0.1, 0.3],
      "of the reactions"
    )
    assert.isAbove(
      top(
        reactions.map(({ author }) => author),
        20
      ),
      top(
        posts.map(({ user }) => user),
        20
      ) + 0.02,
      "reactions to the best known"
    )
  })

  it("has reactions to recent posts, most of them to few", () => {
    const { once } = seen(seed)
    const posted = new Map(once.filter(({ kind }) => kind === "post").map(({ at, post }) => [post, at]))
    const reactions = once.filter(({ kind }) => kind === "repost" || kind === "reply")
    const ages = reactions.map(({ at, post }) => at - (posted.get(post) ?? 0)).sort((a, b) => a - b)
    assert.isAtMost(ages.at(-1) ?? 0, 3 * day)
    assert.isBelow(ages[Math.floor(ages.length / 2)] ?? 0, 12 * hour)
    const byPost = [...counted(reactions.map(({ post }) => post)).values()].sort((a, b) => b - a)
    const tenth = byPost.slice(0, Math.ceil(posted.size / 10)).reduce((sum, n) => sum + n, 0)
    assert.isAbove(tenth / reactions.length, 0.3)
  })
})
