import { type BatchHeader, batchHeaderBytes } from "./BatchHeader.ts"
import { type BatchView, viewBatch } from "./BatchView.ts"
import type { LogRecord } from "./LogRecord.ts"
import { OpenBatch } from "./OpenBatch.ts"
import type { SubjectDictionary } from "./SubjectDictionary.ts"

/** One row of a batch as what `append` took; the bytes are views. */
export const recordOfRow = (batch: BatchView, row: number): LogRecord => ({
  value: batch.value(row),
  timeMillis: batch.timeMillis(row),
  key: batch.key(row),
  headers: batch.headers(row),
  tombstone: batch.isTombstone(row),
  mark: batch.mark(row)
})

/**
 * The same batch without the rows that `isGone`: in memory of its own, covering the same sequences. It is never written,
 * unless `as` says with which seed, and what it covers.
 */
export const squeezeBatch = (
  batch: BatchView,
  header: BatchHeader,
  dictionary: SubjectDictionary,
  from: number,
  isGone: (sequence: number) => boolean,
  as: { readonly seed: number; readonly span: number } = { seed: 0, span: header.span }
): BatchView | string => {
  const bytes = header.length - batchHeaderBytes
  const open = new OpenBatch({ records: Math.max(1, batch.count), valueBytes: bytes, heapBytes: bytes })
  const ids = batch.subjectIds
  for (let row = 0; row < batch.count; row++) {
    const sequence = batch.sequence(row)
    if (isGone(sequence)) continue
    const record = recordOfRow(batch, row)
    const { headers, key, timeMillis, value } = record
    if (!open.fits(value.length, key?.length ?? 0, headers?.length ?? 0, timeMillis)) return "heaps overlap"
    open.addAt(record, ids?.[row] ?? 0, sequence - header.baseSequence)
  }
  const place = {
    chain: header.chain,
    baseSequence: header.baseSequence,
    epoch: header.epoch,
    syncedTo: header.syncedTo,
    seed: as.seed
  }
  const sealed = open.seal(place, undefined, as.span)
  const own = sealed.bytes.slice()
  return viewBatch(own, new DataView(own.buffer), 0, sealed.header, dictionary, from)
}
