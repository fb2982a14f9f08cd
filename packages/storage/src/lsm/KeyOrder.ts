import { type Memtable, MemtableView } from "./Memtable.ts"

const digitBits = 16
const buckets = 1 << digitBits
/** Below this many keys comparing costs less than counting 65 536 buckets three times. */
const comparingMax = 2048
/** A tail longer than this, and than an eighth of the run, is merged into the run. */
const tailMax = 1024

/**
 * Numbers of the keys `[from, to)` of a memtable in the order of the keys.
 *
 * A radix sort over the six bytes after the common prefix, three digits of 16 bits; what is equal in those is compared.
 */
export const sortKeys = (view: MemtableView, from: number, to: number): Uint32Array<ArrayBuffer> => {
  const count = to - from
  const order = new Uint32Array(count)
  for (let i = 0; i < count; i++) order[i] = from + i
  if (count <= comparingMax) return order.sort((left, right) => view.compare(left, right))
  const prefix = sharedPrefix(view, from, to)
  const high = new Uint16Array(count)
  const middle = new Uint16Array(count)
  const low = new Uint16Array(count)
  const { arena } = view
  for (let i = 0; i < count; i++) {
    const start = view.keyStart(from + i) + prefix
    const end = view.keyStart(from + i) + view.keyLength(from + i)
    const byte = (nth: number): number => (start + nth < end ? (arena[start + nth] as number) : 0)
    high[i] = (byte(0) << 8) | byte(1)
    middle[i] = (byte(2) << 8) | byte(3)
    low[i] = (byte(4) << 8) | byte(5)
  }
  let sorted = order
  let other = new Uint32Array(count)
  for (const digits of [low, middle, high]) {
    countingSort(sorted, other, digits, from)
    const swapped = sorted
    sorted = other
    other = swapped
  }
  const same = (left: number, right: number): boolean =>
    high[left - from] === high[right - from] &&
    middle[left - from] === middle[right - from] &&
    low[left - from] === low[right - from]
  for (let begin = 0; begin < count; ) {
    let end = begin + 1
    while (end < count && same(sorted[begin] as number, sorted[end] as number)) end++
    if (end - begin > 1) sorted.subarray(begin, end).sort((left, right) => view.compare(left, right))
    begin = end
  }
  return sorted
}

const sharedPrefix = (view: MemtableView, from: number, to: number): number => {
  const { arena } = view
  const start = view.keyStart(from)
  let shared = view.keyLength(from)
  for (let id = from + 1; id < to && shared > 0; id++) {
    const other = view.keyStart(id)
    const length = Math.min(shared, view.keyLength(id))
    let i = 0
    while (i < length && arena[start + i] === arena[other + i]) i++
    shared = i
  }
  return shared
}

const countingSort = (from: Uint32Array, into: Uint32Array, digits: Uint16Array, base: number): void => {
  const starts = new Uint32Array(buckets + 1)
  for (const digit of digits) {
    const next = digit + 1
    starts[next] = (starts[next] as number) + 1
  }
  for (let i = 1; i <= buckets; i++) starts[i] = (starts[i] as number) + (starts[i - 1] as number)
  for (let i = 0; i < from.length; i++) {
    const id = from[i] as number
    const digit = digits[id - base] as number
    const at = starts[digit] as number
    starts[digit] = at + 1
    into[at] = id
  }
}

/**
 * The order of a memtable that still grows: a sorted run and a short sorted tail, made when a scan asks.
 *
 * Runs never change once they are made, so a cursor may go on with the ones it got.
 */
export class KeyOrder {
  private readonly memtable: Memtable
  private run = new Uint32Array(0)
  private tail = new Uint32Array(0)
  private sortedTo = 0

  constructor(memtable: Memtable) {
    this.memtable = memtable
  }

  /** The present keys as one or two sorted runs, and a view that shows their versions. */
  runs(): { readonly view: MemtableView; readonly runs: ReadonlyArray<Uint32Array> } {
    const view = new MemtableView(this.memtable.shared)
    const { keyCount } = view
    if (keyCount > this.sortedTo) {
      const begin = this.run.length
      const tail = keyCount - begin
      if (tail > tailMax && tail > begin / 8) {
        this.run = merge(view, this.run, sortKeys(view, begin, keyCount))
        this.tail = new Uint32Array(0)
      } else {
        this.tail = sortKeys(view, begin, keyCount)
      }
      this.sortedTo = keyCount
    }
    return { view, runs: this.tail.length === 0 ? [this.run] : [this.run, this.tail] }
  }
}

const merge = (view: MemtableView, left: Uint32Array, right: Uint32Array): Uint32Array<ArrayBuffer> => {
  const out = new Uint32Array(left.length + right.length)
  let l = 0
  let r = 0
  for (let i = 0; i < out.length; i++) {
    const fromLeft =
      r === right.length || (l < left.length && view.compare(left[l] as number, right[r] as number) < 0)
    out[i] = (fromLeft ? left[l++] : right[r++]) as number
  }
  return out
}
