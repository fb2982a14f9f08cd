import type { Segment } from "./Segment.ts"

/** A place between two batches of a log: in bytes, in records, and by the checksum of the batch that ends there. */
export interface LogPoint {
  /** First sequence of the segment it is in: the number in the file's name. */
  readonly segment: number
  /** Bytes of that file before it. */
  readonly position: number
  /** The sequence of the next record. */
  readonly sequence: number
  /** `headerCrc` of the batch before it: two logs with one id that agree on it agree on all that comes before. */
  readonly chain: number
}

/** The present end of a segment. */
export const endOf = (segment: Segment): LogPoint => ({
  segment: segment.baseSequence,
  position: segment.size,
  sequence: segment.nextSequence,
  chain: segment.tailChain
})

/** Negative when `a` comes before `b`, 0 at the same place. Only for points of logs of which one is a prefix of the other. */
export const comparePlaces = (
  a: Pick<LogPoint, "segment" | "position">,
  b: Pick<LogPoint, "segment" | "position">
): number => a.segment - b.segment || a.position - b.position
