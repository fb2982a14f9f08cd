import { isSubject, matches } from "../Subject.ts"
import type { TopicIndex } from "./TopicIndex.ts"

/** Up to this many concrete subjects are followed by their own links; more, or wildcards, by a scan of the columns. */
const linkedSubjectsMax = 8

/**
 * Walks the records that match some filters in sequence order, over appends and removals.
 *
 * A history of one subject costs its own length, not the topic's; a wildcard costs one column test a record.
 */
export class TopicCursor {
  /** The next sequence to look at. */
  position: number
  private readonly index: TopicIndex
  private readonly filters: ReadonlyArray<string>
  private readonly everything: boolean
  private readonly linked: boolean
  private readonly known: Array<number> = []
  private verdicts = new Uint8Array(64)
  private recycled: number

  constructor(index: TopicIndex, filters: ReadonlyArray<string> | undefined, position: number) {
    this.index = index
    this.filters = filters ?? []
    this.position = position
    this.everything = this.filters.length === 0 || this.filters.includes(">")
    this.linked = this.filters.length <= linkedSubjectsMax && this.filters.every(isSubject)
    this.recycled = index.subjects.recycled
  }

  /** The next matching record up to `limit`, inclusive, without stepping over it; 0 when there is none. */
  peek(limit: number): number {
    const { records } = this.index
    if (this.position > limit) return 0
    if (this.position < records.first) this.position = records.first
    const found = !this.everything && this.linked ? this.nextLinked() : this.nextScanned(limit)
    if (found === 0 || found > limit) {
      this.position = Math.max(this.position, limit + 1)
      return 0
    }
    this.position = found
    return found
  }

  /** The next matching record up to `limit`, inclusive, and steps over it; 0 when there is none. */
  next(limit: number): number {
    const found = this.peek(limit)
    if (found !== 0) this.position = found + 1
    return found
  }

  /** How many matching records there are from the position up to `limit`, inclusive. */
  countUpTo(limit: number): number {
    if (this.everything) return this.index.records.countBetween(this.position, limit)
    const at = new TopicCursor(this.index, this.filters, this.position)
    let total = 0
    while (at.next(limit) !== 0) total++
    return total
  }

  /** The last matching record; 0 when there is none. */
  last(): number {
    const { index } = this
    if (this.everything) {
      for (let at = index.lastSequence; at >= index.records.first; at--) if (index.records.has(at)) return at
      return 0
    }
    let last = 0
    for (const subject of index.subjects.values()) {
      if (subject.last > last && this.filters.some((filter) => matches(filter, subject.name)))
        last = subject.last
    }
    return last
  }

  private nextScanned(limit: number): number {
    const { records } = this.index
    for (
      let at = records.nextLive(this.position);
      at <= limit && at <= records.last;
      at = records.nextLive(at + 1)
    ) {
      if (this.everything || this.wants(records.subjectOf(at))) return at
    }
    return 0
  }

  private nextLinked(): number {
    let nearest = 0
    for (let i = 0; i < this.filters.length; i++) {
      const found = this.successor(this.filters[i] as string, this.position, this.known[i] ?? 0)
      this.known[i] = found === 0 ? (this.known[i] ?? 0) : found
      if (found !== 0 && (nearest === 0 || found < nearest)) nearest = found
    }
    return nearest
  }

  /** The first record of a subject at or after `from`; `known` is what this answered for an earlier position. */
  private successor(name: string, from: number, known: number): number {
    const { records, subjects } = this.index
    const subject = subjects.get(name)
    if (subject === undefined || subject.last < from) return 0
    if (subject.first >= from) return subject.first
    if (known !== 0 && records.subjectOf(known) === subject.id) {
      let at = known
      while (at !== 0 && (at < from || !records.has(at))) at = records.nextOf(at)
      if (at !== 0) return at
    }
    let at = subject.last
    for (;;) {
      const previous = records.previousOf(at)
      if (previous < from) return at
      at = previous
    }
  }

  private wants(subjectId: number): boolean {
    if (this.recycled !== this.index.subjects.recycled) {
      this.recycled = this.index.subjects.recycled
      this.verdicts.fill(0)
    }
    if (subjectId >= this.verdicts.length) {
      const wider = new Uint8Array(Math.max(subjectId + 1, this.verdicts.length * 2))
      wider.set(this.verdicts)
      this.verdicts = wider
    }
    const known = this.verdicts[subjectId]
    if (known !== 0) return known === 1
    const name = this.index.subjects.at(subjectId)?.name
    const wanted = name !== undefined && this.filters.some((filter) => matches(filter, name))
    this.verdicts[subjectId] = wanted ? 1 : 2
    return wanted
  }
}
