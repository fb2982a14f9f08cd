import type { RetentionBounds } from "./ReadableLog.ts"
import type { Segment } from "./Segment.ts"

/**
 * How many of the oldest segments the bounds let go. Only sealed ones, never the last one, and none after one that stays:
 * a log has no holes.
 */
export const removable = (segments: ReadonlyArray<Segment>, bounds: RetentionBounds): number => {
  let bytes = segments.reduce((sum, segment) => sum + segment.size, 0)
  let records = segments.reduce((sum, segment) => sum + segment.records, 0)
  let count = 0
  for (const segment of segments.slice(0, -1)) {
    if (!segment.sealed) break
    if (bounds.keepFrom !== undefined && segment.nextSequence > bounds.keepFrom) break
    const goes =
      (bounds.below !== undefined && segment.nextSequence <= bounds.below) ||
      (bounds.olderThanMillis !== undefined && segment.maxTimeMillis < bounds.olderThanMillis) ||
      (bounds.maxBytes !== undefined && bytes > bounds.maxBytes) ||
      (bounds.maxRecords !== undefined && records - segment.records >= bounds.maxRecords)
    if (!goes) break
    bytes -= segment.size
    records -= segment.records
    count++
  }
  return count
}
