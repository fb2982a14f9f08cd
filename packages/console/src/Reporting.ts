import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import { CliError, CliOutput } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"

const messageOf = (error: unknown): string =>
  error instanceof Error && error.message !== "" ? error.message : String(error)

/** A command line that cannot be is answered on standard error, in a few lines: standard output is for results. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
          [
            ...event.errors.map(({ message }) => message),
            `See ${[...event.commandPath, "--help"].join(" ")}.`
          ].join("\n")
        )
      : CliOutput.defaultPresenter.present(event)
}

/** The presenter has said it. */
const isSaid = (error: unknown): boolean => CliError.isCliError(error) && error._tag === "ShowHelp"

/**
 * What every app's program runs under: logs go to standard error, and a failure ends the process with one line that says what to do.
 *
 * A defect (a bug) is printed with its stack.
 */
export const reporting = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A | undefined, never, R> =>
  program.pipe(
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      const failures = cause.reasons.filter(Cause.isFailReason).map((reason) => reason.error)
      const text =
        failures.length > 0 && !Cause.hasDies(cause)
          ? failures.filter((error) => !isSaid(error)).map((error) => `${messageOf(error)}\n`)
          : [`${Cause.pretty(cause)}\n`]
      return Effect.sync((): undefined => {
        process.stderr.write(text.join(""))
        process.exitCode = 1
      })
    }),
    Effect.provideService(CliOutput.Presenter, presenter),
    Effect.provideService(Logger.LogToStderr, true),
    Effect.provideService(References.MinimumLogLevel, "Warn")
  )
