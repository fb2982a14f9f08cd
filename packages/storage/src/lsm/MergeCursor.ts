import { compareBytes } from "./Bytes.ts"
import { EntryCursor } from "./EntryCursor.ts"

/**
 * Many cursors as one, in internal order: a binary heap of which only the top moves.
 *
 * Sources may hold versions of the same key, never the same version.
 */
export class MergeCursor extends EntryCursor {
  private readonly sources: ReadonlyArray<EntryCursor>
  private readonly heap: Array<EntryCursor> = []
  private readonly sign: number

  constructor(sources: ReadonlyArray<EntryCursor>, reverse: boolean) {
    super()
    this.sources = sources
    this.sign = reverse ? -1 : 1
  }

  first(): void {
    for (const source of this.sources) source.first()
    this.build()
  }

  seek(key: Uint8Array, past: boolean): void {
    for (const source of this.sources) source.seek(key, past)
    this.build()
  }

  next(): void {
    const { heap } = this
    const top = heap[0] as EntryCursor
    top.next()
    if (!top.valid) {
      const last = heap.pop() as EntryCursor
      if (heap.length > 0 && last !== top) heap[0] = last
    }
    this.sink(0)
    this.show()
  }

  private build(): void {
    this.heap.length = 0
    for (const source of this.sources) if (source.valid) this.heap.push(source)
    for (let i = (this.heap.length >>> 1) - 1; i >= 0; i--) this.sink(i)
    this.show()
  }

  private sink(from: number): void {
    const { heap } = this
    let at = from
    for (;;) {
      const left = at * 2 + 1
      if (left >= heap.length) return
      const right = left + 1
      const least =
        right < heap.length && this.before(heap[right] as EntryCursor, heap[left] as EntryCursor)
          ? right
          : left
      if (!this.before(heap[least] as EntryCursor, heap[at] as EntryCursor)) return
      const moved = heap[at] as EntryCursor
      heap[at] = heap[least] as EntryCursor
      heap[least] = moved
      at = least
    }
  }

  private before(left: EntryCursor, right: EntryCursor): boolean {
    const order = compareBytes(
      left.keyBytes,
      left.keyStart,
      left.keyLength,
      right.keyBytes,
      right.keyStart,
      right.keyLength
    )
    return this.sign * (order === 0 ? right.sequence - left.sequence : order) < 0
  }

  private show(): void {
    const top = this.heap[0]
    if (top === undefined) {
      this.valid = false
      return
    }
    this.valid = true
    this.keyBytes = top.keyBytes
    this.keyStart = top.keyStart
    this.keyLength = top.keyLength
    this.valueBytes = top.valueBytes
    this.valueStart = top.valueStart
    this.valueLength = top.valueLength
    this.sequence = top.sequence
    this.timeMillis = top.timeMillis
    this.flags = top.flags
  }
}

/** Cursors over disjoint stretches of keys in ascending order, one after the other, each opened when it is reached. */
export class ChainCursor extends EntryCursor {
  private readonly count: number
  private readonly open: (nth: number) => EntryCursor
  /** The first part whose largest key is `key` or after it; with `past`, only after it. */
  private readonly locate: (key: Uint8Array, past: boolean) => number
  private readonly reverse: boolean
  private nth = -1
  private part: EntryCursor | undefined

  constructor(
    count: number,
    open: (nth: number) => EntryCursor,
    locate: (key: Uint8Array, past: boolean) => number,
    reverse: boolean
  ) {
    super()
    this.count = count
    this.open = open
    this.locate = locate
    this.reverse = reverse
  }

  first(): void {
    this.enter(this.reverse ? this.count - 1 : 0)
    this.part?.first()
    this.settle()
  }

  seek(key: Uint8Array, past: boolean): void {
    const after = this.reverse ? !past : past
    const nth = this.locate(key, after)
    // Down: what the part with the first key after the goal has before it; when none, the part below.
    this.enter(this.reverse ? Math.min(nth, this.count - 1) : nth)
    this.part?.seek(key, past)
    this.settle()
  }

  next(): void {
    this.part?.next()
    this.settle()
  }

  private enter(nth: number): void {
    if (nth !== this.nth || this.part === undefined) {
      this.part = nth >= 0 && nth < this.count ? this.open(nth) : undefined
    }
    this.nth = nth
  }

  private settle(): void {
    while (this.part !== undefined && !this.part.valid) {
      this.enter(this.nth + (this.reverse ? -1 : 1))
      this.part?.first()
    }
    const { part } = this
    this.valid = part !== undefined
    if (part === undefined) return
    this.keyBytes = part.keyBytes
    this.keyStart = part.keyStart
    this.keyLength = part.keyLength
    this.valueBytes = part.valueBytes
    this.valueStart = part.valueStart
    this.valueLength = part.valueLength
    this.sequence = part.sequence
    this.timeMillis = part.timeMillis
    this.flags = part.flags
  }
}
