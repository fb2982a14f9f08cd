/**
 * Runs a Lambda step by step over a topic that is there, reads it at chosen moments, and lists every answer that is not the truth.
 */
import type { Table } from "@troupe/views"
import * as Effect from "effect/Effect"
import type { BatchError } from "./BatchError.ts"
import * as Lambda from "./Lambda.ts"
import { corrected } from "./Wiring.ts"

/** When batches run and answers are read, by the sequence that the topic had reached. */
export interface Scenario {
  /** The batch layer runs when the speed layer has folded these sequences; one of them may meet a mishap. */
  readonly batches: ReadonlyArray<{ readonly at: number; readonly mishap?: Lambda.Mishap }>
  /** Answers are read at these sequences, after a batch that is due at the same one. */
  readonly reads: ReadonlyArray<number>
}

/** What DuckDB answers over all events up to a sequence: the same for every wiring, so that several comparisons need it once. */
export type Truth = (
  through: number
) => Effect.Effect<{ readonly [question: string]: Table.Rows }, BatchError>

/** An answer that is not the truth. */
export interface Disagreement {
  readonly question: string
  readonly key: string
  /** Sequence at which it was read. */
  readonly at: number
  /** What Lambda answered; null for no row. */
  readonly lambda: Table.Row | null
  /** What DuckDB over all events up to `at` answers; null for no row. */
  readonly truth: Table.Row | null
  /** Why, as the wiring knows it. */
  readonly cause: string
}

/** What a comparison found. */
export interface Compared {
  readonly wiring: string
  /** Rows of the truth that were compared, over all reads. */
  readonly rows: number
  /** Events that were too late to be counted by the speed layer. */
  readonly late: number
  readonly disagreements: ReadonlyArray<Disagreement>
}

const sameRow = (a: Table.Row, b: Table.Row): boolean => {
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...names].every((name) => (a[name] ?? null) === (b[name] ?? null))
}

/** The keys whose rows differ, or that only one of two tables has, sorted. */
export const differing = (lambda: Table.Rows, truth: Table.Rows): ReadonlyArray<string> => {
  const keys: Array<string> = []
  for (const [key, row] of truth) {
    const held = lambda.get(key)
    if (held === undefined || !sameRow(held, row)) keys.push(key)
  }
  for (const key of lambda.keys()) if (!truth.has(key)) keys.push(key)
  return keys.sort()
}

/**
 * Runs the scenario: the archive must hold the topic up to the last sequence that is read, and `directory` must be empty. Deterministic: the
 * same topic, wiring and scenario give the same list on every broker. `known.truth` answers in place of a recomputation at each read.
 */
export const run = <Event>(
  options: Lambda.Options<Event>,
  scenario: Scenario,
  known?: { readonly truth?: Truth }
): Effect.Effect<Compared, BatchError> =>
  Effect.gen(function* () {
    const lambda = yield* Lambda.open(options)
    const truthAt: Truth = known?.truth ?? ((through) => lambda.truth({ through }))
    const { cause, name } = options.wiring ?? corrected
    const disagreements: Array<Disagreement> = []
    let rows = 0
    const moments = new Set([...scenario.batches.map(({ at }) => at), ...scenario.reads])
    for (const at of [...moments].sort((a, b) => a - b)) {
      yield* lambda.catchUp({ through: at })
      for (const batch of scenario.batches) {
        if (batch.at !== at) continue
        yield* lambda.runBatch({
          through: at,
          ...(batch.mishap === undefined ? {} : { mishap: batch.mishap })
        })
      }
      yield* lambda.catchUp({ through: at })
      if (!scenario.reads.includes(at)) continue
      const answer = yield* lambda.answer
      const truth = yield* truthAt(at)
      for (const { name: question } of options.questions) {
        const [ours, true_] = [answer.tables[question] ?? new Map(), truth[question] ?? new Map()]
        rows += true_.size
        for (const key of differing(ours, true_)) {
          disagreements.push({
            question,
            key,
            at,
            lambda: ours.get(key) ?? null,
            truth: true_.get(key) ?? null,
            cause: cause === "" ? `${yield* lambda.late} late events` : cause
          })
        }
      }
    }
    return { wiring: name, rows, late: yield* lambda.late, disagreements }
  })
