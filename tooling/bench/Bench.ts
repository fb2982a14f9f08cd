/**
 * Comparisons that mean something: contenders of one durability class take turns in one process, and what counts is
 * the ratio of each turn, not the absolute figures of a machine.
 *
 * A bench is a file `packages/<package>/bench/<name>.ts` that exports `bench`; `pnpm bench <name>` runs it.
 */

/** What a contender has done for its data when it says it is done; figures of different classes are never compared. */
export type Durability = "memory" | "os" | "disk"

/**
 * What a case is measured in. Rates (`…/s`) are better when higher, everything else (times, bytes) when lower.
 * Harness-timed rates count what a run returns a second; harness-timed times are the run's own duration.
 */
export type Unit =
  | "ops/s"
  | "messages/s"
  | "records/s"
  | "events/s"
  | "actors/s"
  | "MB/s"
  | "s"
  | "ms"
  | "µs"
  | "ns"
  | "MB"
  | "bytes"

/** A figure that a run has measured itself, in the unit of its case. */
export class Measured {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** For runs that know better than the harness: percentiles, sizes, what a child process reports. */
export const measured = (value: number): Measured => new Measured(value)

/** What a run is told: whether a rough figure will do, so that it may take a smaller load. */
export interface Turn {
  readonly quick: boolean
}

/**
 * What a run returns: how many operations it did (for a rate), nothing (for a time), or a figure of its own.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: an Effect<void> run as a promise is a run that returns nothing.
export type Outcome = number | Measured | void

/** One side of a case. `setup` and `teardown` happen once, around all turns, and are not measured. */
export interface Contender {
  readonly durability: Durability
  readonly setup?: (turn: Turn) => void | Promise<void>
  readonly run: (turn: Turn) => Outcome | Promise<Outcome>
  readonly teardown?: () => void | Promise<void>
}

/** The side that is compared against, with the name that the table gives it. */
export interface Rival extends Contender {
  readonly name: string
}

/** One row of a bench: the same work done by us and by a rival. */
export interface Case {
  readonly case: string
  readonly unit: Unit
  readonly ours: Contender
  readonly rival: Rival
}

/** A named list of cases. */
export interface Bench {
  readonly name: string
  readonly cases: ReadonlyArray<Case>
}

/** A comparison that would say nothing true. */
export class UnfairComparison extends Error {
  override readonly name = "UnfairComparison"
}

/** Defines a bench. Refuses cases whose sides promise different durability, and cases of the same name and rival. */
export const define = (name: string, cases: ReadonlyArray<Case>): Bench => {
  const seen = new Set<string>()
  for (const { case: title, ours, rival } of cases) {
    const row = `${title}, against ${rival.name}`
    if (ours.durability !== rival.durability) {
      throw new UnfairComparison(
        `${name}: "${row}" compares "${ours.durability}" with "${rival.durability}". ` +
          `Give both sides the same durability, or make two cases of it.`
      )
    }
    if (seen.has(row))
      throw new UnfairComparison(`${name}: "${row}" is there twice. Give each case its own name.`)
    seen.add(row)
  }
  return { name, cases }
}
