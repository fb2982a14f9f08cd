import { batchHeaderAt } from "../log/BatchHeader.ts"
import type { BatchView } from "../log/BatchView.ts"
import { readU64 } from "../log/LittleEndian.ts"

/** A log as an event stream: one record of it. */
export interface EventReading {
  readonly sequence: number
  readonly timeMillis: number
  /** Empty when the record has none. */
  readonly subject: string
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** The same bytes as a database's write-ahead log: one batch, which is one atomic write. */
export interface WalReading {
  /** The first sequence of the batch, and the one after its last. */
  readonly sequence: number
  readonly nextSequence: number
  readonly bytes: number
  readonly epoch: number
  /** Checksum of this batch's header, and of the one before it. */
  readonly headerCrc: number
  readonly chain: number
  /** Everything below was on the writer's disk when it built the batch. */
  readonly syncedTo: number
  /** What the batch does to a table of keys. */
  readonly operations: ReadonlyArray<WalOperation>
}

/** One record as an operation on a key: a tombstone deletes; a record without a key only appends. */
export type WalOperation =
  | { readonly _tag: "Put"; readonly sequence: number; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly _tag: "Delete"; readonly sequence: number; readonly key: Uint8Array }
  | { readonly _tag: "Append"; readonly sequence: number; readonly value: Uint8Array }

/** Reads a batch of records as events. */
export const asEvents = (batch: BatchView): ReadonlyArray<EventReading> =>
  Array.from({ length: batch.isControl ? 0 : batch.count - batch.start }, (_, i) => {
    const row = batch.start + i
    return {
      sequence: batch.sequence(row),
      timeMillis: batch.timeMillis(row),
      subject: batch.subject(row) ?? "",
      key: batch.key(row),
      value: batch.value(row)
    }
  })

const readRecord = (batch: BatchView, row: number): ReadonlyArray<WalOperation> => {
  const sequence = batch.sequence(row)
  const key = batch.key(row)
  if (batch.isTombstone(row)) return [{ _tag: "Delete", sequence, key }]
  const value = batch.value(row)
  return [key.length === 0 ? { _tag: "Append", sequence, value } : { _tag: "Put", sequence, key, value }]
}

/**
 * Reads the same batch as a database's log. `operations` says what a record does, for a database that has its own encoding;
 * by default the key, the value and the tombstone of the record itself say it.
 */
export const asWal = (
  batch: BatchView,
  operations: (batch: BatchView, row: number) => ReadonlyArray<WalOperation> = readRecord
): WalReading => {
  const view = new DataView(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.length)
  return {
    sequence: batch.baseSequence,
    nextSequence: batch.nextSequence,
    bytes: batch.bytes.length,
    epoch: batch.epoch,
    headerCrc: view.getUint32(batchHeaderAt.headerCrc, true),
    chain: view.getUint32(batchHeaderAt.chain, true),
    syncedTo: readU64(view, batchHeaderAt.syncedTo),
    operations: batch.isControl
      ? []
      : Array.from({ length: batch.count }, (_, row) => operations(batch, row)).flat()
  }
}
