import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"

const messageOf = (error: unknown): string =>
  error instanceof Error && error.message !== "" ? error.message : String(error)

/**
 * What every app's program runs under: logs go to standard error, and a failure ends the process with one line that says what to do.
 *
 * A defect (a bug) is printed with its stack.
 */
export const reporting = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A | undefined, never, R> =>
  program.pipe(
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      const failures = cause.reasons.filter(Cause.isFailReason).map((reason) => messageOf(reason.error))
      const text = failures.length > 0 && !Cause.hasDies(cause) ? failures.join("\n") : Cause.pretty(cause)
      return Effect.sync((): undefined => {
        process.stderr.write(`${text}\n`)
        process.exitCode = 1
      })
    }),
    Effect.provideService(Logger.LogToStderr, true),
    Effect.provideService(References.MinimumLogLevel, "Warn")
  )
