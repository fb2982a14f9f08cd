import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { Restart } from "./Supervision.ts"

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, Cause.Cause<unknown>, never, never>>>

/** How far an actor has come with one directive. */
interface Progress {
  /** Of the directive's schedule. */
  step: Step | undefined
  /** In which stretch without quiet time `step` was begun. */
  unrest: number
  /** When its latest restarts were, oldest first; as many as the directive's limit. */
  readonly timesMillis: Array<number>
}

/** What only an actor that crashed needs to remember. */
export class Backoff {
  /** Crashes on the current message. */
  attempts = 0
  /** Restarts since the last quiet time. */
  restarts = 0
  private restartedMillis = 0
  /** Quiet times until now. */
  private unrest = 0
  /** Each directive has its own, for they may take turns; one that is made for a single crash is forgotten with it. */
  private readonly progress = new WeakMap<Restart, Progress>()

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
      this.unrest++
      this.restarts = 0
    }
    const progress = this.progress.get(directive) ?? { step: undefined, unrest: this.unrest, timesMillis: [] }
    this.progress.set(directive, progress)
    if (progress.unrest !== this.unrest) {
      progress.unrest = this.unrest
      progress.step = undefined
    }
    if (isTooMany(directive, progress.timesMillis, nowMillis)) return Effect.succeedNone
    const step =
      progress.step === undefined
        ? Effect.map(Schedule.toStep(directive.schedule), (step) => {
            progress.step = step
            return step
          })
        : Effect.succeed(progress.step)
    return Effect.flatMap(step, (next) =>
      Effect.option(Effect.map(next(nowMillis, cause), ([, delay]) => delay))
    )
  }
}

/** Notes a restart at `nowMillis`; true when it is one more than the limit allows. */
const isTooMany = ({ limit }: Restart, timesMillis: Array<number>, nowMillis: number): boolean => {
  if (limit === undefined) return false
  timesMillis.push(nowMillis)
  if (timesMillis.length <= limit.restarts) return false
  const oldestMillis = timesMillis.shift() as number
  return nowMillis - oldestMillis < limit.withinMillis
}

/** No delay: for a restart that the behaviour itself requires, under a supervision that has no schedule. */
export const atOnce: Option.Option<Duration.Duration> = Option.some(Duration.zero)
