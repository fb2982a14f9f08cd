import type { TopicRecord } from "@troupe/broker"
import {
  type Removal,
  type StoredRecord,
  type StoreEvents,
  StoreFailure,
  type TopicIndex
} from "@troupe/broker/backend"
import type { WritableLog } from "@troupe/storage/log"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { RecentChunks } from "./RecentChunks.ts"
import { RecentRecords } from "./RecentRecords.ts"
import { failureOf, storeFailure } from "./StorageErrors.ts"
import { feedRecords, feedRemovals, toControlNote, toLogRecord, toTopicRecord } from "./TopicRows.ts"

const readBytes = 256 * 1024
/** So many dropped records may pass before full segments are looked at again, also when nothing is appended. */
const dropsPerTrim = 1_000

interface Submitted {
  readonly ticket: number
  /** The record that must be durable; 0 for a removal, which is flushed by itself. */
  readonly sequence: number
  flushed: boolean
}

/**
 * The records of one topic in a log: a record is a record of the log under the same sequence, a removal is a control
 * note between them. Scanning the log again gives the index again.
 */
export class TopicLog {
  private readonly log: WritableLog
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private events: StoreEvents | undefined
  private tickets = 0
  private submitted: Array<Submitted> = []
  private readonly recent = new RecentRecords()
  private readonly chunks = new RecentChunks()
  private readonly segmentBytes: number
  private bytesSinceTrim = 0
  private dropsSinceTrim = 0
  private inCall = false
  private missed = false
  private trimming = false
  private trimAgain = false
  private index: TopicIndex | undefined

  constructor(
    log: WritableLog,
    segmentBytes: number,
    fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  ) {
    this.log = log
    this.segmentBytes = segmentBytes
    this.fork = fork
    log.onAdvance(() => this.advance())
  }

  listen(events: StoreEvents): void {
    this.events = events
  }

  /** Feeds the index everything the log holds, in order. Throws what reading the log throws. */
  rebuild(index: TopicIndex): void {
    this.index = index
    for (const group of this.log.scan()) {
      for (const batch of group) {
        if (batch.isControl) feedRemovals(index, batch)
        else feedRecords(index, batch)
      }
    }
    index.skipTo(this.log.nextSequence - 1)
    this.trim()
  }

  append(records: ReadonlyArray<StoredRecord>): number | StoreFailure {
    const failure = this.calling(() => {
      const [only] = records
      if (records.length === 1 && only !== undefined) this.log.append(toLogRecord(only))
      else this.log.appendBatch(records.map(toLogRecord))
    })
    if (failure !== undefined) return failure
    for (const record of records) {
      this.recent.add(record)
      this.bytesSinceTrim += record.data.length
    }
    const ticket = this.submit(this.log.nextSequence - 1)
    if (this.bytesSinceTrim >= this.segmentBytes) this.trim()
    return ticket
  }

  remove(removal: Removal): number | StoreFailure {
    const failure = this.calling(() => this.log.appendControl(toControlNote(removal)))
    if (failure !== undefined) return failure
    const ticket = this.submit(0)
    const entry = this.submitted[this.submitted.length - 1] as Submitted
    this.later(
      Effect.match(this.log.flush, {
        onSuccess: () => {
          entry.flushed = true
          this.advance()
        },
        onFailure: (failed) => this.events?.failed(storeFailure(failed))
      })
    )
    return ticket
  }

  read(sequences: ReadonlyArray<number>): ReadonlyArray<TopicRecord> | StoreFailure {
    const records: Array<TopicRecord> = []
    try {
      for (const sequence of sequences) {
        const record = this.recent.get(sequence) ?? this.readFromLog(sequence)
        if (record instanceof StoreFailure) return record
        records.push(record)
      }
    } catch (error) {
      return failureOf(error)
    }
    return records
  }

  /** A record is not in the index any more; now and then the segments without any are removed. */
  dropped(): void {
    if (++this.dropsSinceTrim >= dropsPerTrim) this.trim()
  }

  private readFromLog(sequence: number): TopicRecord | StoreFailure {
    let batch = this.chunks.find(sequence)
    if (batch === undefined) {
      this.chunks.add(this.log.read(sequence, readBytes))
      batch = this.chunks.find(sequence)
    }
    return batch === undefined
      ? new StoreFailure(`Record ${sequence} is in the index but not in the log.`, undefined)
      : toTopicRecord(batch, sequence - batch.baseSequence)
  }

  private trim(): void {
    this.dropsSinceTrim = 0
    this.bytesSinceTrim = 0
    const { index } = this
    if (index === undefined || this.log.failure !== undefined) return
    if (this.trimming) {
      this.trimAgain = true
      return
    }
    this.trimming = true
    const after = () => {
      this.trimming = false
      if (!this.trimAgain) return
      this.trimAgain = false
      this.trim()
    }
    // Flushed first: what dropped the old records (a newer one, a purge) must not be lost when they are gone.
    const retained = Effect.andThen(this.log.flush, this.log.retain({ below: index.records.first }))
    // Disk space that is not given back fails nobody: what is wrong with the disk, the next append tells.
    this.later(Effect.match(retained, { onSuccess: after, onFailure: after }))
  }

  /**
   * Starts an effect once the present call is over. A flush answers those who wait on the spot, and they go on at once:
   * inside a call they would append between what it keeps in the log and what its caller then does to the index.
   */
  private later(effect: Effect.Effect<void>): void {
    this.fork(Effect.andThen(Effect.yieldNow, effect))
  }

  /** Runs a call of the log; what the log reports during it is taken up after it. */
  private calling(call: () => void): StoreFailure | undefined {
    this.inCall = true
    try {
      call()
      return undefined
    } catch (error) {
      return failureOf(error)
    } finally {
      this.inCall = false
      if (this.missed) {
        this.missed = false
        this.later(Effect.sync(() => this.advance()))
      }
    }
  }

  private submit(sequence: number): number {
    const ticket = ++this.tickets
    this.submitted.push({ ticket, sequence, flushed: false })
    return ticket
  }

  /** Reports what became durable, in order: a removal holds back the records after it. */
  private advance(): void {
    if (this.inCall) {
      this.missed = true
      return
    }
    const end = this.log.endSequence
    let count = 0
    while (count < this.submitted.length) {
      const entry = this.submitted[count] as Submitted
      if (entry.sequence === 0 ? !entry.flushed : entry.sequence >= end) break
      count++
    }
    const last = this.submitted[count - 1]
    if (last !== undefined) {
      this.submitted = count === this.submitted.length ? [] : this.submitted.slice(count)
      this.events?.committed(last.ticket)
    }
    if (this.log.failure !== undefined) this.events?.failed(storeFailure(this.log.failure))
  }
}
