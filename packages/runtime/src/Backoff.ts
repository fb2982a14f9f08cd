import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { Supervision } from "./Supervision.ts"

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, Cause.Cause<unknown>, never, never>>>

/** What only an actor that crashed needs to remember. */
export class Backoff {
  /** Crashes on the current message. */
  attempts = 0
  /** Restarts since the last quiet time. */
  restarts = 0
  private restartedMillis = 0
  private step: Step | undefined = undefined

  /** A restart succeeded. */
  restarted(nowMillis: number): void {
    this.restarts++
    this.restartedMillis = nowMillis
  }

  /** How long to wait before the next restart; none when the schedule has ended. */
  next(
    supervision: Supervision,
    nowMillis: number,
    cause: Cause.Cause<unknown>
  ): Effect.Effect<Option.Option<Duration.Duration>> {
    // A restart that the behaviour itself requires, under a supervision that has no schedule.
    if (supervision._tag !== "Restart") return Effect.succeedSome(Duration.zero)
    if (nowMillis - this.restartedMillis >= supervision.resetAfterMillis) {
      this.step = undefined
      this.restarts = 0
    }
    const step =
      this.step === undefined
        ? Effect.map(Schedule.toStep(supervision.schedule), (step) => {
            this.step = step
            return step
          })
        : Effect.succeed(this.step)
    return Effect.flatMap(step, (next) =>
      Effect.option(Effect.map(next(nowMillis, cause), ([, delay]) => delay))
    )
  }
}
