import type { Durability } from "@troupe/broker"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { BatchView } from "./BatchView.ts"
import type { Compacted } from "./Compaction.ts"
import type { LogCorrupt, LogError, LogFailed } from "./LogError.ts"
import type { LogRecord } from "./LogRecord.ts"
import type { RawLog } from "./RawLog.ts"
import type { RecoveryReport } from "./Recovery.ts"
import type { SubjectFilter } from "./SubjectFilter.ts"

/** One record where it lies: row `row` of `batch`. */
export interface RecordAt {
  readonly batch: BatchView
  readonly row: number
}

/**
 * A log as readers see it: records that hold the log's durability class, in order, as views over chunks.
 *
 * The plain functions are synchronous (the page cache answers in microseconds). They throw `LogCorrupt` for damaged bytes
 * and `LogFailed` when the disk cannot be read; `Log.attempt` makes an Effect of that.
 */
export interface ReadableLog {
  /** The first sequence there is; equal to `nextSequence` when there are no records. */
  readonly firstSequence: number
  /** The sequence after the last record that readers see. */
  readonly endSequence: number
  /** Bytes in all segment files. */
  readonly bytes: number
  /**
   * Largest record time, in milliseconds since 1970; −∞ in an empty log. Its writer also remembers records that are gone since
   * it opened the log; a reader knows of those whose segments it has seen.
   */
  readonly lastTimeMillis: number
  /**
   * Batches from `from` on: about `maxBytes` of them and at least one, or none when there is nothing (yet). A sequence
   * that retention removed reads on from `firstSequence`: compare `batch.sequence(batch.start)` to notice. With a filter,
   * full segments without any of its subjects are passed over; choose rows with `batch.select(filter)`.
   */
  readonly read: (from: number, maxBytes: number, filter?: SubjectFilter) => ReadonlyArray<BatchView>
  /**
   * The same as `read`, with batches that are good until the next `lend` only: it reads into the same memory, which is
   * several times faster for who looks at each batch once. What is kept longer has to be copied.
   */
  readonly lend: (from: number, maxBytes: number, filter?: SubjectFilter) => ReadonlyArray<BatchView>
  /**
   * Every batch from `from` to the present end, in groups of about `maxBytes` (default 1 MiB), with those of
   * `appendControl` at their places (`batch.isControl`): how an owner builds its state when it opens a log.
   */
  readonly scan: (options?: {
    readonly from?: number
    readonly maxBytes?: number
  }) => Iterable<ReadonlyArray<BatchView>>
  /** One record, or `undefined` when the log does not hold it (any more, or yet). The last batch read is kept at hand. */
  readonly recordAt: (sequence: number) => RecordAt | undefined
  /** The sequence of the first record with this time or a later one; `endSequence` when there is none. */
  readonly sequenceAt: (timeMillis: number) => number
}

/** The log as its one writer has it. */
export interface WritableLog extends ReadableLog {
  /** The sequence the next record gets. */
  readonly nextSequence: number
  /** What an acknowledged record survives. */
  readonly durability: Durability
  /** How many writers the log had before this one, as `beginEpoch` counts them; 0 in a new log. */
  readonly epoch: number
  /** The files as they are, for WAL shipping. */
  readonly raw: RawLog
  /** What opening the log had to mend. */
  readonly recovery: RecoveryReport
  /** The failure that poisoned the log, once there is one. */
  readonly failure: LogFailed | undefined
  /**
   * Copies one record into the open batch and answers its sequence. The batch is written when it is full or when the
   * turn is over; ask `durable` for the acknowledgement.
   *
   * Throws `LogFailed` when the log is poisoned or closed, `RangeError` for a time, mark or size that no record can have.
   */
  readonly append: (record: LogRecord) => number
  /** Appends records as one batch, of which a crash keeps all or none; answers the sequence of the first. */
  readonly appendBatch: (records: ReadonlyArray<LogRecord>) => number
  /**
   * Appends a note of the owner's between the records, for `scan` to find: a delete, an acknowledgement. It takes no
   * sequence and `read` does not show it; `flush` says when it is kept.
   */
  readonly appendControl: (note: LogRecord) => void
  /**
   * Begins a larger epoch: every batch from here on carries it, so that a replica tells this writer from the one before.
   * Ask `flush` when it is kept. Throws `RangeError` unless it is larger, `LogFailed` when the log is poisoned.
   */
  readonly beginEpoch: (epoch: number) => void
  /** Ends all appending for good, because another writer has begun `epoch`: what is not acknowledged yet never will be. */
  readonly fence: (epoch: number) => void
  /** Makes `retain` and `compact` leave the segment with this sequence and all later ones alone; `undefined` holds nothing. Answers how to stop. */
  readonly hold: (keepFrom: () => number | undefined) => () => void
  /** Answers when the record of this sequence holds the durability class; all who wait for one write or sync share it. */
  readonly durable: (sequence: number) => Effect.Effect<void, LogFailed>
  /** Writes, and at class `disk` syncs, everything appended so far without waiting for a timer. */
  readonly flush: Effect.Effect<void, LogFailed>
  /** Answers when there is a record after `sequence` to read. */
  readonly awaitAfter: (sequence: number) => Effect.Effect<void, LogFailed>
  /** Calls `listener` after each group of records that becomes readable, and when the log fails; answers how to stop. */
  readonly onAdvance: (listener: () => void) => () => void
  /** Batches from `from` on for ever: each sequence once, in order, over rolls; nothing is polled. */
  readonly follow: (
    from: number,
    options?: { readonly maxBytes?: number; readonly filter?: SubjectFilter }
  ) => Stream.Stream<BatchView, LogError>
  /**
   * Takes records out of the middle: from here on no reader sees `first` to `last` (default: only `first`); sequences that
   * are not there are passed over. `flush` says when that is kept. Their bytes go when half of their segment is deleted.
   *
   * Throws `RangeError` for what is no range, `LogFailed` when the log is poisoned or closed.
   */
  readonly deleteRecords: (first: number, last?: number) => void
  /**
   * Keeps the last record of each key in the full segments; records without a key all stay. Folding the records by key
   * gives what it gave before, from `cleanBelow` on. Sequences stay as they are, with gaps; readers and followers go on.
   *
   * A tombstone stays `tombstoneMillis` after the compaction that removed what it deletes, so that every reader that is
   * slower by no more than that hears of it.
   */
  readonly compact: (options?: CompactOptions) => Effect.Effect<Compacted, LogError>
  /** Ends the active segment, so that retention can remove it later. */
  readonly roll: Effect.Effect<void, LogFailed>
  /** Removes the oldest full segments that a bound lets go, after the archive hook had each. */
  readonly retain: (bounds: RetentionBounds) => Effect.Effect<Retained, LogFailed>
}

/** Which segments may go. Each of the first four lets the oldest segments go; `keepFrom` holds them back. */
export interface RetentionBounds {
  /** All records have a smaller sequence. */
  readonly below?: number
  /** All records have an earlier time, in milliseconds since 1970. */
  readonly olderThanMillis?: number
  /** The log has more than this many bytes without it. */
  readonly maxBytes?: number
  /** The log has at least this many records without it; what was compacted away or deleted counts. */
  readonly maxRecords?: number
  /** The low-water mark of the slowest consumer: no segment with this sequence or a later one goes. */
  readonly keepFrom?: number
}

/** How far compaction goes. */
export interface CompactOptions {
  /** How long a tombstone stays in the clean part; default a day. */
  readonly tombstoneMillis?: number
  /** Keys of the part not cleaned yet that are held in memory, about 24 bytes and the key each; default 1 048 576. The rest is for the next call. */
  readonly keysMax?: number
  /** No segment with this sequence or a later one is touched; default: only the last one stays. */
  readonly keepFrom?: number
}

/** What retention removed. */
export interface Retained {
  readonly segments: number
  readonly bytes: number
  readonly firstSequence: number
}

/** A full segment, as the archive hook gets it: its file never changes again. */
export interface SealedSegment {
  readonly path: string
  readonly firstSequence: number
  readonly lastSequence: number
  readonly bytes: number
  readonly maxTimeMillis: number
}

/** A log opened to read only. */
export interface ReadOnlyLog extends ReadableLog {
  /** The damage at which the readable part ends, when it does. */
  readonly damage: LogCorrupt | undefined
  /**
   * Takes in what the writer, in whatever process, has written, deleted, removed or compacted since; answers the new
   * `endSequence`. What is written is seen, synced or not. Throws `LogCorrupt` and `LogFailed` as reads do.
   */
  readonly refresh: () => number
  /** Batches from `from` on for ever, looking every `everyMillis` whether there are new ones: each sequence once, in order. */
  readonly follow: (
    from: number,
    options: { readonly everyMillis: number; readonly maxBytes?: number; readonly filter?: SubjectFilter }
  ) => Stream.Stream<BatchView, LogError>
}
