import type { LogId } from "./LogId.ts"
import type { LogPoint } from "./LogPoint.ts"
import type { Segment } from "./Segment.ts"

/** A log as its files are: what shipping reads. The bytes below `syncedPoint` never change again. */
export interface RawLog {
  /** Where the files are. */
  readonly directory: string
  readonly logId: LogId
  /** In order; the last is the one that is written to. The array and its segments are live: do not change them. */
  readonly segments: ReadonlyArray<Segment>
  /** Everything before it is synced. */
  readonly syncedPoint: LogPoint
  /** `length` bytes of a segment's file from `position` on. Throws `LogFailed` when the disk cannot be read. */
  readonly bytesAt: (segment: Segment, position: number, length: number) => Uint8Array<ArrayBuffer>
}
