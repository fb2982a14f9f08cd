import { DeadlineHeap } from "./DeadlineHeap.ts"
import type { SubscriptionSettings, SubscriptionSnapshot } from "./SubscriptionSettings.ts"
import { TopicCursor } from "./TopicCursor.ts"
import type { TopicIndex } from "./TopicIndex.ts"

/** One record handed out: which, and for the how-many-th time. */
export interface Handed {
  readonly sequence: number
  readonly attempt: number
}

/** What of a subscription must survive a restart, told as it happens. */
export interface SubscriptionJournal {
  readonly handed: (sequence: number, attempt: number) => void
  readonly settled: (sequence: number) => void
  readonly delayed: (sequence: number, dueMillis: number) => void
  readonly exhausted: (sequence: number) => void
}

/** How much one `take` may hand out. */
export interface TakeOptions {
  /** What the reader may hold unsettled. */
  readonly prefetch: number
  readonly max: number
  /** The last sequence that may be shown. */
  readonly visible: number
  readonly nowMillis: number
}

interface Outstanding {
  attempt: number
  /** Who holds it; 0 while it waits for its next delivery. */
  reader: number
  dueMillis: number
  /** The earliest moment under which the heap holds it. */
  heapMillis: number
}

/**
 * The state machine of a durable subscription: what was handed out, to whom, until when, and what comes next.
 *
 * Pure: every moment is an argument. Work per delivery or settlement is constant or logarithmic.
 */
export class SubscriptionState {
  settings: SubscriptionSettings
  private readonly index: TopicIndex
  private readonly journal: SubscriptionJournal | undefined
  private readonly onExhausted: (sequence: number, attempts: number) => void
  private cursor: TopicCursor
  /** Sequences to hand out before the cursor: the last of each subject, when the subscription starts with them. */
  private backlog: ReadonlyArray<number>
  private backlogAt = 0
  // Keys are inserted in rising order, so the first one is the lowest.
  private readonly outstanding = new Map<number, Outstanding>()
  private readonly due = new DeadlineHeap()
  private ready: Array<number> = []
  private readyAt = 0
  private readonly held = new Map<number, number>()
  private readonly skipped = new Set<number>()
  private again = 0

  constructor(
    index: TopicIndex,
    settings: SubscriptionSettings,
    from: SubscriptionSnapshot,
    journal: SubscriptionJournal | undefined,
    onExhausted: (sequence: number, attempts: number) => void = () => {}
  ) {
    this.index = index
    this.settings = settings
    this.journal = journal
    this.onExhausted = onExhausted
    this.cursor = new TopicCursor(index, settings.filters, from.position)
    this.backlog = from.backlog
    for (const [sequence, attempt, dueMillis] of from.outstanding) {
      // Who held it is gone with the process: it is due again now, or when its retry said.
      this.outstanding.set(sequence, { attempt, reader: 0, dueMillis, heapMillis: dueMillis })
      this.due.push(dueMillis, sequence)
      if (attempt > 1) this.again++
    }
    for (const sequence of from.exhausted) this.skipped.add(sequence)
  }

  /** Hands the next records to a reader: those due again first, then new ones. */
  take(reader: number, options: TakeOptions): Array<Handed> {
    const { max, nowMillis, prefetch, visible } = options
    const handed: Array<Handed> = []
    this.advance(nowMillis)
    if (this.settings.paused) return handed
    const room = Math.min(max, prefetch - this.heldBy(reader))
    const dueMillis = nowMillis + this.settings.ackWaitMillis
    while (handed.length < room) {
      const again = this.nextReady()
      if (again === 0) break
      this.readyAt++
      const entry = this.outstanding.get(again) as Outstanding
      entry.attempt++
      if (entry.attempt === 2) this.again++
      entry.reader = reader
      this.schedule(again, entry, dueMillis)
      this.journal?.handed(again, entry.attempt)
      handed.push({ sequence: again, attempt: entry.attempt })
    }
    while (handed.length < room && this.outstanding.size < this.settings.maxAckPending) {
      const sequence = this.nextNew(visible)
      if (sequence === 0) break
      const entry = { attempt: 1, reader, dueMillis, heapMillis: Number.POSITIVE_INFINITY }
      this.outstanding.set(sequence, entry)
      this.schedule(sequence, entry, dueMillis)
      this.journal?.handed(sequence, 1)
      handed.push({ sequence, attempt: 1 })
    }
    if (handed.length > 0) this.held.set(reader, this.heldBy(reader) + handed.length)
    return handed
  }

  /** True when some reader with room would be handed something now. */
  hasWork(visible: number, nowMillis: number): boolean {
    this.advance(nowMillis)
    if (this.settings.paused) return false
    if (this.nextReady() !== 0) return true
    if (this.outstanding.size >= this.settings.maxAckPending) return false
    return this.peekBacklog() !== 0 || this.cursor.peek(visible) !== 0
  }

  /** How many unsettled deliveries a reader holds. */
  heldBy(reader: number): number {
    return this.held.get(reader) ?? 0
  }

  /** Settles a record, whichever delivery of it this belongs to; false when it was not outstanding. */
  settle(sequence: number): boolean {
    const entry = this.outstanding.get(sequence)
    if (entry === undefined) return false
    this.forget(sequence, entry)
    this.journal?.settled(sequence)
    return true
  }

  /** Makes a record due again after a delay; its last permitted delivery makes it exhausted. Ignores all but the newest delivery. */
  retry(sequence: number, attempt: number, dueMillis: number): void {
    const entry = this.outstanding.get(sequence)
    if (entry === undefined || entry.attempt !== attempt || entry.reader === 0) return
    this.release(entry)
    if (attempt >= this.settings.maxDeliver) {
      this.exhaust(sequence, entry)
      return
    }
    this.schedule(sequence, entry, dueMillis)
    this.journal?.delayed(sequence, dueMillis)
  }

  /** Starts the time to acknowledge anew. Ignores all but the newest delivery. */
  working(sequence: number, attempt: number, nowMillis: number): void {
    const entry = this.outstanding.get(sequence)
    if (entry === undefined || entry.attempt !== attempt || entry.reader === 0) return
    this.schedule(sequence, entry, nowMillis + this.settings.ackWaitMillis)
  }

  /** Notices what is due: it leaves its reader and waits to be handed out again, or is exhausted. */
  advance(nowMillis: number): void {
    while (this.due.nextMillis <= nowMillis) {
      const sequence = this.due.nextSequence
      const millis = this.due.nextMillis
      this.due.pop()
      const entry = this.outstanding.get(sequence)
      // Settled meanwhile, or held under another moment.
      if (entry === undefined || entry.heapMillis !== millis) continue
      entry.heapMillis = Number.POSITIVE_INFINITY
      // It was put off since: back to its real place, so that what is due comes in the order in which it became due.
      if (entry.dueMillis > millis) {
        this.schedule(sequence, entry, entry.dueMillis)
        continue
      }
      this.release(entry)
      if (entry.attempt >= this.settings.maxDeliver) this.exhaust(sequence, entry)
      else this.ready.push(sequence)
    }
  }

  /** When `advance` next has something to do; `Infinity` when never. May be early, never late. */
  nextDueMillis(): number {
    return this.due.nextMillis
  }

  /** How many deadlines are kept, those of settled records included. */
  get deadlines(): number {
    return this.due.size
  }

  /** Changes what can be changed; deliveries under way keep their deadlines, what waits is judged by the new bound. */
  update(settings: SubscriptionSettings): void {
    this.settings = settings
    for (const sequence of this.ready.slice(this.readyAt)) {
      const entry = this.outstanding.get(sequence)
      if (entry !== undefined && entry.attempt >= settings.maxDeliver) this.exhaust(sequence, entry)
    }
    this.cursor = new TopicCursor(this.index, settings.filters, this.cursor.position)
  }

  /** Begins anew at `position`: nothing is outstanding, nothing exhausted from there on. */
  reset(position: number): void {
    this.outstanding.clear()
    this.due.clear()
    this.held.clear()
    this.ready = []
    this.readyAt = 0
    this.again = 0
    this.backlog = []
    this.backlogAt = 0
    for (const sequence of this.skipped) if (sequence >= position) this.skipped.delete(sequence)
    this.cursor = new TopicCursor(this.index, this.settings.filters, position)
  }

  /** A reader is gone: what it was handed goes on to its deadline. */
  leave(reader: number): void {
    this.held.delete(reader)
  }

  /** Where it stands, counting records up to `visible`. */
  standing(visible: number, nowMillis: number) {
    this.advance(nowMillis)
    let backlog = 0
    for (let i = this.backlogAt; i < this.backlog.length; i++) {
      if (this.index.records.has(this.backlog[i] as number)) backlog++
    }
    for (const sequence of this.skipped) if (!this.index.records.has(sequence)) this.skipped.delete(sequence)
    return {
      pending: backlog + this.cursor.countUpTo(visible),
      ackPending: this.outstanding.size,
      redelivered: this.again,
      ackFloor: this.ackFloor(),
      exhausted: Array.from(this.skipped).sort((a, b) => a - b)
    }
  }

  /** Every matching record up to this sequence is settled. */
  ackFloor(): number {
    let floor = this.cursor.position - 1
    const waiting = this.peekBacklog()
    if (waiting !== 0) floor = Math.min(floor, waiting - 1)
    for (const lowest of this.outstanding.keys()) {
      floor = Math.min(floor, lowest - 1)
      break
    }
    return floor
  }

  /** What a restart needs to go on from here. Deliveries that someone holds are due at once then. */
  snapshot(): SubscriptionSnapshot {
    return {
      position: this.cursor.position,
      backlog: this.backlog.slice(this.backlogAt),
      outstanding: Array.from(this.outstanding, ([sequence, entry]) => [
        sequence,
        entry.attempt,
        entry.reader === 0 && entry.heapMillis !== Number.POSITIVE_INFINITY ? entry.dueMillis : 0
      ]),
      exhausted: Array.from(this.skipped)
    }
  }

  /** The next sequence that is due again and still there; 0 when none is. */
  private nextReady(): number {
    while (this.readyAt < this.ready.length) {
      const sequence = this.ready[this.readyAt] as number
      const entry = this.outstanding.get(sequence)
      if (entry !== undefined) {
        if (this.index.records.has(sequence)) return sequence
        this.forget(sequence, entry)
        this.journal?.settled(sequence)
      }
      this.readyAt++
    }
    this.ready = []
    this.readyAt = 0
    return 0
  }

  private nextNew(visible: number): number {
    const waiting = this.peekBacklog()
    if (waiting === 0) return this.cursor.next(visible)
    this.backlogAt++
    return waiting
  }

  private peekBacklog(): number {
    while (this.backlogAt < this.backlog.length) {
      const sequence = this.backlog[this.backlogAt] as number
      if (this.index.records.has(sequence)) return sequence
      this.backlogAt++
    }
    return 0
  }

  private schedule(sequence: number, entry: Outstanding, dueMillis: number): void {
    entry.dueMillis = dueMillis
    // A later moment needs no second entry: when the earlier one surfaces, it is put back.
    if (dueMillis < entry.heapMillis) {
      entry.heapMillis = dueMillis
      this.due.push(dueMillis, sequence)
      if (this.due.size > 4 * this.outstanding.size + 1_024) this.sweepDeadlines()
    }
  }

  /** Drops the deadlines of what is settled, once they are most of the heap. */
  private sweepDeadlines(): void {
    this.due.clear()
    for (const [sequence, entry] of this.outstanding) {
      if (entry.heapMillis === Number.POSITIVE_INFINITY) continue
      entry.heapMillis = entry.dueMillis
      this.due.push(entry.dueMillis, sequence)
    }
  }

  private release(entry: Outstanding): void {
    if (entry.reader === 0) return
    const held = this.held.get(entry.reader)
    if (held !== undefined) this.held.set(entry.reader, held - 1)
    entry.reader = 0
  }

  private forget(sequence: number, entry: Outstanding): void {
    this.release(entry)
    this.outstanding.delete(sequence)
    if (entry.attempt > 1) this.again--
  }

  private exhaust(sequence: number, entry: Outstanding): void {
    this.forget(sequence, entry)
    if (!this.index.records.has(sequence)) {
      this.journal?.settled(sequence)
      return
    }
    this.skipped.add(sequence)
    this.journal?.exhausted(sequence)
    this.onExhausted(sequence, entry.attempt)
  }
}
