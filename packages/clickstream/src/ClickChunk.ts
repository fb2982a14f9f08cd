import type { ClickEvent } from "./ClickEvent.ts"
import type { ClickFormat } from "./ClickFormat.ts"
import type { HeaderInvalid } from "./ReadError.ts"
import type { Reject } from "./Reject.ts"

/** Some consecutive rows of a source. */
export interface ClickChunk {
  readonly format: ClickFormat
  /** The rows that are events, in row order. */
  readonly events: ReadonlyArray<ClickEvent>
  /** The rows that are not, in row order. */
  readonly rejects: ReadonlyArray<Reject>
  /** The last row of this chunk, 1-based; `fromRow: lastRow + 1` goes on after it. */
  readonly lastRow: number
  /** Bytes of the source (compressed, if it is) taken in so far: for a progress bar. */
  readonly bytesRead: number
}

/** The rows of one source: text in, chunks out. */
export interface Rows {
  readonly push: (text: string, into: Array<ClickChunk>) => HeaderInvalid | undefined
  readonly end: (into: Array<ClickChunk>) => HeaderInvalid | undefined
}

/** Most characters of a rejected value that are shown. */
export const valueLength = 200

/** What a row with characters that stand for lost bytes is rejected for. */
export const notUtf8 = "holds bytes that are not UTF-8"
