import type { BrokerError } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { BrokerFailed, ViewError } from "./ViewError.ts"

/** Backoff between tries: 10 ms doubling up to 1 s, jittered, for as long as it takes. */
export const backoff = Schedule.min([Schedule.exponential("10 millis"), Schedule.spaced("1 second")]).pipe(
  Schedule.jittered
)

/** Repeats a request that changes nothing, or nothing more when repeated, until the broker gives a verdict. */
export const retrying = <A, R>(effect: Effect.Effect<A, BrokerError, R>): Effect.Effect<A, BrokerError, R> =>
  Effect.retry(effect, { schedule: backoff, while: (error) => error.isTransient })

/** The broker's verdict as a view's error. */
export const brokerFailed =
  (view: string, partition: number) =>
  (error: BrokerError): ViewError =>
    new ViewError({ view, partition, reason: new BrokerFailed({ error }) })
