/** What a segment knows of one of its subjects. */
export interface SubjectSummary {
  readonly subject: string
  /** Position of the first and of the last batch that holds a record of it, in bytes. */
  readonly firstPosition: number
  readonly lastPosition: number
  /** Records of it in the segment. */
  readonly count: number
}

/**
 * The subjects of one segment, numbered from 1 in the order they came; 0 is "no subject".
 *
 * A control batch names each subject before the first record that uses its number, so a segment can be read on its own.
 */
export class SubjectDictionary {
  /** Name of each id; index 0 is unused. */
  readonly names: Array<string> = [""]
  private readonly ids = new Map<string, number>()
  private readonly first: Array<number> = [0]
  private readonly last: Array<number> = [0]
  private readonly counts: Array<number> = [0]

  /** Subjects there are. */
  get size(): number {
    return this.names.length - 1
  }

  /** The number of a subject, giving it the next one when it is new. */
  idOf(subject: string): number {
    const known = this.ids.get(subject)
    if (known !== undefined) return known
    const id = this.names.length
    this.names.push(subject)
    this.ids.set(subject, id)
    this.first.push(-1)
    this.last.push(-1)
    this.counts.push(0)
    return id
  }

  /** Counts the records of a batch at `position`. */
  note(ids: ArrayLike<number>, count: number, position: number): void {
    for (let i = 0; i < count; i++) {
      const id = ids[i] as number
      if (id === 0 || id >= this.names.length) continue
      const before = this.counts[id] as number
      if (before === 0) this.first[id] = position
      this.counts[id] = before + 1
      this.last[id] = position
    }
  }

  /** What is known of subject `id`. */
  summary(id: number): SubjectSummary {
    return {
      subject: this.names[id] as string,
      firstPosition: this.first[id] as number,
      lastPosition: this.last[id] as number,
      count: this.counts[id] as number
    }
  }

  /** Takes over a summary read from an index file; ids follow the order of the calls. */
  restore(summary: SubjectSummary): void {
    const id = this.idOf(summary.subject)
    this.first[id] = summary.firstPosition
    this.last[id] = summary.lastPosition
    this.counts[id] = summary.count
  }
}
