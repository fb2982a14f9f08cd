import type { Durability } from "@troupe/broker"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Log } from "../log/Log.ts"
import type { LogRecord } from "../log/LogRecord.ts"
import { type Bytes, toBytes } from "./Bytes.ts"
import { type LsmError, type LsmFailed, toLsmError } from "./LsmError.ts"
import type { LsmShape } from "./LsmOptions.ts"
import { Memtable } from "./Memtable.ts"
import type { StoreData } from "./StoreData.ts"

/** One change of a batch. */
export type LsmWrite =
  | { readonly type: "put"; readonly key: Bytes; readonly value: Bytes }
  | { readonly type: "delete"; readonly key: Bytes }

/** Largest key, and largest batch of keys and values, in bytes. */
export const keyBytesMax = 65_535
export const batchBytesMax: number = 256 * 1024 * 1024

const empty = new Uint8Array(0)

/**
 * The writing half of a store: each batch goes to the write-ahead log as one atomic group and into the memtable, and its
 * answer waits for the log's acknowledgement, which all writers of the moment share.
 */
export class StoreWriter {
  /** What the store fails writes with, once something went wrong. */
  failure: LsmFailed | undefined
  private readonly wal: Log
  private readonly data: StoreData
  private readonly shape: LsmShape
  private readonly durability: Durability
  private readonly nowMillis: () => number
  private readonly wake: Effect.Effect<void>
  private lastMillis: number
  private room: Deferred.Deferred<void> | undefined

  constructor(parts: {
    readonly wal: Log
    readonly data: StoreData
    readonly shape: LsmShape
    readonly durability: Durability
    readonly lastMillis: number
    readonly nowMillis: () => number
    /** Tells the flush that a memtable waits for it. */
    readonly wake: Effect.Effect<void>
  }) {
    this.wal = parts.wal
    this.data = parts.data
    this.shape = parts.shape
    this.durability = parts.durability
    this.lastMillis = parts.lastMillis
    this.nowMillis = parts.nowMillis
    this.wake = parts.wake
  }

  /** The sequence of the last write that holds the durability class: what readers see. */
  get visible(): number {
    return (this.durability === "memory" ? this.wal.nextSequence : this.wal.endSequence) - 1
  }

  /** Writes a batch, all or nothing; answers the sequence of its last change once it holds the durability class. */
  write(batch: ReadonlyArray<LsmWrite>): Effect.Effect<number, LsmError> {
    return Effect.suspend(() => {
      const level0 = this.data.version.levels[0]?.length ?? 0
      const { level0Slow, level0Stop } = this.shape
      const admitted = this.admit(batch)
      if (level0 < level0Slow || level0 >= level0Stop) return admitted
      // The thread is free meanwhile: only the answer is late.
      return Effect.andThen(Effect.sleep(1), admitted)
    })
  }

  /** Ends the active memtable when it has anything, so that it can be flushed. */
  rotate(): void {
    if (this.data.active.versionCount > 0) this.data.rotate(this.newMemtable(0, 0))
  }

  /** Lets those go on who wait for room, or for the failure. */
  readonly signal = (): void => {
    const { room } = this
    this.room = undefined
    if (room !== undefined) Deferred.doneUnsafe(room, Effect.void)
  }

  /** Makes every later write fail with this. */
  readonly fail = (failure: LsmFailed): void => {
    this.failure ??= failure
    this.signal()
  }

  private admit(batch: ReadonlyArray<LsmWrite>): Effect.Effect<number, LsmError> {
    return Effect.suspend(() => {
      if (this.failure !== undefined) return Effect.fail(this.failure)
      if (batch.length === 0) return Effect.succeed(this.visible)
      const records: Array<LogRecord> = []
      const timeMillis = Math.max(this.lastMillis, Math.floor(this.nowMillis()))
      let bytes = 0
      for (const write of batch) {
        const key = toBytes(write.key)
        const value = write.type === "put" ? toBytes(write.value) : empty
        if (key.length > keyBytesMax)
          return Effect.die(new RangeError(`a key has at most ${keyBytesMax} bytes`))
        bytes += key.length + value.length
        records.push({ key, value, timeMillis, tombstone: write.type === "delete" })
      }
      if (bytes > batchBytesMax)
        return Effect.die(new RangeError(`a batch has at most ${batchBytesMax} bytes`))
      const isFull = !this.data.active.fits(records.length, bytes)
      const level0 = this.data.version.levels[0]?.length ?? 0
      if (level0 >= this.shape.level0Stop || (isFull && this.data.frozenCount > 0)) {
        return Effect.andThen(this.awaitRoom(), this.admit(batch))
      }
      if (isFull) this.data.rotate(this.newMemtable(records.length, bytes))
      const written = this.commit(records, timeMillis)
      if (typeof written !== "number") return Effect.fail(written)
      const answered = Effect.as(this.acknowledged(written), written)
      return isFull ? Effect.andThen(this.wake, answered) : answered
    })
  }

  private commit(records: ReadonlyArray<LogRecord>, timeMillis: number): number | LsmError {
    let first: number
    try {
      first = this.wal.appendBatch(records)
    } catch (cause) {
      return toLsmError("write", "wal", cause)
    }
    this.lastMillis = timeMillis
    const { active } = this.data
    for (let i = 0; i < records.length; i++) {
      const { key, value, tombstone } = records[i] as LogRecord & { readonly key: Uint8Array }
      active.add(key, tombstone === true ? undefined : value, first + i, timeMillis)
    }
    return first + records.length - 1
  }

  private acknowledged(sequence: number): Effect.Effect<void, LsmError> {
    return Effect.mapError(this.wal.durable(sequence), (cause) => toLsmError("write", "wal", cause))
  }

  private awaitRoom(): Effect.Effect<void> {
    this.room ??= Deferred.makeUnsafe<void>()
    return Effect.andThen(this.wake, Deferred.await(this.room))
  }

  private newMemtable(entries: number, bytes: number): Memtable {
    return new Memtable(Math.max(this.shape.memtableBytes, bytes), entries)
  }
}
