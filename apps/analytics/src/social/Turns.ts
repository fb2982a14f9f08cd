import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { type StillRunning, stillRunning } from "../Problems.ts"

/** Work of which only one piece is done at a time; who comes meanwhile is told what is being done. */
export interface Turn {
  /**
   * Does the work to its end, or to the end of the scope in which the turn was made: also when the one who asked for it is gone by then. Fails at
   * once while another piece of work is being done.
   */
  readonly take: <A, E>(
    name: string,
    work: Effect.Effect<A, E, Scope.Scope>
  ) => Effect.Effect<A, E | StillRunning>
}

/** Makes a turn for as long as the scope is open. */
export const make: Effect.Effect<Turn, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  let running: string | undefined
  return {
    take: (name, work) =>
      Effect.gen(function* () {
        if (running !== undefined) return yield* stillRunning(running)
        running = name
        const done = Effect.ensuring(
          Effect.scoped(work),
          Effect.sync(() => {
            running = undefined
          })
        )
        return yield* Fiber.join(yield* Effect.forkIn(done, scope, { startImmediately: true }))
      })
  }
})
