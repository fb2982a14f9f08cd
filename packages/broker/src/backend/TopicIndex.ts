import { matcher } from "../Subject.ts"
import { DeadlineHeap } from "./DeadlineHeap.ts"
import { MessageIds } from "./MessageIds.ts"
import { RecordTable } from "./RecordTable.ts"
import { SubjectTable } from "./SubjectTable.ts"
import type { TopicSettings } from "./TopicSettings.ts"

/** What the index takes in of one record. */
export interface IndexedRecord {
  readonly sequence: number
  readonly subject: string
  readonly timeMillis: number
  /** Bytes it counts for in `maxBytes` and `info`. */
  readonly bytes: number
  readonly messageId?: string | undefined
  readonly ttlMillis?: number | undefined
  /** Drops the older records of the same subject. */
  readonly rollup?: boolean | undefined
  /** When the record, which waits for it, is due. */
  readonly atMillis?: number | undefined
  /** The waiting record whose place this one takes. */
  readonly fires?: number | undefined
}

/** A subject and its last sequence. */
export interface SubjectLast {
  readonly subject: string
  readonly sequence: number
}

/** What to remove: records that match `filter`, below `below` (exclusive), but not the last `keep` of them. */
export interface PurgeRange {
  readonly filter?: string | undefined
  readonly below?: number | undefined
  readonly keep?: number | undefined
}

/**
 * Everything a topic knows without reading its records: which are there, on which subjects, since when, and under
 * which message ids.
 *
 * Pure: it takes no clock and does no I/O. Fed the same records, removals and moments it holds the same, which is how a
 * topic on files is rebuilt: by feeding it its own log again.
 */
export class TopicIndex {
  readonly records = new RecordTable()
  readonly subjects = new SubjectTable()
  readonly ids: MessageIds
  /** The time of the newest record: record times never fall, also when the clock is set back. */
  lastTimeMillis = 0
  bytes = 0
  private readonly settings: TopicSettings
  private readonly expiries = new DeadlineHeap()
  private readonly schedules = new DeadlineHeap()
  private readonly removed: (sequence: number) => unknown

  /** `removed` is told of every record that goes, by whatever cause. */
  constructor(settings: TopicSettings, removed: (sequence: number) => unknown = () => {}) {
    this.settings = settings
    this.removed = removed
    this.ids = new MessageIds(settings.dedupeWindowMillis)
  }

  /** The highest sequence ever given; 0 at the start. */
  get lastSequence(): number {
    return this.records.last
  }

  /** The oldest sequence that is there, `lastSequence + 1` when all are gone, 0 when there never was one. */
  get firstSequence(): number {
    return this.records.last === 0 ? 0 : this.records.first
  }

  /** The last sequence of a concrete subject; 0 when it has no record. */
  lastOf(subject: string): number {
    return this.subjects.get(subject)?.last ?? 0
  }

  /** Takes in an accepted record and drops what the limits and its roll-up no longer allow. */
  append(record: IndexedRecord): void {
    const { sequence, timeMillis } = record
    if (record.fires !== undefined) this.remove(record.fires)
    const subject = this.subjects.getOrAdd(record.subject)
    const previous = subject.last
    this.records.add(sequence, subject.id, record.bytes, timeMillis, previous)
    if (previous === 0) subject.first = sequence
    else this.records.setNext(previous, sequence)
    subject.last = sequence
    subject.count++
    this.bytes += record.bytes
    this.lastTimeMillis = timeMillis
    if (record.messageId !== undefined) this.ids.add(record.messageId, { sequence, timeMillis })
    if (record.ttlMillis !== undefined) this.expiries.push(timeMillis + record.ttlMillis, sequence)
    if (record.atMillis !== undefined) this.schedules.push(record.atMillis, sequence)

    const perSubject =
      record.rollup === true ? 1 : (this.settings.maxRecordsPerSubject ?? Number.POSITIVE_INFINITY)
    while (subject.count > perSubject) this.remove(subject.first)
    while (this.overLimits()) this.remove(this.records.first)
  }

  /** Removes one record; false when there is none at that sequence. */
  remove(sequence: number): boolean {
    const { records } = this
    if (!records.has(sequence)) return false
    const subject = this.subjects.at(records.subjectOf(sequence))
    if (subject === undefined) throw new Error(`record ${sequence} has no subject`)
    const previous = records.previousOf(sequence)
    const next = records.nextOf(sequence)
    // The removed record keeps its own link forward, so that a cursor standing on it finds its way.
    if (next !== 0) records.setPrevious(next, previous)
    if (previous !== 0) records.setNext(previous, next)
    if (subject.first === sequence) subject.first = next
    if (subject.last === sequence) subject.last = previous
    this.bytes -= records.bytesOf(sequence)
    records.remove(sequence)
    if (--subject.count === 0) this.subjects.remove(subject)
    this.removed(sequence)
    return true
  }

  /** Removes what `range` names; answers how many. Costs the matching records, not the topic. */
  purge(range: PurgeRange): number {
    const matches = matcher(range.filter === undefined ? undefined : [range.filter])
    const below = range.below ?? Number.POSITIVE_INFINITY
    const chosen: Array<number> = []
    for (const subject of this.subjects.values()) {
      if (!matches(subject.name)) continue
      for (let at = subject.first; at !== 0 && at < below; at = this.records.nextOf(at)) chosen.push(at)
    }
    chosen.sort((a, b) => a - b)
    const gone = chosen.slice(0, Math.max(0, chosen.length - (range.keep ?? 0)))
    for (const sequence of gone) this.remove(sequence)
    return gone.length
  }

  /** Removes what is older than `maxAge` or past its own time to live. */
  expire(nowMillis: number): void {
    const { maxAgeMillis } = this.settings
    if (maxAgeMillis !== undefined) {
      while (this.records.count > 0 && this.records.timeOf(this.records.first) + maxAgeMillis <= nowMillis) {
        this.remove(this.records.first)
      }
    }
    while (this.expiries.nextMillis <= nowMillis) {
      this.remove(this.expiries.nextSequence)
      this.expiries.pop()
    }
  }

  /** When `expire` next has something to do; `Infinity` when never. */
  nextExpiryMillis(): number {
    const { maxAgeMillis } = this.settings
    const oldest =
      maxAgeMillis === undefined || this.records.count === 0
        ? Number.POSITIVE_INFINITY
        : this.records.timeOf(this.records.first) + maxAgeMillis
    return Math.min(oldest, this.expiries.nextMillis)
  }

  /** The record that waits and is due next: its sequence, 0 when none waits, and its moment. */
  nextSchedule(): { readonly sequence: number; readonly atMillis: number } {
    const { records, schedules } = this
    while (schedules.size > 0 && !records.has(schedules.nextSequence)) schedules.pop()
    return { sequence: schedules.nextSequence, atMillis: schedules.nextMillis }
  }

  /** The subject of a record that is there. */
  subjectAt(sequence: number): string {
    return this.subjects.at(this.records.subjectOf(sequence))?.name ?? ""
  }

  /** The last record of every subject that the filters name, in sequence order. */
  lastPerSubject(filters: ReadonlyArray<string> | undefined): Array<SubjectLast> {
    const matches = matcher(filters)
    const last: Array<SubjectLast> = []
    for (const subject of this.subjects.values()) {
      if (matches(subject.name)) last.push({ subject: subject.name, sequence: subject.last })
    }
    return last.sort((a, b) => a.sequence - b.sequence)
  }

  /** The last record of those of these subjects that have one, in sequence order. */
  lastOfEach(subjects: ReadonlyArray<string>): Array<SubjectLast> {
    return subjects
      .map((subject) => ({ subject, sequence: this.lastOf(subject) }))
      .filter(({ sequence }) => sequence !== 0)
      .sort((a, b) => a.sequence - b.sequence)
  }

  /** Lets the next sequence be `sequence + 1` though no record is there: a log whose tail was removed begins so. */
  skipTo(sequence: number): void {
    if (sequence <= this.records.last) return
    this.records.last = sequence
    if (this.records.count === 0) this.records.first = sequence + 1
  }

  private overLimits(): boolean {
    const { maxBytes, maxRecords } = this.settings
    return (
      (maxRecords !== undefined && this.records.count > maxRecords) ||
      (maxBytes !== undefined && this.bytes > maxBytes && this.records.count > 0)
    )
  }
}
