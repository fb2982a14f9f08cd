import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { InterleavingFailed } from "./InterleavingFailed.ts"
import { type Scenario, type SeededRun, seededRun } from "./SeededRun.ts"

export { InterleavingFailed } from "./InterleavingFailed.ts"
export type { Scenario } from "./SeededRun.ts"

/** Steps that one run may take. */
const stepsMaxDefault = 1_000_000

/** What an exploration that found nothing has covered. */
export interface Explored<A> {
  readonly seeds: number
  /** Tasks that ran in all of them together. */
  readonly steps: number
  /** How many of the seeds had an order of steps that no other had. */
  readonly orders: number
  /** What the scenario answered, seed by seed. */
  readonly values: ReadonlyArray<A>
}

/**
 * Runs `scenario` under many orders of its steps, one a seed, and stops at the first seed under which it fails, dies, waits for
 * ever or does not end: with `InterleavingFailed`, whose message says the seed and how to replay it.
 *
 * Each run has a `TestClock`, `Random` numbers, layers and a `Scope` of its own, and runs to its end without giving way to anything else in
 * the process, so a seed decides everything. Make actor systems inside the scenario: those from outside have another scheduler.
 * The clock moves when the scenario moves it (`TestClock.adjust`), and only once nothing else is ready.
 * A scenario that waits for real time, a promise or a socket is stuck.
 *
 * The order of steps is uniform over what is ready, with fibers that may be interrupted between any two operations (see
 * `SeededScheduler`); a function as `scenario` gets the seed.
 *
 * ```ts
 * yield* Interleavings.explore({ seeds: 1000, scenario: transferBetweenTwoAccounts })
 * ```
 */
export const explore = <A, E, R>(options: {
  /** How many seeds to run. */
  readonly seeds: number
  /** The first seed; default 1. */
  readonly from?: number
  /** After how many steps a run counts as endless; default a million. */
  readonly stepsMax?: number
  readonly scenario: Scenario<A, E, R>
}): Effect.Effect<Explored<A>, InterleavingFailed, Exclude<NoInfer<R>, Scope.Scope>> =>
  Effect.gen(function* () {
    const { from = 1, scenario, seeds, stepsMax } = options
    const orders = new Set<number>()
    const values: Array<A> = []
    let steps = 0
    for (let seed = from; seed < from + seeds; seed++) {
      const run = yield* succeeding(seed, scenario, stepsMax)
      steps += run.steps
      orders.add(run.order)
      values.push(run.value)
      // A run takes the thread for itself: others get theirs between two.
      yield* Effect.yieldNow
    }
    return { seeds, steps, orders: orders.size, values }
  })

/** Runs `scenario` in the order of one seed: the same steps, and so the same answer or failure, each time. */
export const replay = <A, E, R>(
  seed: number,
  scenario: Scenario<A, E, R>,
  options?: { readonly stepsMax?: number }
): Effect.Effect<A, InterleavingFailed, Exclude<NoInfer<R>, Scope.Scope>> =>
  Effect.map(succeeding(seed, scenario, options?.stepsMax), ({ value }) => value)

const succeeding = <A, E, R>(
  seed: number,
  scenario: Scenario<A, E, R>,
  stepsMax = stepsMaxDefault
): Effect.Effect<SeededRun<A> & { readonly value: A }, InterleavingFailed, Exclude<R, Scope.Scope>> =>
  Effect.contextWith((context: Context.Context<Exclude<R, Scope.Scope>>) => {
    const runOnce = () => seededRun(seed, scenario, context, stepsMax)
    const run = runOnce()
    if (run.outcome.kind === "succeeded") return Effect.succeed({ ...run, value: run.outcome.value })
    const again = runOnce()
    const repeats =
      again.outcome.kind === run.outcome.kind && again.order === run.order && again.steps === run.steps
    const cause = run.outcome.kind === "failed" ? { cause: run.outcome.cause } : {}
    return Effect.fail(
      new InterleavingFailed({ seed, steps: run.steps, kind: run.outcome.kind, repeats, ...cause })
    )
  })
