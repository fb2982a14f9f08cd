/**
 * Why two versions of a view differ: for every row that differs, the inputs that did something else to it.
 *
 * An `expected` predicate over those inputs must then cover every difference: what is left over is a bug, or an effect nobody thought of.
 */
import type { Broker } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Contributions from "./Contributions.ts"
import * as Outputs from "./Outputs.ts"
import * as Table from "./Table.ts"
import * as TableDiff from "./TableDiff.ts"
import type { View } from "./View.ts"
import type { ViewError } from "./ViewError.ts"

export type { Contribution, Differing } from "./Contributions.ts"

/** One of the two versions. */
export interface Version<State, Output> {
  readonly view: View<State, Output>
  readonly table: Table.TableSpec<Output>
  /** Which input caused an output, and what it changed; `undefined` for an output that no input of the source explains. */
  readonly contribution: (output: Output) => Contributions.Contribution | undefined
  /** The namespace of the run that wrote the outputs. */
  readonly namespace?: string
}

/** What to compare. */
export interface ExplainOptions {
  /** Only the rows with these keys. */
  readonly keys?: ReadonlySet<string>
  /**
   * Only outputs of inputs up to this source sequence (those without a contribution count always): the cut at which both versions have folded the
   * same. Exact where the outputs about one key come in the order of their inputs.
   */
  readonly through?: number
}

/** A row that differs. */
export interface Explained {
  readonly key: string
  /** The row in the old version; `undefined` where there is none. */
  readonly before: Table.Row | undefined
  readonly after: Table.Row | undefined
  /** Source sequences that contributed in only one version, or differently; rising. */
  readonly sequences: ReadonlyArray<number>
  /** What each of them did, in the same order. */
  readonly inputs: ReadonlyArray<Contributions.Differing>
}

/** Both tables, and why they differ. */
export interface Explanation {
  readonly before: Table.Rows
  readonly after: Table.Rows
  /** Every row that differs, sorted by key. */
  readonly differences: ReadonlyArray<Explained>
}

/**
 * Reads both output topics once, side by side, and explains every row that differs.
 *
 * Held in memory: both tables, the contributions that only one version has, and those by which one topic is read ahead of the other.
 */
export const explain = <State1, Output1, State2, Output2>(
  before: Version<State1, Output1>,
  after: Version<State2, Output2>,
  options?: ExplainOptions
): Effect.Effect<Explanation, ViewError, Broker> =>
  Effect.suspend(() => {
    const { keys, through = Number.POSITIVE_INFINITY } = options ?? {}
    const contributions = Contributions.make()

    const readSide = <State, Output>(side: "before" | "after", version: Version<State, Output>) => {
      const { contribution, namespace, table: spec, view } = version
      const table = Table.make({
        ...spec,
        key: (output: Output) => {
          const key = spec.key(output)
          return key === undefined || keys === undefined || keys.has(key) ? key : undefined
        }
      })
      const take = (output: Output): boolean => {
        const contributed = contribution(output)
        if (contributed === undefined) return true
        if (contributed.sequence > through) return false
        if (keys === undefined || keys.has(contributed.key)) contributions.add(side, contributed)
        return true
      }
      return Stream.runForEachArray(
        Outputs.read(view, namespace === undefined ? undefined : { namespace }),
        (commits) =>
          Effect.sync(() => {
            for (const committed of commits) table.apply(Outputs.decode(view, committed).filter(take))
          })
      ).pipe(Effect.as(table.rows))
    }

    return Effect.map(
      Effect.all([readSide("before", before), readSide("after", after)], { concurrency: 2 }),
      ([before, after]): Explanation => ({
        before,
        after,
        differences: TableDiff.differingKeys(before, after).map((key) => {
          const inputs = contributions.differing(key)
          return {
            key,
            before: before.get(key),
            after: after.get(key),
            sequences: inputs.map(({ sequence }) => sequence),
            inputs
          }
        })
      })
    )
  })

/** A difference that nothing explains, or not what was expected. */
export interface Unexplained {
  readonly key: string
  readonly reason: string
}

/** The differences of two versions, counted, and what of them is not explained. */
export interface Report extends TableDiff.TableDiff {
  /** Rows that differ by expected inputs only. */
  readonly explained: number
  /** The others: 0 when the expectation covers every difference. Examples in the order of their keys. */
  readonly unexplained: { readonly count: number; readonly examples: ReadonlyArray<Unexplained> }
}

const reasonOf = (
  { key, sequences }: Explained,
  expected: ((sequence: number, key: string) => boolean) | undefined
): string | undefined => {
  if (sequences.length === 0) return "the row differs, but every input did the same to it in both versions"
  if (expected === undefined) return undefined
  const others = sequences.filter((sequence) => !expected(sequence, key))
  if (others.length === 0) return undefined
  return `not expected: input ${others[0]}${others.length === 1 ? "" : ` and ${others.length - 1} more`}`
}

/**
 * Sums an explanation up. A row's difference is explained when at least one input caused it and `expected` (default: any) holds for all that did.
 * `examples` (default 5) bounds what is listed, never what is counted.
 */
export const report = (
  explanation: Explanation,
  options?: {
    readonly expected?: (sequence: number, key: string) => boolean
    readonly examples?: number
  }
): Report => {
  const { examples = 5, expected } = options ?? {}
  const unexplained: Array<Unexplained> = []
  for (const explained of explanation.differences) {
    const reason = reasonOf(explained, expected)
    if (reason !== undefined) unexplained.push({ key: explained.key, reason })
  }
  return {
    ...TableDiff.diff(explanation.before, explanation.after, { examples }),
    explained: explanation.differences.length - unexplained.length,
    unexplained: { count: unexplained.length, examples: unexplained.slice(0, examples) }
  }
}
