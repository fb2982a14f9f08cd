import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { SeededScheduler } from "./SeededScheduler.ts"
import { settled } from "./Time.ts"

/** A scenario, or how one is made of the seed. */
export type Scenario<A, E, R> = Effect.Effect<A, E, R> | ((seed: number) => Effect.Effect<A, E, R>)

/** How one run of a scenario went. */
export interface SeededRun<A> {
  readonly seed: number
  readonly steps: number
  /** A hash of the order of all steps. */
  readonly order: number
  readonly outcome:
    | { readonly kind: "succeeded"; readonly value: A }
    | { readonly kind: "failed"; readonly cause: unknown }
    | { readonly kind: "stuck" | "endless" }
}

/** Runs a scenario to its end on this stack, in the order of the seed, with a clock, random numbers, layers and a scope of its own. */
export const seededRun = <A, E, R>(
  seed: number,
  scenario: Scenario<A, E, R>,
  context: Context.Context<Exclude<R, Scope.Scope>>,
  stepsMax: number
): SeededRun<A> => {
  const scheduler = new SeededScheduler(seed)
  const own = context.pipe(
    Context.add(Scheduler.Scheduler, scheduler),
    Context.add(Layer.CurrentMemoMap, Layer.makeMemoMapUnsafe())
  )
  const effect = Effect.suspend(() => (typeof scenario === "function" ? scenario(seed) : scenario))
  let clock: TestClock.TestClock | undefined
  const world = inOwnWorld(effect, seed, (made) => {
    clock = made
  })
  const fiber = Effect.runForkWith(own as Context.Context<Exclude<R, Scope.Scope>>)(world)
  const ended = () => fiber.pollUnsafe() !== undefined
  // No task of Effect throws; one of another library that does so would end the process under Effect's own scheduler.
  const ran = Result.try({ try: () => scheduler.run(ended, stepsMax), catch: (cause) => cause })
  const { order, steps } = scheduler
  if (Result.isFailure(ran)) return { seed, steps, order, outcome: { kind: "failed", cause: ran.failure } }
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return { seed, steps, order, outcome: outcomeOf(exit) }
  const kind = steps < stepsMax ? "stuck" : "endless"
  // A scenario that has failed may wait in a finalizer for time that nobody lets pass any more: then the failure is what counts.
  if (kind === "stuck" && clock !== undefined) {
    Effect.runForkWith(own)(clock.adjust("1 day"))
    scheduler.run(ended, stepsMax)
    const late = fiber.pollUnsafe()
    if (late?._tag === "Failure") return { seed, steps, order, outcome: outcomeOf(late) }
  }
  // Finalizers run all the same; what still waits after them is let go.
  fiber.interruptUnsafe()
  scheduler.run(ended, stepsMax)
  return { seed, steps, order, outcome: { kind } }
}

const inOwnWorld = <A, E, R>(
  scenario: Effect.Effect<A, E, R>,
  seed: number,
  onClock: (clock: TestClock.TestClock) => void
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  TestClock.testClockWith((clock) => {
    onClock(clock)
    return Effect.provideService(Effect.scoped(scenario), Clock.Clock, settled(clock))
  }).pipe(Random.withSeed(seed), Effect.provide(TestClock.layer()))

const outcomeOf = <A, E>(exit: Exit.Exit<A, E>): SeededRun<A>["outcome"] =>
  exit._tag === "Success"
    ? { kind: "succeeded", value: exit.value }
    : { kind: "failed", cause: Cause.squash(exit.cause) }
