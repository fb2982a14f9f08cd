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
  private readonly refuse: (item: Item, defect: unknown) => void
  private arrivals = 0

  /** `refuse` gets what has no rank, and why. */
  constructor(rank: (message: Message.Any) => number, refuse: (item: Item, defect: unknown) => void) {
    this.rank = rank
    this.refuse = refuse
  }

  get length(): number {
    return this.heap.length
  }

  push(item: Item): void {
    const rank = this.rankOf(item)
    if (rank !== undefined) this.insert({ item, rank, arrival: this.arrivals++ })
  }

  private rankOf(item: Item): number | undefined {
    const message = messageOf(item)
    // It is the user's code, and whoever lets this message in has others to let in.
    try {
      const rank = this.rank(message)
      if (!Number.isNaN(rank)) return rank
      this.refuse(item, new RangeError(`Mailbox.priority: the rank of ${message._tag} is NaN`))
    } catch (defect) {
      this.refuse(item, defect)
    }
    return undefined
  }

  private insert(entry: Entry): void {
    const { heap } = this
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
