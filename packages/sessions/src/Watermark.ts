/**
 * The watermark: a promise, computed from the events of a log so far and nothing else, that no older event is awaited.
 */

/** The watermark of an empty log: nothing is promised. */
export const none = Number.NEGATIVE_INFINITY

/** The watermark after an event at `timeMillis`: it never falls, and stays `delayMillis` behind the newest event. */
export const after = (watermarkMillis: number, timeMillis: number, delayMillis: number): number =>
  Math.max(watermarkMillis, timeMillis - delayMillis)

/** The watermark after a log's prefix. */
export const ofPrefix = (timesMillis: Iterable<number>, delayMillis: number): number => {
  let watermark = none
  for (const timeMillis of timesMillis) watermark = after(watermark, timeMillis, delayMillis)
  return watermark
}
