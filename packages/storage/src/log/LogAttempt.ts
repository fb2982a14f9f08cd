import * as Effect from "effect/Effect"
import { isLogError, type LogError, logFailed } from "./LogError.ts"

const isSystemError = (error: unknown): boolean =>
  error instanceof Error && "code" in error && "syscall" in error

/** Runs one of the log's plain functions as an Effect: what it throws becomes a typed failure, a bug stays a defect. */
export const attempt = <A>(operation: string, file: string, run: () => A): Effect.Effect<A, LogError> =>
  Effect.sync(run).pipe(
    Effect.catchDefect((error) => {
      if (isLogError(error)) return Effect.fail(error)
      return isSystemError(error) ? Effect.fail(logFailed(operation, file, error)) : Effect.die(error)
    })
  )
