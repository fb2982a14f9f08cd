/** A time delta this large in an index entry says only "at least that much". */
export const saturatedDelta = 0xffff_ffff

/**
 * Where in a segment a sequence or a time is found: one entry for each stretch of bytes, in columns.
 *
 * Entry *i* says: the batch at `positions[i]` begins with sequence base + `sequences[i]`, and all that comes before it
 * has times of at most `baseTimeMillis` + `times[i]`.
 */
export class SegmentIndex {
  length = 0
  baseTimeMillis = 0
  sequences: Uint32Array<ArrayBuffer>
  times: Uint32Array<ArrayBuffer>
  positions: Uint32Array<ArrayBuffer>
  /** Bytes between two entries. */
  readonly spacing: number

  constructor(spacing: number, capacity = 64) {
    this.spacing = spacing
    this.sequences = new Uint32Array(capacity)
    this.times = new Uint32Array(capacity)
    this.positions = new Uint32Array(capacity)
  }

  /** Offers a batch; it becomes an entry when it is the first or far enough from the last one. */
  note(position: number, relativeSequence: number, maxTimeBeforeMillis: number): void {
    const i = this.length
    if (i > 0 && position - (this.positions[i - 1] as number) < this.spacing) return
    if (i === this.positions.length) this.grow()
    this.sequences[i] = relativeSequence
    this.positions[i] = position
    const delta = Math.floor(maxTimeBeforeMillis - this.baseTimeMillis)
    this.times[i] = delta > 0 ? Math.min(delta, saturatedDelta) : 0
    this.length = i + 1
  }

  /** The position to walk from to find `relativeSequence`: of the last entry that is not past it. */
  locate(relativeSequence: number): number {
    let low = 0
    let high = this.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.sequences[middle] as number) <= relativeSequence) low = middle
      else high = middle - 1
    }
    return this.length === 0 ? -1 : (this.positions[low] as number)
  }

  /**
   * Where to end a read of about `wanted` bytes from `position` on, so that no batch is cut: the last entry in reach, or
   * else the first after it; `size` when there is none.
   */
  endOfRead(position: number, wanted: number, size: number): number {
    if (position + wanted >= size) return size
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.positions[middle] as number) <= position + wanted) low = middle + 1
      else high = middle
    }
    const inReach = low === 0 ? 0 : (this.positions[low - 1] as number)
    if (inReach > position) return inReach
    return low < this.length ? (this.positions[low] as number) : size
  }

  /** The position to walk from to find the first record that is not before `timeMillis`. */
  locateTime(timeMillis: number): number {
    let low = 0
    let high = this.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      const delta = this.times[middle] as number
      if (delta !== saturatedDelta && this.baseTimeMillis + delta < timeMillis) low = middle
      else high = middle - 1
    }
    return this.length === 0 ? -1 : (this.positions[low] as number)
  }

  private grow(): void {
    const wider = (column: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
      const next = new Uint32Array(column.length * 2)
      next.set(column)
      return next
    }
    this.sequences = wider(this.sequences)
    this.times = wider(this.times)
    this.positions = wider(this.positions)
  }
}
