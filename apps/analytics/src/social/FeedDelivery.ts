import { MinHeap, Prng } from "@troupe/clickstream"

const jitterMillisMax = 30_000
/** Share of events that arrive late, and how late they are. */
const lateShare = 0.08
const lateMillisMin = 120_000
/** An event's first copy arrives at most this long after it happened. */
export const lateMillisMax = 7_200_000
/** Share of events that arrive a second time. */
const twiceShare = 0.03
/** The second copy arrives at most this long after the first. */
export const duplicateMillisMax = 3_600_000
/** Share of lines that are damaged on their way. */
const damagedShare = 0.001

/** A line of the feed, and when it arrives. */
export interface Delivery {
  readonly line: string
  readonly arrivesMillis: number
}

interface Underway extends Delivery {
  readonly order: number
}

/** What may happen to a line, each of which leaves no event. */
const damages: ReadonlyArray<(line: string, u: number) => string> = [
  (line, u) => line.slice(0, 1 + Math.floor(u * (line.length - 1))),
  (line) => line.replace(/"at":(\d+)/, '"at":"$1"'),
  (line) => line.replace(/"author":"[^"]*",/, ""),
  (line) => line.replace('"at":', '"at":-'),
  (line) => line.replace(/"kind":"[^"]*"/, '"kind":"poke"'),
  () => "504 Gateway Time-out"
]

/** What happens: an event's time, and the text of what happens then. */
export interface Happenings {
  /** The moment of a position among the lines; positions come in order. */
  readonly at: (position: number) => number
  readonly next: (atMillis: number) => string
  /** An event on which no other depends: of these some are damaged. */
  readonly spare: (atMillis: number) => string
}

/**
 * The way from where things happen to where they are read: most lines arrive within seconds, some late, some twice, some damaged.
 *
 * Answers the lines in order of arrival, `lines` of them, then `undefined`. Holds those that are under way, and no others.
 */
export const make = (options: {
  readonly seed: number
  readonly lines: number
  readonly happenings: Happenings
}): (() => Delivery | undefined) => {
  const { happenings, lines } = options
  const prng = Prng.make(options.seed, 4)
  const underway = MinHeap.make<Underway>((a, b) =>
    a.arrivesMillis === b.arrivesMillis ? a.order < b.order : a.arrivesMillis < b.arrivesMillis
  )
  let sent = 0
  let reached = Number.NEGATIVE_INFINITY

  const send = (line: string, arrivesMillis: number) => underway.push({ line, arrivesMillis, order: sent++ })

  const delay = (): number => {
    if (prng.next() < lateShare) {
      return lateMillisMin + Math.floor(prng.next() * (lateMillisMax - lateMillisMin + 1))
    }
    const u = prng.next()
    return Math.floor(u * u * jitterMillisMax)
  }

  const sendNext = () => {
    reached = happenings.at(sent + prng.next())
    const arrives = reached + delay()
    if (prng.next() < damagedShare) {
      const damage = damages[Math.floor(prng.next() * damages.length)] as (typeof damages)[number]
      send(damage(happenings.spare(reached), prng.next()), arrives)
      return
    }
    const line = happenings.next(reached)
    send(line, arrives)
    if (prng.next() < twiceShare && sent < lines) {
      send(line, arrives + 1 + Math.floor(prng.next() * duplicateMillisMax))
    }
  }

  return () => {
    // Whatever is still to happen arrives at `reached` or later: who arrives by then is the next for certain.
    while (sent < lines && (underway.peek()?.arrivesMillis ?? Number.POSITIVE_INFINITY) > reached) sendNext()
    return underway.pop()
  }
}
