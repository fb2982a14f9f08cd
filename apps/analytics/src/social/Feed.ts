/**
 * A seeded social feed: people post, like, think better of it, repost and reply; some lines arrive late, twice or damaged.
 *
 * Topics are popular by Zipf's law and drift from day to day; three trend in most hours (`FeedTopics.steady`), others burst for some hours
 * (`FeedTopics.bursts`). Nights are quiet, weekends differ. A user likes a post only while not liking it, and takes back only what was given.
 */
import * as FeedClock from "./FeedClock.ts"
import * as FeedDelivery from "./FeedDelivery.ts"
import * as FeedEvents from "./FeedEvents.ts"

export { lateMillisMax } from "./FeedDelivery.ts"

/** No line is about a moment further back than this behind the newest moment that any earlier line is about. */
export const behindMillisMax = FeedDelivery.lateMillisMax + FeedDelivery.duplicateMillisMax

/** Days of a feed that ends, unless said otherwise: a month to look back on, and some more. */
export const defaultDays = 35
/** Lines of an average day of a feed without end, unless said otherwise. */
export const defaultEventsPerDay = 20_000

/** Which feed. */
export interface FeedOptions {
  readonly seed: number
  /** Lines to deliver, late, repeated and damaged ones included; without end when absent. */
  readonly events?: number
  /** Whole days that those are spread over; default 35. */
  readonly days?: number
  /** Of a feed without end: lines of an average day; default 20 000. */
  readonly eventsPerDay?: number
  /** First line (from 1) to give out, to go on where a reader stopped; earlier ones are made and dropped. Default 1. */
  readonly fromRow?: number
}

/** Gives the feed's lines one by one in order of arrival, with their time of arrival; `undefined` after the last. */
export const deliveries = (options: FeedOptions): (() => FeedDelivery.Delivery | undefined) => {
  const { days = defaultDays, events, eventsPerDay = defaultEventsPerDay, seed } = options
  if (events !== undefined && !(Number.isSafeInteger(events) && events >= 0)) {
    throw new RangeError(`events must be a whole number of at least 0, not ${events}`)
  }
  if (!(Number.isSafeInteger(days) && days > 0 && eventsPerDay > 0)) {
    throw new RangeError("days must be a whole number above 0, eventsPerDay a number above 0")
  }
  const clock = FeedClock.make(events === undefined ? { eventsPerDay } : { events, days })
  const people = FeedEvents.make(seed)
  return FeedDelivery.make({
    seed,
    lines: events ?? Number.POSITIVE_INFINITY,
    happenings: { at: clock.at, next: people.next, spare: people.reply }
  })
}

/**
 * The feed's lines in chunks of `size` (the last may be smaller), in order of arrival: NDJSON without line ends.
 *
 * The same for the same options on every machine. Holds what is under way and the posts of the last days, however long the feed.
 */
export const chunks = (options: FeedOptions, size = 512): Iterable<ReadonlyArray<string>> => ({
  *[Symbol.iterator]() {
    const next = deliveries(options)
    for (let row = 1; row < (options.fromRow ?? 1); row++) if (next() === undefined) return
    for (;;) {
      const chunk: Array<string> = []
      while (chunk.length < size) {
        const delivery = next()
        if (delivery === undefined) break
        chunk.push(delivery.line)
      }
      if (chunk.length > 0) yield chunk
      if (chunk.length < size) return
    }
  }
})

/** The lines one by one, in the order of `chunks`. */
export const lines = (options: FeedOptions): Iterable<string> => ({
  *[Symbol.iterator]() {
    for (const chunk of chunks(options)) yield* chunk
  }
})
