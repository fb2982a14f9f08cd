import type { Component } from "./SessionState.ts"

/** A moment of event time at which a component is looked at again. */
interface Timer<V> {
  readonly atMillis: number
  readonly component: Component<V>
}

/** A binary heap of timers: the earliest first, then by key, so that what fires together fires in one order. */
export interface TimerHeap<V> {
  readonly push: (atMillis: number, component: Component<V>) => void
  /** The earliest timer's time; `Infinity` for none. */
  readonly nextMillis: () => number
  readonly pop: () => Timer<V> | undefined
}

const before = <V>(a: Timer<V>, b: Timer<V>): boolean =>
  a.atMillis === b.atMillis ? a.component.key < b.component.key : a.atMillis < b.atMillis

/** Makes an empty heap. */
export const make = <V>(): TimerHeap<V> => {
  const timers: Array<Timer<V>> = []
  return {
    nextMillis: () => timers[0]?.atMillis ?? Number.POSITIVE_INFINITY,
    push: (atMillis, component) => {
      const timer = { atMillis, component }
      let at = timers.length
      timers.push(timer)
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (!before(timer, timers[parent] as Timer<V>)) break
        timers[at] = timers[parent] as Timer<V>
        at = parent
      }
      timers[at] = timer
    },
    pop: () => {
      const first = timers[0]
      const moved = timers.pop()
      if (moved === undefined || timers.length === 0) return first
      let at = 0
      for (;;) {
        let child = 2 * at + 1
        if (child >= timers.length) break
        if (child + 1 < timers.length && before(timers[child + 1] as Timer<V>, timers[child] as Timer<V>))
          child++
        if (!before(timers[child] as Timer<V>, moved)) break
        timers[at] = timers[child] as Timer<V>
        at = child
      }
      timers[at] = moved
      return first
    }
  }
}
