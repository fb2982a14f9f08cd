/**
 * Runs a handler over a subscription: in flight = prefetched = concurrency, `working` sent by itself, every delivery settled.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import type { BrokerError } from "./BrokerError.ts"
import type { Delivery, SubscriptionSpec } from "./Subscription.ts"
import type { Topic } from "./Topic.ts"

/** What becomes of a delivery after its handler. */
export type Settlement =
  | { readonly _tag: "Ack" }
  | { readonly _tag: "Retry"; readonly delay: Duration.Input }
  | { readonly _tag: "Reject"; readonly reason: string }

/** The record is done with. */
export const ack: Settlement = { _tag: "Ack" }

/** The record comes again after `delay`. */
export const retry = (delay: Duration.Input): Settlement => ({ _tag: "Retry", delay })

/** The record is given up; it stays in the topic. */
export const reject = (reason: string): Settlement => ({ _tag: "Reject", reason })

/** How to consume. */
export interface ConsumerOptions<E, R> {
  readonly topic: Topic
  /** Opened by the consumer, which sends `working` at a third of its `ackWait`. */
  readonly subscription: SubscriptionSpec
  /** Deliveries handled at the same time, and held at all; default 1. */
  readonly concurrency?: number
  /** Handles one delivery and says what becomes of it. It may run more than once for a record. */
  readonly handle: (delivery: Delivery) => Effect.Effect<Settlement, E, R>
  /**
   * What becomes of a delivery whose handler failed or died; default: again after 100 ms × 2 ^ (attempt − 1), at most 1 minute.
   * A failure of it ends the consumer.
   */
  readonly onFailure?: (
    cause: Cause.Cause<E>,
    delivery: Delivery
  ) => Effect.Effect<Settlement, BrokerError, R>
  /** On interruption: how long running handlers may take to end before they are interrupted; default 0. */
  readonly drainWithin?: Duration.Input
}

const defaultAckWait = Duration.seconds(30)

const backoff = (attempt: number): Settlement => retry(Math.min(100 * 2 ** (attempt - 1), 60_000))

const reconnect = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("1 second")]).pipe(
  Schedule.jittered
)

/** Repeats while the broker cannot answer; settling a delivery twice is harmless. */
const persistently = <A>(effect: Effect.Effect<A, BrokerError>) =>
  Effect.retry(effect, { while: (error) => error.isTransient, schedule: reconnect })

const settle = (delivery: Delivery, settlement: Settlement): Effect.Effect<void, BrokerError> => {
  switch (settlement._tag) {
    case "Ack":
      return delivery.ack
    case "Retry":
      return delivery.retry(settlement.delay)
    case "Reject":
      return delivery.reject(settlement.reason)
  }
}

/**
 * Consumes until it is interrupted or the broker fails for good.
 *
 * At least once. On interruption it takes no more, gives back at once what it had buffered, waits `drainWithin` for
 * running handlers, then interrupts them and hands their records out again without delay.
 */
export const run = Effect.fnUntraced(function* <E, R>(
  options: ConsumerOptions<E, R>
): Effect.fn.Return<never, BrokerError, R> {
  const concurrency = options.concurrency ?? 1
  const ackWait = Duration.fromInputUnsafe(options.subscription.ackWait ?? defaultAckWait)
  const subscription = yield* options.topic.subscription(options.subscription)
  const inFlight = new Set<Delivery>()
  const room = yield* Latch.make(true)
  const broken = yield* Deferred.make<never, BrokerError>()

  const afterFailure = (
    cause: Cause.Cause<E>,
    delivery: Delivery
  ): Effect.Effect<Settlement, BrokerError, R> => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
    if (options.onFailure !== undefined) return options.onFailure(cause, delivery)
    return Effect.as(
      Effect.logWarning("A delivery failed; it comes again.", cause),
      backoff(delivery.attempt)
    )
  }

  const handleOne = (delivery: Delivery) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => options.handle(delivery)).pipe(
        Effect.catchCause((cause) => afterFailure(cause, delivery)),
        Effect.flatMap((settlement) => persistently(settle(delivery, settlement))),
        restore,
        Effect.catchCause((cause) =>
          Cause.hasInterruptsOnly(cause)
            ? // Once: a broker that is gone must not keep a stop waiting, and ackWait does the same later.
              Effect.ignore(delivery.retry(0), { log: "Debug" })
            : Deferred.failCause(broken, cause)
        ),
        Effect.andThen(
          Effect.suspend(() => {
            inFlight.delete(delivery)
            return room.open
          })
        )
      )
    )

  /** One timer for all that is in flight. A lost `working` costs a redelivery, no record. */
  const heartbeat = Effect.suspend(() =>
    Effect.forEach(inFlight, (delivery) => Effect.ignore(delivery.working, { log: "Debug" }), {
      concurrency: "unbounded",
      discard: true
    })
  ).pipe(Effect.delay(Duration.divideUnsafe(ackWait, 3)), Effect.forever)

  return yield* Effect.scoped(
    Effect.gen(function* () {
      // Closed in reverse: the reader first, then the drain, then the heartbeat, then handlers that still run.
      const handlers = yield* FiberSet.make<void>()
      yield* Effect.forkScoped(heartbeat)
      yield* Effect.addFinalizer(() =>
        Effect.ignore(
          Effect.timeout(Effect.interruptible(FiberSet.awaitEmpty(handlers)), options.drainWithin ?? 0)
        )
      )
      const reader = yield* subscription.reader({ prefetch: concurrency })
      const consume = Effect.uninterruptibleMask((restore) =>
        restore(
          Effect.andThen(
            room.await,
            Effect.suspend(() => persistently(reader.take(concurrency - inFlight.size)))
          )
        ).pipe(
          Effect.flatMap((taken) => {
            for (const delivery of taken) inFlight.add(delivery)
            if (inFlight.size >= concurrency) room.closeUnsafe()
            return Effect.forEach(taken, (delivery) => FiberSet.run(handlers, handleOne(delivery)))
          })
        )
      )
      return yield* Effect.raceFirst(Effect.forever(consume), Deferred.await(broken))
    })
  )
})
