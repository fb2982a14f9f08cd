import { type Item, messageOf } from "./Envelope.ts"
import type * as Message from "./Message.ts"

interface Entry {
  readonly item: Item
  readonly rank: number
  readonly arrival: number
}

const before = (a: Entry, b: Entry): boolean =>
  a.rank < b.rank || (a.rank === b.rank && a.arrival < b.arrival)

/** A queue by rank, lowest first, and by arrival within a rank. Source: a binary heap (Williams, 1964). */
export class RankedMail {
  private readonly heap: Array<Entry> = []
  private readonly rank: (message: Message.Any) => number
  private arrivals = 0

  constructor(rank: (message: Message.Any) => number) {
    this.rank = rank
  }

  get length(): number {
    return this.heap.length
  }

  push(item: Item): void {
    const { heap } = this
    const entry = { item, rank: this.rank(messageOf(item)), arrival: this.arrivals++ }
    let at = heap.length
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above] as Entry
      if (!before(entry, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = entry
  }

  shift(): Item | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first?.item
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && before(heap[below + 1] as Entry, heap[below] as Entry)) below++
      const child = heap[below] as Entry
      if (!before(child, last)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
    return first.item
  }
}
