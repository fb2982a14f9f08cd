/**
 * How the two layers of Lambda are wired together: the corrected way, and the classic ways to get it wrong, each under its name.
 *
 * A naive wiring really does what it says: it publishes, cuts, trims and counts like that. None of them is for use; they exist so that a
 * test, and a reader, can see what each one costs. Sources: Marz and Warren, "Big Data" (2015); Kreps, "Questioning the Lambda
 * Architecture" (2014); Twitter's report on leaving it (2021).
 */
import type { Question } from "./Question.ts"

/** A wiring whose layers answer with the questions' own code; `corrected` is the only one whose answers are those of a recomputation. */
export interface AnyWiring {
  readonly name: string
  /** Why answers of this wiring are wrong, in one sentence; empty for `corrected`. */
  readonly cause: string
  /** Are rows and watermark one commit, or two, the watermark first? */
  readonly publish: "together" | "apart"
  /** Is a unit in the batch view once it is closed, or is every event in it that lies before the last midnight? */
  readonly cut: { readonly by: "unit" } | { readonly by: "day"; readonly zoneMillis: number }
  /** Does the speed layer keep late events by the common rule, or drop all that are behind the watermark? */
  readonly speedLate: "common" | "dropped"
  /** Does the speed layer forget a unit when a batch with it was adopted, or after a time? */
  readonly trim: { readonly by: "published" } | { readonly by: "age"; readonly millis: number }
  /** Does a failed batch publish nothing, or the part it had, as if it were all? */
  readonly failedBatch: "nothing" | "partial"
  /** Another code base of the batch layer, by question; default the questions' own SQL. */
  readonly batchSql?: { readonly [question: string]: string }
}

/** A wiring for events of one type. */
export interface Wiring<Event> extends AnyWiring {
  /** Another code base of the speed layer, by question; default the questions' own function. */
  readonly speedUnits?: Units<Event>
}

type Units<Event> = { readonly [question: string]: Question<Event>["units"] }

/** One commit for rows and watermark; one predicate for both layers; one rule for late events; trimming follows publication. */
export const corrected: AnyWiring = {
  name: "corrected",
  cause: "",
  publish: "together",
  cut: { by: "unit" },
  speedLate: "common",
  trim: { by: "published" },
  failedBatch: "nothing"
}

/** The watermark in one commit and the rows in another: a batch that dies between them leaves a hole. */
export const publishedApart: AnyWiring = {
  ...corrected,
  name: "published-apart",
  cause: "the batch died after it had published its watermark: the rows are those of the run before",
  publish: "apart"
}

/** Batch until midnight, speed since midnight: what reaches over it is cut in two. `zoneMillis` is the zone's offset to UTC. */
export const cutAtMidnight = (zoneMillis = 0): AnyWiring => ({
  ...corrected,
  name: "cut-at-midnight",
  cause: "batch and speed were divided at midnight by event, so a unit over midnight was cut in two",
  cut: { by: "day", zoneMillis }
})

/** Another program answers in the speed layer: other rules for null, zones, rounding. */
export const twoCodeBases = <Event>(speedUnits: Units<Event>): Wiring<Event> => ({
  ...corrected,
  name: "two-code-bases",
  cause:
    "the speed layer is another program than the batch layer, with other rules for null, zone or rounding",
  speedUnits
})

/** The speed layer drops what is behind its watermark, the batch layer counts it. */
export const lateDropped: AnyWiring = {
  ...corrected,
  name: "late-dropped-by-speed",
  cause: "the speed layer dropped an event behind its watermark that the batch layer counts",
  speedLate: "dropped"
}

/** The speed layer estimates, the batch layer counts. */
export const approximate = <Event>(speedUnits: Units<Event>): Wiring<Event> => ({
  ...corrected,
  name: "approximate-speed",
  cause: "the speed layer's number is an estimate, the batch layer's is exact",
  speedUnits
})

/** The speed layer forgets by age: a batch that comes later than that leaves a hole. */
export const trimmedByAge = (millis: number): AnyWiring => ({
  ...corrected,
  name: "speed-trimmed-early",
  cause: "the speed layer forgot the unit before a batch view had it",
  trim: { by: "age", millis }
})

/** A failed batch counts as done: its watermark moves on over rows that it never wrote. */
export const failedBatchCounts: AnyWiring = {
  ...corrected,
  name: "failed-batch-counts",
  cause: "a batch failed after some of its partitions, and was published as if it were whole",
  failedBatch: "partial"
}

/** New code in the batch layer only: history is answered by version 2, today by version 1. */
export const reprocessedBatchOnly = (batchSql: { readonly [question: string]: string }): AnyWiring => ({
  ...corrected,
  name: "reprocessed-batch-only",
  cause: "the batch layer was recomputed by new code, the speed layer still runs the old",
  batchSql
})

/** Both layers add the same floating-point numbers, each in its own order. */
export const floatSums = <Event>(
  batchSql: { readonly [question: string]: string },
  speedUnits: Units<Event>
): Wiring<Event> => ({
  ...corrected,
  name: "float-sums",
  cause: "floating-point numbers were added in another order: (a + b) + c is not a + (b + c)",
  batchSql,
  speedUnits
})
