/** A name that was counted. */
export interface Estimate {
  readonly name: string
  /** At least the true count, and at most `error` above it. */
  readonly count: number
  readonly error: number
}

/** The most frequent of any number of names, in a fixed number of counters. */
export interface SpaceSaving {
  readonly add: (name: string) => void
  /** The names that are held, the most frequent first. */
  readonly estimates: () => ReadonlyArray<Estimate>
}

/**
 * Counts names with `counters` counters: what is more frequent than one in `counters` is always held, counts are upper bounds.
 *
 * Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k elements in data streams" (2005): a name without a counter takes
 * over the least one, count and all. The least is the root of a heap over typed arrays.
 */
export const make = (counters: number): SpaceSaving => {
  const slots = new Map<string, number>()
  const names: Array<string> = []
  const counts = new Uint32Array(counters)
  const errors = new Uint32Array(counters)
  // `heap[place]` is a slot, `places[slot]` its place.
  const heap = new Uint32Array(counters)
  const places = new Uint32Array(counters)

  const put = (slot: number, place: number): void => {
    heap[place] = slot
    places[slot] = place
  }
  const countAt = (place: number): number => counts[heap[place] as number] as number

  /** A count has grown: its slot goes down until no child is less. */
  const sink = (slot: number): void => {
    const size = names.length
    const count = counts[slot] as number
    let place = places[slot] as number
    for (;;) {
      let child = 2 * place + 1
      if (child >= size) break
      if (child + 1 < size && countAt(child + 1) < countAt(child)) child++
      if (countAt(child) >= count) break
      put(heap[child] as number, place)
      place = child
    }
    put(slot, place)
  }

  /** A new slot begins with a count of 1, less than or equal to any: it goes up. */
  const rise = (slot: number): void => {
    let place = slot
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (countAt(parent) <= 1) break
      put(heap[parent] as number, place)
      place = parent
    }
    put(slot, place)
  }

  const grow = (slot: number): void => {
    counts[slot] = (counts[slot] as number) + 1
    sink(slot)
  }

  return {
    add: (name) => {
      const held = slots.get(name)
      if (held !== undefined) {
        grow(held)
      } else if (names.length < counters) {
        const slot = names.length
        slots.set(name, slot)
        names.push(name)
        counts[slot] = 1
        rise(slot)
      } else {
        const slot = heap[0] as number
        slots.delete(names[slot] as string)
        slots.set(name, slot)
        names[slot] = name
        errors[slot] = counts[slot] as number
        grow(slot)
      }
    },
    estimates: () =>
      names
        .map((name, slot) => ({ name, count: counts[slot] as number, error: errors[slot] as number }))
        .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
  }
}
