import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Delivery } from "../Subscription.ts"
import type { TopicRecord } from "../TopicRecord.ts"
import { rejectedError } from "./BrokerFailure.ts"
import type { SubscriptionEngine } from "./SubscriptionEngine.ts"
import type { Handed } from "./SubscriptionState.ts"

/** One record as a local subscription hands it out. */
export const makeDelivery = (
  subscription: SubscriptionEngine,
  record: TopicRecord,
  handed: Handed
): Delivery => {
  const ack = Effect.sync(() => subscription.settle(handed.sequence))
  return {
    record,
    attempt: handed.attempt,
    ack,
    ackConfirmed: Effect.andThen(ack, subscription.flush),
    retry: (delay) =>
      Effect.suspend(() => {
        const delayMillis = Duration.toMillis(delay)
        if (!Number.isFinite(delayMillis) || delayMillis < 0) {
          const operation = `retry record ${handed.sequence}`
          return Effect.fail(rejectedError("argument", operation, "A delay is finite and not negative."))
        }
        subscription.retry(handed, Math.ceil(delayMillis))
        return Effect.void
      }),
    working: Effect.sync(() => subscription.working(handed)),
    reject: (reason) => Effect.sync(() => subscription.reject(handed, reason))
  }
}
