const samplesMax = 1024

/** How long records take from the primary's disk to a replica's, measured once a group of records. */
export class Lag {
  private readonly sequences: Array<number> = []
  private readonly times: Array<number> = []
  private readonly measured: Array<number> = []
  private at = 0

  /** Records below `sequence` are on the primary's disk at `nowMillis`. */
  note(sequence: number, nowMillis: number): void {
    if (this.sequences.length >= samplesMax) return
    this.sequences.push(sequence)
    this.times.push(nowMillis)
  }

  /** Records below `sequence` are on the replica's disk at `nowMillis`. */
  reached(sequence: number, nowMillis: number): void {
    while (this.sequences.length > 0 && (this.sequences[0] as number) <= sequence) {
      this.sequences.shift()
      this.measured[this.at] = nowMillis - (this.times.shift() as number)
      this.at = (this.at + 1) % samplesMax
    }
  }

  /** Age of the oldest record that the replica does not have, in milliseconds; 0 when it has all. */
  nowMillis(nowMillis: number): number {
    return this.times.length === 0 ? 0 : Math.max(0, nowMillis - (this.times[0] as number))
  }

  /** The delay that a share `p` of the last 1 024 measured groups did not exceed, in milliseconds; 0 without any. */
  percentileMillis(p: number): number {
    if (this.measured.length === 0) return 0
    const sorted = this.measured.slice().sort((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] as number
  }
}
