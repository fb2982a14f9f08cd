import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"

/** What happens to an actor whose handler crashed (died, or was interrupted from inside). Domain errors are no crashes. */
export type Supervision = Restart | Resume | Stop

/** Build the state anew and go on with the mailbox. */
export interface Restart {
  readonly _tag: "Restart"
  readonly schedule: Schedule.Schedule<unknown, Cause.Cause<unknown>>
  readonly resetAfterMillis: number
  readonly parkAfter: number
}

/** Keep the state, park the message, go on. */
export interface Resume {
  readonly _tag: "Resume"
}

/** Park the message and stop; what is queued becomes dead letters. */
export interface Stop {
  readonly _tag: "Stop"
}

/**
 * Rebuilds a crashed actor after the delay that `schedule` says; the mailbox survives and keeps its order.
 *
 * - `resetAfter`: a run this long without a crash starts the schedule anew; default 1 minute.
 * - `parkAfter`: a message that crashed the actor this often is parked as a dead letter, and its asker gets the defect.
 *   The default 1 tries every message at most once. More tries it again after the restart, ahead of the queue: only for
 *   handlers that may be repeated.
 * - When the schedule ends, the actor stops: the queue becomes dead letters, and the next message to a virtual actor
 *   activates a fresh one.
 */
export const restart = (options: {
  readonly schedule: Schedule.Schedule<unknown, Cause.Cause<unknown>>
  readonly resetAfter?: Duration.Input
  readonly parkAfter?: number
}): Supervision => {
  const parkAfter = options.parkAfter ?? 1
  if (!Number.isSafeInteger(parkAfter) || parkAfter < 1) {
    throw new RangeError(
      `Supervision.restart: parkAfter is ${parkAfter}, must be a whole number of at least 1`
    )
  }
  return {
    _tag: "Restart",
    schedule: options.schedule,
    resetAfterMillis: Duration.toMillis(options.resetAfter ?? "1 minute"),
    parkAfter
  }
}

/** Keeps the state as the crash left it, parks the message and goes on with the next. */
export const resume: Supervision = { _tag: "Resume" }

/** Parks the message and stops the actor; what is queued becomes dead letters. */
export const stop: Supervision = { _tag: "Stop" }

/** What an actor gets that says nothing: ten restarts with a backoff from 100 ms to 10 s, forgotten after a quiet minute. */
export const standard: Supervision = restart({
  schedule: Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("10 seconds")]).pipe(
    Schedule.upTo({ times: 10 })
  )
})
