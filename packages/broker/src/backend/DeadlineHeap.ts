/**
 * A binary min-heap of (moment, sequence): what is due next, ties by sequence.
 *
 * Nothing is removed before its moment: a caller whose entry no longer counts ignores it when it surfaces.
 */
export class DeadlineHeap {
  private readonly moments: Array<number> = []
  private readonly sequences: Array<number> = []

  get size(): number {
    return this.moments.length
  }

  /** The earliest moment; `Infinity` when there is none. */
  get nextMillis(): number {
    return this.moments[0] ?? Number.POSITIVE_INFINITY
  }

  /** The sequence at the earliest moment; 0 when there is none. */
  get nextSequence(): number {
    return this.sequences[0] ?? 0
  }

  push(millis: number, sequence: number): void {
    let at = this.moments.length
    this.moments.push(millis)
    this.sequences.push(sequence)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.before(at, parent)) break
      this.swap(at, parent)
      at = parent
    }
  }

  /** Drops the earliest entry. */
  pop(): void {
    const last = this.moments.length - 1
    if (last < 0) return
    this.swap(0, last)
    this.moments.pop()
    this.sequences.pop()
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      if (left >= last) return
      const right = left + 1
      const child = right < last && this.before(right, left) ? right : left
      if (!this.before(child, at)) return
      this.swap(child, at)
      at = child
    }
  }

  clear(): void {
    this.moments.length = 0
    this.sequences.length = 0
  }

  private before(a: number, b: number): boolean {
    const first = this.moments[a] as number
    const second = this.moments[b] as number
    return (
      first < second || (first === second && (this.sequences[a] as number) < (this.sequences[b] as number))
    )
  }

  private swap(a: number, b: number): void {
    const moment = this.moments[a] as number
    this.moments[a] = this.moments[b] as number
    this.moments[b] = moment
    const sequence = this.sequences[a] as number
    this.sequences[a] = this.sequences[b] as number
    this.sequences[b] = sequence
  }
}
