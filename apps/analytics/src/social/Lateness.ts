/** The rule of time that every layer goes by: view, batch and speed. */
import * as Calendar from "./Calendar.ts"

/** A partition's watermark is its newest event's time less this. */
export const delayMillis = 2 * 60_000

/** An event further behind its partition's watermark than this is late, and counted by nobody. */
export const latenessMillis = 6 * Calendar.hourMillis

/** The watermark of a partition whose newest event is of this time. */
export const watermarkOf = (newestAt: number): number => newestAt - delayMillis

/** The time before which a partition takes no event any more: what ended before it is closed. */
export const closedBefore = (newestAt: number): number => watermarkOf(newestAt) - latenessMillis
