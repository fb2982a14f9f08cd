import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { TestClock } from "effect/testing"

/** Turns after which work that only hops between fibers has come to rest under Effect's own scheduler. */
const turns = 64

/** A seeded scheduler runs what has this priority when nothing else is ready. */
const last = Number.MAX_SAFE_INTEGER

/** Waits until nothing is ready any more, without letting time pass; gives up early when `enough` says so. */
export const settleUntil = (enough: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let turn = 0; turn < turns && !enough(); turn++) yield* Effect.yieldNowWith(last)
  })

/** Waits until nothing is ready any more, without letting time pass. */
export const settle: Effect.Effect<void> = settleUntil(() => false)

/** Lets time pass: moves a `TestClock`, else waits. */
export const pass = (duration: Duration.Input): Effect.Effect<void> =>
  Clock.clockWith((clock) => (isTestClock(clock) ? clock.adjust(duration) : Effect.sleep(duration)))

/**
 * A test clock that moves only when nothing is ready: fibers that a seeded scheduler has not run yet go to sleep before
 * the time that they sleep for passes, as they would under Effect's own scheduler.
 */
export const settled = (clock: TestClock.TestClock): TestClock.TestClock => ({
  ...clock,
  adjust: (duration) => whenIdle(clock.adjust(duration)),
  setTime: (timestamp) => whenIdle(clock.setTime(timestamp))
})

const whenIdle = (move: Effect.Effect<void>): Effect.Effect<void> => {
  const idle = Effect.yieldNowWith(last)
  return Effect.andThen(idle, Effect.andThen(move, idle))
}

const isTestClock = (clock: Clock.Clock): clock is TestClock.TestClock => "adjust" in clock
