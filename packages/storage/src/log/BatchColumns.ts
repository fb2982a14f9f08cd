import { type BatchHeader, batchHeaderBytes, isControl } from "./BatchHeader.ts"
import { align4, align8 } from "./LittleEndian.ts"

/** Bits of the header's `columns`: which columns the body has, in this order; the last bit widens the subject ids. */
export const batchColumn = {
  end: 1 << 0,
  timeDelta: 1 << 1,
  keyEnd: 1 << 2,
  subjectId: 1 << 3,
  headerEnd: 1 << 4,
  offsetDelta: 1 << 5,
  flags: 1 << 6,
  wideSubjectIds: 1 << 7
} as const

/** Where each column begins, in bytes from the start of the batch; −1 for a column that is not there. */
export interface ColumnLayout {
  readonly end: number
  readonly timeDelta: number
  readonly keyEnd: number
  readonly subjectId: number
  readonly headerEnd: number
  readonly offsetDelta: number
  readonly flags: number
  /** Where the key heap begins: `heapStart` of the header. */
  readonly heapStart: number
}

/** The layout of `count` records with these columns: each column begins at a multiple of 4. */
export const columnLayout = (columns: number, count: number): ColumnLayout => {
  // Where each would begin, whether it is there or not; no closures, this runs for every batch.
  const words = count * 4
  const idBytes = (columns & batchColumn.wideSubjectIds) === 0 ? align4(count * 2) : words
  const timeDelta = after(columns, batchColumn.end, batchHeaderBytes, words)
  const keyEnd = after(columns, batchColumn.timeDelta, timeDelta, words)
  const subjectId = after(columns, batchColumn.keyEnd, keyEnd, words)
  const headerEnd = after(columns, batchColumn.subjectId, subjectId, idBytes)
  const offsetDelta = after(columns, batchColumn.headerEnd, headerEnd, words)
  const flags = after(columns, batchColumn.offsetDelta, offsetDelta, words)
  return {
    end: (columns & batchColumn.end) === 0 ? -1 : batchHeaderBytes,
    timeDelta: (columns & batchColumn.timeDelta) === 0 ? -1 : timeDelta,
    keyEnd: (columns & batchColumn.keyEnd) === 0 ? -1 : keyEnd,
    subjectId: (columns & batchColumn.subjectId) === 0 ? -1 : subjectId,
    headerEnd: (columns & batchColumn.headerEnd) === 0 ? -1 : headerEnd,
    offsetDelta: (columns & batchColumn.offsetDelta) === 0 ? -1 : offsetDelta,
    flags: (columns & batchColumn.flags) === 0 ? -1 : flags,
    heapStart: after(columns, batchColumn.flags, flags, align4(count))
  }
}

/** Where the column after this one begins, when this one begins at `at`. */
const after = (columns: number, bit: number, at: number, bytes: number): number =>
  (columns & bit) === 0 ? at : at + bytes

/** Where the heaps of a batch lie: keys from `heapStart`, then headers, then values up to `valueStart + valueBytes`. */
export interface HeapLayout {
  readonly headerStart: number
  readonly valueStart: number
  readonly valueBytes: number
}

/**
 * Checks that a batch whose checksums hold is also built as the format says, and answers where its parts are;
 * otherwise a sentence that says what does not fit.
 */
export const checkLayout = (
  header: BatchHeader,
  view: DataView,
  at: number
): { readonly columns: ColumnLayout; readonly heaps: HeapLayout } | string => {
  const { columns, count } = header
  if (count > 0 && (columns & (batchColumn.end | batchColumn.timeDelta)) !== 3) return "a column is missing"
  const layout = columnLayout(columns, count)
  if (layout.heapStart !== header.heapStart) return "heapStart is not the end of the columns"
  if (header.length > view.byteLength - at || layout.heapStart > header.length)
    return "columns pass the end of the batch"
  const lastOf = (column: number): number =>
    column < 0 || count === 0 ? 0 : view.getUint32(at + column + (count - 1) * 4, true)
  const headerStart = layout.heapStart + lastOf(layout.keyEnd)
  const valueStart = headerStart + lastOf(layout.headerEnd)
  const valueBytes = lastOf(layout.end)
  if (align8(valueStart + valueBytes) !== header.length) return "heaps do not fill the batch"
  if (!isControl(header) && Math.max(count, lastOf(layout.offsetDelta) + Math.min(count, 1)) > header.span)
    return "more records than offsets"
  return { columns: layout, heaps: { headerStart, valueStart, valueBytes } }
}
