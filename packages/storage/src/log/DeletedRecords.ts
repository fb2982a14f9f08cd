/** Which records of one segment are deleted but still in its file: a bit for each sequence from the segment's first on. */
export class DeletedRecords {
  /** How many. */
  count = 0
  readonly baseSequence: number
  private words = new Uint32Array(32)
  /** No bit is set in words from here on. */
  private end = 0

  constructor(baseSequence: number) {
    this.baseSequence = baseSequence
  }

  /** The bits, without zeroes at the end. */
  get bits(): Uint32Array {
    return this.words.subarray(0, this.end)
  }

  has(sequence: number): boolean {
    const at = sequence - this.baseSequence
    return ((this.words[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0
  }

  /** True when one of `[from, to)` is deleted. */
  anyIn(from: number, to: number): boolean {
    const last = Math.min(to - this.baseSequence, this.end * 32) - 1
    for (let at = Math.max(0, from - this.baseSequence); at <= last; ) {
      if ((at & 31) === 0 && at + 31 <= last && this.words[at >>> 5] === 0) at += 32
      else if (((this.words[at >>> 5] as number) & (1 << (at & 31))) !== 0) return true
      else at++
    }
    return false
  }

  /** Deletes `first` to `last`; `fresh` hears each run of those that were not deleted before. */
  add(first: number, last: number, fresh?: (first: number, last: number) => void): void {
    let run = -1
    const from = first - this.baseSequence
    const to = last - this.baseSequence
    this.grow((to >>> 5) + 1)
    for (let at = from; at <= to; at++) {
      const word = this.words[at >>> 5] as number
      const bit = 1 << (at & 31)
      if ((word & bit) === 0) {
        this.words[at >>> 5] = word | bit
        this.count++
        if (run < 0) run = at
      } else if (run >= 0) {
        fresh?.(this.baseSequence + run, this.baseSequence + at - 1)
        run = -1
      }
    }
    if (run >= 0) fresh?.(this.baseSequence + run, last)
  }

  /** Takes back what `add` did. */
  remove(first: number, last: number): void {
    for (let sequence = first; sequence <= last; sequence++) {
      if (!this.has(sequence)) continue
      const at = sequence - this.baseSequence
      this.words[at >>> 5] = (this.words[at >>> 5] as number) & ~(1 << (at & 31))
      this.count--
    }
  }

  /** Calls `visit` with each deleted sequence, ascending. */
  each(visit: (sequence: number) => void): void {
    for (let i = 0; i < this.end; i++) {
      for (let word = this.words[i] as number; word !== 0; word &= word - 1) {
        visit(this.baseSequence + i * 32 + (31 - Math.clz32(word & -word)))
      }
    }
  }

  /** The same set, to go on from. */
  copy(): DeletedRecords {
    const next = new DeletedRecords(this.baseSequence)
    next.words = this.words.slice()
    next.end = this.end
    next.count = this.count
    return next
  }

  private grow(words: number): void {
    if (words > this.words.length) {
      const wider = new Uint32Array(Math.max(words, this.words.length * 2))
      wider.set(this.words)
      this.words = wider
    }
    if (words > this.end) this.end = words
  }
}
