import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** How a synchronous core starts an effect in its owner's environment. */
export type Fork = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

/**
 * One wake-up at the earliest of the moments asked for; at most one fiber sleeps.
 *
 * `ring` may come early (it asks again then), never late. Not a poll: without a moment nothing sleeps.
 */
export class Alarm {
  private readonly fork: Fork
  private readonly clock: Clock.Clock
  private readonly ring: () => void
  private atMillis = Number.POSITIVE_INFINITY
  private fiber: Fiber.Fiber<void> | undefined
  private stopped = false

  constructor(fork: Fork, clock: Clock.Clock, ring: () => void) {
    this.fork = fork
    this.clock = clock
    this.ring = ring
  }

  /** Rings at this moment, or at the earlier one that was asked for already. */
  set(millis: number): void {
    if (this.stopped || millis >= this.atMillis) return
    this.fiber?.interruptUnsafe()
    this.atMillis = millis
    // At least 1 ms: a timer that fires a moment early must not spin.
    const wait = Math.max(1, millis - this.clock.currentTimeMillisUnsafe())
    this.fiber = this.fork(
      this.clock.sleep(Duration.millis(wait)).pipe(
        // After a stall every timer is late at once: what was due before this one (a `working`) gets its turn first.
        Effect.andThen(Effect.yieldNow),
        Effect.andThen(
          Effect.sync(() => {
            this.atMillis = Number.POSITIVE_INFINITY
            this.fiber = undefined
            this.ring()
          })
        )
      )
    )
  }

  stop(): void {
    this.stopped = true
    this.fiber?.interruptUnsafe()
    this.fiber = undefined
  }
}
