import * as TimerHeap from "./TimerHeap.ts"
import * as Watermark from "./Watermark.ts"

/** What is kept of one event. */
export interface Entry<V> {
  readonly timeMillis: number
  readonly eventId: string
  readonly value: V
}

/** Events of one key that no gap divides. Mutable, and owned by the state it is in. */
export interface Component<V> {
  readonly key: string
  /** Time of the first event. */
  start: number
  /** Time of the last event. */
  last: number
  /** Sorted by time, then event id; empty once capped. */
  entries: Array<Entry<V>>
  /** The ids of `entries`, made when there are many. */
  ids: Set<string> | undefined
  /** The fold's state after the first `folded` entries. */
  folding: unknown
  folded: number
  /** The last revision given out; 0 for none. */
  revision: number
  /** The session id that consumers hold at `revision`, if any. */
  shownId: string | undefined
  /** True once a `Closed` or `Corrected` was given out. */
  fired: boolean
  /** True while nothing in time can join. */
  closed: boolean
  /** True when it has too many events to be a person. */
  capped: boolean
  /** True when it was merged away or forgotten: timers skip it. */
  gone: boolean
  /**
   * No forgotten event of the key is later than this. Holds for the first component of a key, whatever it says in others:
   * an event within reach of what may be forgotten is late, so a session is never half of one.
   */
  floor: number
  /** The one timer that counts; others in the heap are stale. */
  timerAt: number
}

/** Where every event went: the sum of all of these is the number of events stepped over. */
export interface Counts {
  /** In a session, now or before it was forgotten. */
  accepted: number
  duplicates: number
  late: number
  nullKey: number
  quarantined: number
}

/** The state of one partition. A step may change it in place and answers it: never use the one you passed in again. */
export interface SessionState<V> {
  watermarkMillis: number
  /** The components of each key, sorted by time, all kept ones and no others. */
  readonly components: Map<string, Array<Component<V>>>
  readonly timers: TimerHeap.TimerHeap<V>
  readonly counts: Counts
}

/** The state before the first event. */
export const initial = <V>(): SessionState<V> => ({
  watermarkMillis: Watermark.none,
  components: new Map(),
  timers: TimerHeap.make(),
  counts: { accepted: 0, duplicates: 0, late: 0, nullKey: 0, quarantined: 0 }
})

/** A component of one event, or of none yet. */
export const makeComponent = <V>(
  key: string,
  start: number,
  last: number,
  entries: Array<Entry<V>>
): Component<V> => ({
  key,
  start,
  last,
  entries,
  ids: undefined,
  folding: undefined,
  folded: 0,
  revision: 0,
  shownId: undefined,
  fired: false,
  closed: false,
  capped: false,
  gone: false,
  floor: Watermark.none,
  timerAt: Number.POSITIVE_INFINITY
})

/** Looking through so few ids is faster than a set. */
const scanMax = 16

/** True when an event with this id is in the component. */
export const has = <V>(component: Component<V>, eventId: string): boolean => {
  const { entries } = component
  if (entries.length <= scanMax) {
    for (const entry of entries) if (entry.eventId === eventId) return true
    return false
  }
  component.ids ??= new Set(entries.map((entry) => entry.eventId))
  return component.ids.has(eventId)
}

/** True when `a` comes before `b` in a session. */
const isBefore = <V>(a: Entry<V>, b: Entry<V>): boolean =>
  a.timeMillis === b.timeMillis ? a.eventId < b.eventId : a.timeMillis < b.timeMillis

/** Puts an entry in its place; what was folded past that place is folded again. */
export const insert = <V>(component: Component<V>, entry: Entry<V>): void => {
  const { entries } = component
  component.ids?.add(entry.eventId)
  if (entry.timeMillis < component.start) component.start = entry.timeMillis
  if (entry.timeMillis > component.last) component.last = entry.timeMillis
  const newest = entries[entries.length - 1]
  if (newest === undefined || isBefore(newest, entry)) {
    entries.push(entry)
    return
  }
  let low = 0
  let high = entries.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(entries[middle] as Entry<V>, entry)) low = middle + 1
    else high = middle
  }
  entries.splice(low, 0, entry)
  if (low < component.folded) {
    component.folding = undefined
    component.folded = 0
  }
}

/** Moves all of `from`, which is later, to the end of `into`. */
export const absorb = <V>(into: Component<V>, from: Component<V>): void => {
  for (const entry of from.entries) {
    if (has(into, entry.eventId)) continue
    into.entries.push(entry)
    into.ids?.add(entry.eventId)
  }
  if (from.last > into.last) into.last = from.last
  from.gone = true
}

/** Sets the timer of a component, unless one that is earlier looks after it anyway. */
export const schedule = <V>(state: SessionState<V>, component: Component<V>, atMillis: number): void => {
  if (component.timerAt <= atMillis) return
  component.timerAt = atMillis
  state.timers.push(atMillis, component)
}

/** Forgets a component. */
export const forget = <V>(state: SessionState<V>, component: Component<V>): void => {
  component.gone = true
  const list = state.components.get(component.key)
  if (list === undefined) return
  const at = list.indexOf(component)
  if (at >= 0) list.splice(at, 1)
  const next = list[at]
  if (next !== undefined) next.floor = Math.max(next.floor, component.floor, component.last)
  if (list.length === 0) state.components.delete(component.key)
}
