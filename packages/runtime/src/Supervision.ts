import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"

/** What happens to an actor whose handler crashed (died, or was interrupted from inside). Domain errors are no crashes. */
export type Supervision = Directive | ByCause

/** What to do about one crash. */
export type Directive = Restart | Resume | Stop | Escalate

/** Build the state anew and go on with the mailbox. */
export interface Restart {
  readonly _tag: "Restart"
  readonly schedule: Schedule.Schedule<unknown, Cause.Cause<unknown>>
  readonly resetAfterMillis: number
  readonly parkAfter: number
  /** More restarts than these in this time are too many. */
  readonly limit: { readonly restarts: number; readonly withinMillis: number } | undefined
  /** What happens when the schedule has ended, or the limit is passed. */
  readonly otherwise: "stop" | "escalate"
}

/** Keep the state, park the message, go on. */
export interface Resume {
  readonly _tag: "Resume"
}

/** Park the message and stop; what is queued becomes dead letters. */
export interface Stop {
  readonly _tag: "Stop"
}

/** Park the message, stop, and let the parent crash of the same cause. */
export interface Escalate {
  readonly _tag: "Escalate"
}

/** A directive chosen by what the actor crashed of. */
export interface ByCause {
  readonly _tag: "ByCause"
  readonly decide: (cause: Cause.Cause<unknown>) => Directive
}

/**
 * Whom the crash of a child concerns beside the child: nobody (`one-for-one`), all its siblings (`one-for-all`), or those
 * that were spawned after it (`rest-for-one`). Source: Erlang/OTP supervisors.
 */
export type Strategy = "one-for-one" | "one-for-all" | "rest-for-one"

const wholeNumber = (name: string, value: number): number => {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`Supervision.restart: ${name} is ${value}, must be a whole number of at least 1`)
  }
  return value
}

/**
 * Rebuilds a crashed actor after the delay that `schedule` says; the mailbox survives and keeps its order.
 *
 * - `resetAfter`: a run this long without a crash starts the schedule anew; default 1 minute.
 * - `parkAfter`: a message that crashed the actor this often is parked as a dead letter, and its asker gets the defect.
 *   The default 1 tries every message at most once. More tries it again after the restart, ahead of the queue: only for
 *   handlers that may be repeated.
 * - `limit`: more than `restarts` restarts `within` this time are too many, whatever the schedule says; default none.
 * - When the schedule ends or the limit is passed, the actor stops: the queue becomes dead letters, and the next message to a virtual
 *   actor activates a fresh one. With `otherwise: "escalate"` its parent then crashes of the same cause.
 *
 * Throws `RangeError` where a count is not a whole number ≥ 1.
 */
export const restart = (options: {
  readonly schedule: Schedule.Schedule<unknown, Cause.Cause<unknown>>
  readonly resetAfter?: Duration.Input
  readonly parkAfter?: number
  readonly limit?: { readonly restarts: number; readonly within: Duration.Input }
  readonly otherwise?: "stop" | "escalate"
}): Restart => ({
  _tag: "Restart",
  schedule: options.schedule,
  resetAfterMillis: Duration.toMillis(options.resetAfter ?? "1 minute"),
  parkAfter: wholeNumber("parkAfter", options.parkAfter ?? 1),
  limit:
    options.limit === undefined
      ? undefined
      : {
          restarts: wholeNumber("limit.restarts", options.limit.restarts),
          withinMillis: Duration.toMillis(options.limit.within)
        },
  otherwise: options.otherwise ?? "stop"
})

/** Keeps the state as the crash left it, parks the message and goes on with the next. */
export const resume: Resume = { _tag: "Resume" }

/** Parks the message and stops the actor; what is queued becomes dead letters. */
export const stop: Stop = { _tag: "Stop" }

/** Parks the message, stops the actor and lets its parent crash of the same cause; without a parent it just stops. */
export const escalate: Escalate = { _tag: "Escalate" }

/**
 * Decides by what the actor crashed of; `decide` is pure. One that throws stops the actor, which then ended of both defects.
 *
 * Make a `restart` outside of `decide`: each one counts its own restarts, and one that is made anew for each crash counts none.
 *
 * ```ts
 * const again = Supervision.restart({ schedule: Schedule.recurs(3) })
 * Supervision.byCause((cause) => (Cause.squash(cause) instanceof OutOfMemory ? Supervision.escalate : again))
 * ```
 */
export const byCause = (decide: (cause: Cause.Cause<unknown>) => Directive): Supervision => ({
  _tag: "ByCause",
  decide
})

/** What an actor gets that says nothing: ten restarts with a backoff from 100 ms to 10 s, forgotten after a quiet minute. */
export const standard: Supervision = restart({
  schedule: Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("10 seconds")]).pipe(
    Schedule.upTo({ times: 10 })
  )
})
