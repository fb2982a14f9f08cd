/**
 * A seeded shopper simulator: an endless or bounded sequence of click events that is the same for the same options.
 *
 * Sessions begin by a Poisson process whose rate follows the hours of the day, and run beside each other. Each walks a
 * chain of its own (buyers and others differ) with the gaps of its profile, all shorter than 30 minutes.
 */
import * as Stream from "effect/Stream"
import type { ClickEvent } from "./ClickEvent.ts"
import * as MinHeap from "./MinHeap.ts"
import * as Prng from "./Prng.ts"
import * as Shopper from "./Shopper.ts"
import { merchandiseShop, type ShopperProfile } from "./ShopperProfile.ts"

/** Some events come out later than they happened; each waits for a time drawn evenly between the two bounds. */
export interface Delayed {
  /** Share of the events, 0 … 1. */
  readonly fraction: number
  readonly minDelayMillis: number
  readonly maxDelayMillis: number
}

/** What to simulate. */
export interface SimulatorOptions {
  readonly seed: number
  /** Time of the first moment simulated; default 2024-01-01T00:00:00Z. */
  readonly startMillis?: number
  /** Ends after this many sessions; default: none, the sequence is endless unless `events` bounds it. */
  readonly sessions?: number
  /** Ends after this many distinct events; duplicates and delayed ones still come out. */
  readonly events?: number
  /** Sessions that begin on an average day; default 2 400. */
  readonly sessionsPerDay?: number
  /** Share of sessions begun by a shopper seen before (among the last 1 000); default 0.09. */
  readonly returning?: number
  /** Share of sessions with a purchase; default the profile's. */
  readonly conversion?: number
  /** Products of the shop; default 500. */
  readonly products?: number
  readonly profile?: ShopperProfile
  /** Events that come out of order but in reasonable time. */
  readonly outOfOrder?: Delayed
  /** Events that come too late for a watermark. */
  readonly late?: Delayed
  /** Events that come out a second time, unchanged but for `row`. */
  readonly duplicates?: Delayed
  /** First row to give out, to go on where a run stopped; default 1. Earlier ones are made and dropped. */
  readonly fromRow?: number
}

const dayMillis = 86_400_000
const hourMillis = 3_600_000

/** Makes the events in event time: appends the next one to `into`; false at the end. */
const inEventTime = (options: SimulatorOptions): ((into: Array<ClickEvent>) => boolean) => {
  const profile = options.profile ?? merchandiseShop
  const { seed } = options
  const conversion = options.conversion ?? profile.conversion
  const returning = options.returning ?? 0.09
  const maxSessions = options.sessions ?? Number.POSITIVE_INFINITY
  const tables = Shopper.tables(profile, seed, Math.max(1, options.products ?? 500))
  const arrivals = Prng.make(seed)
  const open = MinHeap.make<Shopper.Shopper>((a, b) =>
    a.nextMillis === b.nextMillis ? a.ordinal < b.ordinal : a.nextMillis < b.nextMillis
  )
  const weight = profile.hours.reduce((sum, hour) => sum + hour, 0)
  const perDay = options.sessionsPerDay ?? 2400
  if (!(weight > 0 && perDay > 0)) {
    throw new RangeError(
      "sessionsPerDay and the sum of the profile's hours must be above 0: nobody would ever come"
    )
  }
  const perMillis = profile.hours.map((hour) => (perDay * hour) / weight / hourMillis)

  let clock = options.startMillis ?? Date.UTC(2024, 0, 1)
  let sessions = 0
  let visitors = 0
  let left = options.events ?? Number.POSITIVE_INFINITY

  /** Moves `clock` to the next beginning of a session: exact for a rate that is constant within each hour. */
  const nextArrival = () => {
    for (;;) {
      const rate = perMillis[Math.floor((((clock % dayMillis) + dayMillis) % dayMillis) / hourMillis)] ?? 0
      const hourEnd = (Math.floor(clock / hourMillis) + 1) * hourMillis
      const wait = rate > 0 ? -Math.log(1 - arrivals.next()) / rate : Number.POSITIVE_INFINITY
      if (clock + wait < hourEnd) {
        clock += wait
        return
      }
      clock = hourEnd
    }
  }
  nextArrival()

  return (into) => {
    if (left <= 0) return false
    left--
    const next = open.peek()
    if (sessions < maxSessions && (next === undefined || Math.floor(clock) <= next.nextMillis)) {
      const back = arrivals.next() < returning && visitors > 0
      const visitor = back
        ? visitors - 1 - Math.floor(arrivals.next() * Math.min(visitors, 1000))
        : visitors++
      const shopper = Shopper.start(tables, {
        seed,
        ordinal: sessions++,
        key: Shopper.hash16(seed, 1, visitor),
        visitNumber: back ? 2 : 1,
        startMillis: Math.floor(clock),
        conversion
      })
      if (shopper.step(into)) open.push(shopper)
      nextArrival()
      return true
    }
    if (next === undefined) return false
    if (next.step(into)) open.settle()
    else open.pop()
    return true
  }
}

/** An event under way to the one who reads it. */
interface Arrival {
  readonly atMillis: number
  readonly order: number
  readonly event: ClickEvent
}

/** Makes the events in the order of arrival: appends to `into` what arrives next; false at the end. */
const inArrivalOrder = (options: SimulatorOptions): ((into: Array<ClickEvent>) => boolean) => {
  const next = inEventTime(options)
  const { duplicates, late, outOfOrder } = options
  if (duplicates === undefined && late === undefined && outOfOrder === undefined) return next

  const prng = Prng.make(options.seed, -1)
  const delay = (delayed: Delayed | undefined): number => {
    if (delayed === undefined || prng.next() >= delayed.fraction) return 0
    const { maxDelayMillis, minDelayMillis } = delayed
    return minDelayMillis + prng.next() * (maxDelayMillis - minDelayMillis)
  }
  const underway = MinHeap.make<Arrival>((a, b) =>
    a.atMillis === b.atMillis ? a.order < b.order : a.atMillis < b.atMillis
  )
  let order = 0
  const send = (event: ClickEvent, after: number) =>
    underway.push({ atMillis: event.timeMillis + after, order: order++, event })
  const made: Array<ClickEvent> = []
  let reached = Number.NEGATIVE_INFINITY
  let ended = false

  return (into) => {
    // Whatever is still made happens at `reached` or later: an earlier arrival is the next one for certain.
    while (!ended && !((underway.peek()?.atMillis ?? Number.POSITIVE_INFINITY) < reached)) {
      if (!next(made)) {
        ended = true
        break
      }
      const event = made.pop() as ClickEvent
      reached = event.timeMillis
      send(event, delay(late) || delay(outOfOrder))
      const again = delay(duplicates)
      if (again > 0) send(event, again)
    }
    const first = underway.pop()
    if (first === undefined) return false
    // A copy: a duplicate has a row of its own.
    into.push({ ...first.event })
    return true
  }
}

/**
 * The events in chunks of `size` (default 1 024; the last may be smaller), in the order in which they arrive: event
 * time, but for what `outOfOrder`, `late` and `duplicates` delay. `row` counts them from 1. About a million events a
 * second on one core.
 */
export const chunks = (options: SimulatorOptions, size = 1024): Iterable<ReadonlyArray<ClickEvent>> => ({
  *[Symbol.iterator]() {
    const next = inArrivalOrder(options)
    const fromRow = options.fromRow ?? 1
    let row = 0
    let more = true
    while (more) {
      const chunk: Array<ClickEvent> = []
      while (chunk.length < size) {
        more = next(chunk)
        if (!more) break
        row++
        if (row < fromRow) chunk.pop()
        else numberRow(chunk, row)
      }
      if (chunk.length > 0) yield chunk
    }
  }
})

/** Sets the row of the newest event; it belongs to nobody else yet. */
const numberRow = (chunk: Array<ClickEvent>, row: number): void => {
  const event = chunk[chunk.length - 1] as { row: number }
  event.row = row
}

/** The events one by one, in the order of `chunks`. */
export const events = (options: SimulatorOptions): Iterable<ClickEvent> => ({
  *[Symbol.iterator]() {
    for (const chunk of chunks(options, 256)) yield* chunk
  }
})

/** The events as a stream whose arrays are the chunks of `chunks`. */
export const stream = (options: SimulatorOptions, size = 1024): Stream.Stream<ClickEvent> =>
  Stream.flattenIterable(Stream.fromIterable(chunks(options, size), { chunkSize: 1 }))
