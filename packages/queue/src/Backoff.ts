import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"

/** 1 s, 2 s, 4 s … at most 5 minutes, each ± 20 % so that failures together do not come back together. */
export const standard: Schedule.Schedule<unknown> = Schedule.min([
  Schedule.exponential("1 second"),
  Schedule.spaced("5 minutes")
]).pipe(Schedule.jittered)

/**
 * How long to wait after this attempt (1 for the first) by a schedule; none when it has ended.
 *
 * The attempt number lives in the broker, so the schedule is stepped anew that often: it sees the present error at every
 * step, and as elapsed time the sum of its own delays.
 */
export const delayAfter = Effect.fnUntraced(function* <E>(
  schedule: Schedule.Schedule<unknown, E>,
  attempt: number,
  error: E
): Effect.fn.Return<Option.Option<Duration.Duration>> {
  const step = yield* Schedule.toStep(schedule)
  let now = yield* Clock.currentTimeMillis
  let delay: Duration.Duration | undefined
  for (let i = 0; i < attempt; i++) {
    delay = yield* step(now, error).pipe(
      Effect.map(([, duration]): Duration.Duration | undefined => duration),
      Pull.catchDone(() => Effect.succeed(undefined))
    )
    if (delay === undefined) return Option.none()
    now += Duration.toMillis(delay)
  }
  return Option.fromUndefinedOr(delay)
})
