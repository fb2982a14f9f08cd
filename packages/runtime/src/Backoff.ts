import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { Restart } from "./Supervision.ts"

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, Cause.Cause<unknown>, never, never>>>

/** What only an actor that crashed needs to remember. */
export class Backoff {
  /** Crashes on the current message. */
  attempts = 0
  /** Restarts since the last quiet time. */
  restarts = 0
  private restartedMillis = 0
  private step: Step | undefined = undefined
  /** Whose schedule `step` follows. */
  private directive: Restart | undefined = undefined
  /** When the latest restarts were, oldest first; as many as the directive's limit. */
  private readonly timesMillis: Array<number> = []

  /** A restart succeeded. */
  restarted(nowMillis: number): void {
    this.restarts++
    this.restartedMillis = nowMillis
  }

  /** How long to wait before the next restart; none when the schedule has ended or the limit is passed. */
  next(
    directive: Restart,
    nowMillis: number,
    cause: Cause.Cause<unknown>
  ): Effect.Effect<Option.Option<Duration.Duration>> {
    if (nowMillis - this.restartedMillis >= directive.resetAfterMillis) {
      this.step = undefined
      this.restarts = 0
    }
    if (this.isTooMany(directive, nowMillis)) return Effect.succeedNone
    const step =
      this.step === undefined || this.directive !== directive
        ? Effect.map(Schedule.toStep(directive.schedule), (step) => {
            this.directive = directive
            this.step = step
            return step
          })
        : Effect.succeed(this.step)
    return Effect.flatMap(step, (next) =>
      Effect.option(Effect.map(next(nowMillis, cause), ([, delay]) => delay))
    )
  }

  /** Notes a restart at `nowMillis`; true when it is one more than the limit allows. */
  private isTooMany({ limit }: Restart, nowMillis: number): boolean {
    if (limit === undefined) return false
    this.timesMillis.push(nowMillis)
    if (this.timesMillis.length <= limit.restarts) return false
    const oldestMillis = this.timesMillis.shift() as number
    return nowMillis - oldestMillis < limit.withinMillis
  }
}

/** No delay: for a restart that the behaviour itself requires, under a supervision that has no schedule. */
export const atOnce: Option.Option<Duration.Duration> = Option.some(Duration.zero)
