import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { BrokerError, Unknown } from "../BrokerError.ts"
import type { TopicRecord } from "../TopicRecord.ts"
import { Alarm, type Fork } from "./Alarm.ts"
import { type Candidate, planAppend, planFiring, type StoredRecord } from "./AppendPlan.ts"
import { brokerError, notFoundError, refusalError, storageError } from "./BrokerFailure.ts"
import { CommitQueue } from "./CommitQueue.ts"
import { type OpenedTopic, type Removal, StoreFailure, type TopicStore } from "./LocalStorage.ts"
import { recordBytes } from "./RecordBytes.ts"
import type { TopicCursor } from "./TopicCursor.ts"
import type { TopicIndex } from "./TopicIndex.ts"
import type { TopicSettings } from "./TopicSettings.ts"

/** Records and bytes of one chunk that a reader gets. */
const chunkRecordsMax = 512
const chunkBytesMax = 1 << 20

/** Expired records are hidden at once; their memory is given back in steps of this. */
const expiryStepMillis = 1_000

/** What an append that was accepted answers, once `committed` is over. */
export interface Accepted {
  readonly sequence: number
  readonly duplicate: boolean
  readonly committed: Effect.Effect<void, BrokerError>
}

/**
 * One open topic of this process: its index, its store, and everybody who waits for more.
 *
 * Nothing becomes visible to a reader before it is at its durability point, so no reader acts on what a crash takes back.
 */
export class TopicEngine {
  readonly settings: TopicSettings
  readonly index: TopicIndex
  readonly store: TopicStore
  private readonly commits: CommitQueue
  private readonly watchers = new Set<() => void>()
  private readonly clock: Clock.Clock
  private readonly expiry: Alarm
  private readonly schedules: Alarm
  private closed: ((operation: string) => BrokerError) | undefined
  private failure: StoreFailure | undefined

  constructor(opened: OpenedTopic, clock: Clock.Clock, fork: Fork) {
    this.settings = opened.settings
    this.index = opened.index
    this.store = opened.store
    this.clock = clock
    this.commits = new CommitQueue(opened.index.lastSequence)
    this.expiry = new Alarm(fork, clock, () => this.expire())
    this.schedules = new Alarm(fork, clock, () => this.fire())
    opened.listen({
      committed: (ticket) => {
        if (!this.commits.commit(ticket)) return
        this.notify()
        this.awaitSchedule()
      },
      failed: (failure) => this.fail(failure)
    })
    this.expire()
    this.awaitSchedule()
  }

  /** The last sequence that may be shown. */
  get visible(): number {
    return this.commits.visible
  }

  /** Waits until everything that is accepted now is durable; fails when the store failed and some of it never will be. */
  get barrier(): Effect.Effect<void, BrokerError> {
    return this.failure !== undefined && this.index.lastSequence > this.visible
      ? Effect.fail(storageError(this.failure, `read ${this.settings.name}`))
      : this.commits.barrier
  }

  nowMillis(): number {
    return Math.floor(this.clock.currentTimeMillisUnsafe())
  }

  /** Why the topic is not there any more; `undefined` while it is. */
  closedError(operation: string): BrokerError | undefined {
    return this.closed?.(operation)
  }

  /** Drops what is past its time, and wakes up again for the next. */
  expire(): void {
    this.index.expire(this.nowMillis())
    const next = this.index.nextExpiryMillis()
    if (next !== Number.POSITIVE_INFINITY) this.expiry.set(next + expiryStepMillis)
  }

  /** Accepts a group, or says why not. Synchronous: the order of acceptance is the order of calls. */
  submit(candidates: ReadonlyArray<Candidate>, atomic: boolean, operation: string): Accepted | BrokerError {
    const unusable = this.unusable(operation)
    if (unusable !== undefined) return unusable
    const nowMillis = this.nowMillis()
    this.index.expire(nowMillis)
    const verdict = planAppend(this.index, this.settings, candidates, { nowMillis, atomic })
    if (verdict.tag === "Refused") return refusalError(verdict.refusal, operation)
    if (verdict.tag === "Duplicate") {
      const committed = verdict.sequence <= this.visible ? Effect.void : this.barrier
      return { sequence: verdict.sequence, duplicate: true, committed }
    }
    const committed = this.keep(verdict.records, operation)
    return committed instanceof BrokerError
      ? committed
      : { sequence: this.index.lastSequence, duplicate: false, committed }
  }

  /** Keeps a removal and applies it; answers what it removed and how to wait for it. */
  remove<A>(removal: (nowMillis: number) => Removal, apply: () => A, operation: string) {
    const unusable = this.unusable(operation)
    if (unusable !== undefined) return unusable
    this.expire()
    const { lastSequence } = this.index
    const ticket = this.store.remove(removal(this.nowMillis()))
    if (ticket instanceof StoreFailure) return this.fail(ticket, operation)
    if (this.index.lastSequence !== lastSequence) throw new Error("a store answered from inside a call")
    const removed = apply()
    return { removed, committed: this.commits.add(ticket, lastSequence) }
  }

  /** The next records a cursor comes to, up to `limit`; empty when there are none now. */
  chunk(
    cursor: TopicCursor,
    limit: number,
    recordsMax: number,
    operation: string
  ): ReadonlyArray<TopicRecord> | BrokerError {
    if (this.closed !== undefined) return this.closed(operation)
    this.index.expire(this.nowMillis())
    const end = Math.min(limit, this.visible)
    const sequences: Array<number> = []
    let bytes = 0
    while (sequences.length < Math.min(recordsMax, chunkRecordsMax) && bytes < chunkBytesMax) {
      const sequence = cursor.next(end)
      if (sequence === 0) break
      sequences.push(sequence)
      bytes += this.index.records.bytesOf(sequence)
    }
    return this.records(sequences, operation)
  }

  /** These records, which the index says are there. */
  records(sequences: ReadonlyArray<number>, operation: string): ReadonlyArray<TopicRecord> | BrokerError {
    if (sequences.length === 0) return []
    const records = this.store.read(sequences)
    return records instanceof StoreFailure ? storageError(records, operation) : records
  }

  /** Calls `watcher` whenever more may be shown, or the topic closes; answers how to stop. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  /** Waits until more than `seen` may be shown, or the topic closes. */
  waitBeyond(seen: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.visible > seen || this.closed !== undefined) {
        resume(Effect.void)
        return
      }
      const stop = this.watch(() => {
        stop()
        resume(Effect.void)
      })
      return Effect.sync(stop)
    })
  }

  /** The topic is deleted: everybody who uses it is told. */
  delete(): void {
    const { name } = this.settings
    this.refuse((operation) =>
      notFoundError("topic", operation, `Topic ${name} was deleted: open it again to make it anew.`)
    )
    this.abandon()
  }

  /** Takes nothing more, with this answer, and tells who waits for more. What was accepted may still be committed. */
  refuse(error: (operation: string) => BrokerError): void {
    this.closed ??= error
    this.expiry.stop()
    this.schedules.stop()
    this.notify()
  }

  /** What was accepted and is not committed by now is left in doubt. */
  abandon(): void {
    this.commits.fail(
      brokerError(
        new Unknown(),
        `append to ${this.settings.name}`,
        "The topic was closed before the answer: it may or may not be stored. Retry with the same messageId."
      )
    )
  }

  /** Stores accepted records and takes them into the index; answers how to wait for them. */
  private keep(
    records: ReadonlyArray<StoredRecord>,
    operation: string
  ): Effect.Effect<void, BrokerError> | BrokerError {
    const ticket = this.store.append(records)
    if (ticket instanceof StoreFailure) return this.fail(ticket, operation)
    for (const record of records) {
      this.index.append({
        sequence: record.sequence,
        subject: record.subject,
        timeMillis: record.timeMillis,
        bytes: recordBytes(record),
        messageId: record.messageId,
        ttlMillis: record.ttlMillis,
        rollup: record.rollup,
        atMillis: record.schedule?.atMillis,
        fires: record.fires
      })
    }
    const sequence = this.index.lastSequence
    const committed = this.commits.add(ticket, sequence)
    if (this.visible === sequence) {
      this.notify()
      this.awaitSchedule()
    }
    const next = this.index.nextExpiryMillis()
    if (next !== Number.POSITIVE_INFINITY) this.expiry.set(next + expiryStepMillis)
    return committed
  }

  /** Wakes up when the next waiting record is due; one that may not be shown yet is looked at when it may. */
  private awaitSchedule(): void {
    const { atMillis, sequence } = this.index.nextSchedule()
    if (sequence !== 0 && sequence <= this.visible) this.schedules.set(atMillis)
  }

  /** Appends what is due. One record takes the place of the other in one step, so a crash neither loses nor doubles it. */
  private fire(): void {
    const operation = `append to ${this.settings.name}`
    if (this.unusable(operation) !== undefined) return
    const nowMillis = this.nowMillis()
    this.index.expire(nowMillis)
    for (;;) {
      const { atMillis, sequence } = this.index.nextSchedule()
      if (sequence === 0 || sequence > this.visible || atMillis > nowMillis) break
      const read = this.store.read([sequence])
      // What is wrong with the store, the next append or read tells.
      if (read instanceof StoreFailure) return
      const fired = planFiring(this.index, read[0] as TopicRecord, nowMillis)
      if (this.keep([fired], operation) instanceof BrokerError) return
    }
    this.awaitSchedule()
  }

  private unusable(operation: string): BrokerError | undefined {
    if (this.closed !== undefined) return this.closed(operation)
    return this.failure === undefined ? undefined : storageError(this.failure, operation)
  }

  /** Refuses all further changes; what was visible can still be read. */
  private fail(failure: StoreFailure, operation = `append to ${this.settings.name}`): BrokerError {
    this.failure ??= failure
    const error = storageError(failure, operation)
    this.commits.fail(error)
    return error
  }

  private notify(): void {
    for (const watcher of Array.from(this.watchers)) watcher()
  }
}
