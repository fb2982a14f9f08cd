const pageSize = 1024

/** Columns of the records of one run of sequences. Links to neighbours of the same subject outlive the record. */
class Page {
  count = 0
  readonly live = new Uint8Array(pageSize)
  readonly subject = new Uint32Array(pageSize)
  readonly bytes = new Uint32Array(pageSize)
  readonly time = new Float64Array(pageSize)
  readonly previous = new Float64Array(pageSize)
  readonly next = new Float64Array(pageSize)
}

/**
 * What the index knows of each record, in columns by sequence: 33 bytes a record, freed a page at a time.
 *
 * Sequences are added in rising order; gaps cost nothing but their share of a page.
 */
export class RecordTable {
  private readonly pages = new Map<number, Page>()
  /** The oldest sequence that is there; `last + 1` when there is none. */
  first = 1
  /** The highest sequence ever added. */
  last = 0
  count = 0

  has(sequence: number): boolean {
    return this.pages.get(Math.floor(sequence / pageSize))?.live[sequence % pageSize] === 1
  }

  subjectOf(sequence: number): number {
    return this.pages.get(Math.floor(sequence / pageSize))?.subject[sequence % pageSize] ?? 0
  }

  bytesOf(sequence: number): number {
    return this.pages.get(Math.floor(sequence / pageSize))?.bytes[sequence % pageSize] ?? 0
  }

  timeOf(sequence: number): number {
    return this.pages.get(Math.floor(sequence / pageSize))?.time[sequence % pageSize] ?? 0
  }

  /** The record of the same subject before this one; 0 when there is none. */
  previousOf(sequence: number): number {
    return this.pages.get(Math.floor(sequence / pageSize))?.previous[sequence % pageSize] ?? 0
  }

  /** The record of the same subject after this one; 0 when there is none. */
  nextOf(sequence: number): number {
    return this.pages.get(Math.floor(sequence / pageSize))?.next[sequence % pageSize] ?? 0
  }

  setPrevious(sequence: number, previous: number): void {
    const page = this.pages.get(Math.floor(sequence / pageSize))
    if (page !== undefined) page.previous[sequence % pageSize] = previous
  }

  setNext(sequence: number, next: number): void {
    const page = this.pages.get(Math.floor(sequence / pageSize))
    if (page !== undefined) page.next[sequence % pageSize] = next
  }

  add(sequence: number, subject: number, bytes: number, timeMillis: number, previous: number): void {
    const number = Math.floor(sequence / pageSize)
    let page = this.pages.get(number)
    if (page === undefined) {
      page = new Page()
      this.pages.set(number, page)
    }
    const at = sequence % pageSize
    page.count++
    page.live[at] = 1
    page.subject[at] = subject
    page.bytes[at] = bytes
    page.time[at] = timeMillis
    page.previous[at] = previous
    page.next[at] = 0
    if (this.count === 0) this.first = sequence
    this.last = sequence
    this.count++
  }

  remove(sequence: number): void {
    const number = Math.floor(sequence / pageSize)
    const page = this.pages.get(number)
    if (page === undefined || page.live[sequence % pageSize] === 0) return
    page.live[sequence % pageSize] = 0
    this.count--
    if (--page.count === 0) this.pages.delete(number)
    if (sequence === this.first) this.first = this.nextLive(sequence + 1)
  }

  /** The first record at or after `sequence`; `last + 1` when there is none. */
  nextLive(sequence: number): number {
    if (this.count === 0) return this.last + 1
    let at = Math.max(sequence, 1)
    while (at <= this.last) {
      const number = Math.floor(at / pageSize)
      const end = Math.min(this.last, (number + 1) * pageSize - 1)
      const page = this.pages.get(number)
      if (page !== undefined) {
        for (; at <= end; at++) if (page.live[at % pageSize] === 1) return at
      }
      at = end + 1
    }
    return this.last + 1
  }

  /** How many records there are from `from` to `to`, both inclusive; whole pages are counted at once. */
  countBetween(from: number, to: number): number {
    let total = 0
    let at = Math.max(from, this.first)
    const stop = Math.min(to, this.last)
    while (at <= stop) {
      const number = Math.floor(at / pageSize)
      const end = (number + 1) * pageSize - 1
      const page = this.pages.get(number)
      if (page !== undefined) {
        if (at % pageSize === 0 && end <= stop) total += page.count
        else for (let i = at; i <= Math.min(end, stop); i++) total += page.live[i % pageSize] as number
      }
      at = end + 1
    }
    return total
  }

  /** The first record whose time is `timeMillis` or later; `last + 1` when there is none. Times never fall. */
  firstAtOrAfter(timeMillis: number): number {
    let low = this.first
    let high = this.last + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const probe = this.nextLive(middle)
      if (probe >= high || this.timeOf(probe) >= timeMillis) high = middle
      else low = probe + 1
    }
    return this.nextLive(low)
  }
}
