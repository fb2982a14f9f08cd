/**
 * A training run: work in small steps, so that a process stays responsive, and the same result however it is run.
 */
import * as Effect from "effect/Effect"

/** How far a training is. */
export interface Progress {
  /** What is being trained. */
  readonly model: string
  /** Finished share, 0 … 1. */
  readonly done: number
  /** Mean log loss an event on the training set, where it is known. */
  readonly logLoss?: number
  /** The same on the validation set. */
  readonly validationLogLoss?: number
}

/** A training that has not begun: nothing happens until it is run, and each run begins anew. */
export interface Training<A> {
  readonly model: string
  /** Work in steps of some ten milliseconds. */
  readonly steps: () => Generator<Progress, A, void>
}

/** A training of one step. */
export const single = <A>(model: string, make: () => A): Training<A> => ({
  model,
  *steps() {
    const made = make()
    yield { model, done: 1 }
    return made
  }
})

/** Trains at once: the process does nothing else until it is done. */
export const now = <A>(training: Training<A>, onProgress?: (progress: Progress) => void): A => {
  const steps = training.steps()
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    onProgress?.(step.value)
  }
}

/** Trains between other work: gives way to the event loop after each step, and stops there when interrupted. */
export const run = <A>(training: Training<A>, onProgress?: (progress: Progress) => void): Effect.Effect<A> =>
  Effect.suspend(() => {
    const steps = training.steps()
    const next: Effect.Effect<A> = Effect.suspend(() => {
      const step = steps.next()
      if (step.done === true) return Effect.succeed(step.value)
      onProgress?.(step.value)
      return Effect.andThen(Effect.yieldNow, next)
    })
    return next
  })
