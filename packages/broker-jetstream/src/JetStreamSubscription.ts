import { type ConsumerInfo, JetStreamApiError } from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import type {
  BrokerError,
  Delivery,
  Reader,
  Subscription,
  SubscriptionInfo,
  SubscriptionStart
} from "@troupe/broker"
import {
  badStart,
  notFoundError,
  rejectedError,
  rejectReason,
  type SubscriptionSettings,
  updateSubscriptionSpec
} from "@troupe/broker/backend"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { asking, changing, isAbsent, refused, silent, thrown } from "./ApiFailure.ts"
import type { Connection } from "./Connection.ts"
import { changeableConfig, consumerConfig, never, settingsOf, standing } from "./ConsumerLayout.ts"
import { DeliveryQueue, type Held } from "./DeliveryQueue.ts"
import * as Exhausted from "./Exhausted.ts"
import type { Readings } from "./Readings.ts"
import type { Place } from "./StreamLayout.ts"
import { fromDelivery } from "./WireRecord.ts"

/** NATS refuses to move a consumer before the place where it was made to begin. */
const resetRefused = 10204

/** What all subscriptions of a topic need. */
export interface SubscriptionContext {
  readonly connection: Connection
  readonly place: Place
  readonly replicas: 1 | 3
  readonly readings: Readings
}

/** What a consumer says of itself, as the port says it. */
export const toInfo = (
  context: SubscriptionContext,
  info: ConsumerInfo
): Effect.Effect<SubscriptionInfo, BrokerError> => {
  const { connection, place } = context
  const bounded = info.config.max_deliver !== undefined && info.config.max_deliver > 0
  return Effect.map(
    bounded ? Exhausted.sequences(connection, place, info.name) : Effect.succeed([]),
    (exhausted) => ({ name: info.name, ...standing(info, exhausted), exhausted })
  )
}

/** A subscription whose consumer is there. */
export class JetStreamSubscription implements Subscription {
  readonly name: string
  private readonly context: SubscriptionContext
  private readonly operation: string
  private readonly queues = new Set<DeliveryQueue>()
  private settings: SubscriptionSettings

  constructor(context: SubscriptionContext, settings: SubscriptionSettings) {
    this.context = context
    this.settings = settings
    this.name = settings.name
    this.operation = `subscription ${settings.name} of ${context.place.topic}`
  }

  readonly reader: Subscription["reader"] = (options) =>
    Effect.gen({ self: this }, function* () {
      const prefetch = options?.prefetch ?? 1
      if (!Number.isSafeInteger(prefetch) || prefetch < 1) {
        return yield* rejectedError("argument", this.operation, `A prefetch is 1 or more, not ${prefetch}.`)
      }
      const queue = yield* Effect.acquireRelease(
        Effect.suspend(() =>
          this.context.connection.nats.isClosed()
            ? Effect.fail(silent(this.operation, "unsent"))
            : Effect.succeed(this.openQueue(prefetch))
        ),
        (opened) =>
          Effect.promise(() => {
            this.queues.delete(opened)
            return opened.close()
          })
      )
      return { take: (max) => this.take(queue, Math.max(1, max)) } satisfies Reader
    })

  readonly info: Effect.Effect<SubscriptionInfo, BrokerError> = Effect.suspend(() =>
    Effect.flatMap(this.consumer, (info) => toInfo(this.context, info))
  )

  readonly update: Subscription["update"] = Effect.fn("JetStream.updateSubscription")(
    { self: this },
    function* (this: JetStreamSubscription, change) {
      const { connection, place, replicas } = this.context
      const { manager } = connection
      const current = settingsOf(yield* this.consumer) ?? this.settings
      const settings = yield* updateSubscriptionSpec(current, change, place.topic)
      if (settings.maxDeliver !== Number.MAX_SAFE_INTEGER)
        yield* Exhausted.listen(connection, place, replicas)
      if (settings.paused)
        yield* changing(this.operation, () => manager.consumers.pause(place.stream, this.name, never))
      const config = changeableConfig(place, settings)
      yield* changing(this.operation, () => manager.consumers.update(place.stream, this.name, config))
      if (!settings.paused)
        yield* changing(this.operation, () => manager.consumers.resume(place.stream, this.name))
      this.settings = settings
    }
  )

  readonly reset: Subscription["reset"] = Effect.fn("JetStream.resetSubscription")(
    { self: this },
    function* (this: JetStreamSubscription, position) {
      const { connection, place } = this.context
      const sequence = yield* this.sequenceOf(position)
      if (!(yield* this.move(sequence))) yield* this.remake(sequence)
      yield* Exhausted.forget(connection, place, this.name, sequence)
      for (const queue of this.queues) queue.drop()
    }
  )

  /** Makes the consumer stand before `sequence`; answers false when NATS cannot move it there. */
  move(sequence: number): Effect.Effect<boolean, BrokerError> {
    const { connection, place } = this.context
    return changing(this.operation, () =>
      connection.manager.consumers.reset(place.stream, this.name, sequence).then(
        () => true,
        (cause) => {
          if (cause instanceof JetStreamApiError && cause.code === resetRefused) return false
          throw cause
        }
      )
    )
  }

  /** NATS cannot move it there, so it is made again from there. Its readers go on. */
  private remake(sequence: number): Effect.Effect<void, BrokerError> {
    const { connection, place } = this.context
    const { consumers } = connection.manager
    return Effect.gen({ self: this }, function* () {
      const settings = settingsOf(yield* this.consumer) ?? this.settings
      const config = consumerConfig(place, settings, { sequence })
      yield* changing(this.operation, () => consumers.delete(place.stream, this.name))
      yield* changing(this.operation, () => consumers.add(place.stream, config))
    })
  }

  private sequenceOf(position: Exclude<SubscriptionStart, "lastPerSubject">) {
    const { readings } = this.context
    const bad = badStart(position, this.operation)
    if (bad !== undefined) return Effect.fail(bad)
    return position === "new"
      ? Effect.map(readings.lastSequence, (last) => last + 1)
      : readings.position({ from: position })
  }

  private get consumer(): Effect.Effect<ConsumerInfo, BrokerError> {
    const { connection, place } = this.context
    return asking(this.operation, () => connection.manager.consumers.info(place.stream, this.name))
  }

  private openQueue(prefetch: number): DeliveryQueue {
    const { connection, place } = this.context
    const queue = new DeliveryQueue({
      connection,
      place,
      subscription: this.name,
      prefetch,
      ackWaitMillis: () => this.settings.ackWaitMillis,
      diagnose: () =>
        connection.manager.consumers.info(place.stream, this.name).then(
          () => undefined,
          (cause) => (isAbsent(cause) ? thrown(this.operation, false, cause) : undefined)
        )
    })
    this.queues.add(queue)
    return queue
  }

  private take(queue: DeliveryQueue, max: number): Effect.Effect<ReadonlyArray<Delivery>, BrokerError> {
    return Effect.suspend(() => {
      // Waiting tells only that something is here; it is taken afterwards, so that an interruption in between loses none.
      const taken = queue.take(max)
      if (taken.length > 0) return Effect.succeed(taken.map((one) => this.deliver(queue, one)))
      if (queue.failure !== undefined) return Effect.fail(queue.failure)
      return Effect.andThen(
        Effect.callback<void>((resume) => {
          const stop = queue.wait(() => resume(Effect.void))
          return Effect.sync(stop)
        }),
        this.take(queue, max)
      )
    })
  }

  private deliver(queue: DeliveryQueue, one: Held): Delivery {
    const { connection, place } = this.context
    const settle = (text: () => string) =>
      Effect.suspend(() => {
        if (one.state === "settled") return Effect.void
        if (connection.nats.isClosed()) return Effect.fail(silent(this.operation, "unsent"))
        queue.answer(one, text())
        queue.settle(one)
        return Effect.void
      })
    const { deliveries } = one.mark
    return {
      record: fromDelivery(one.message, one.mark, place.subjectPrefix.length),
      attempt: deliveries,
      ack: settle(() => "+ACK"),
      ackConfirmed: this.confirm(queue, one),
      retry: (delay) => settle(() => this.negative(deliveries, Duration.toMillis(delay))),
      working: Effect.suspend(() => {
        if (one.state !== "settled") queue.working(one)
        return Effect.void
      }),
      reject: (reason) => settle(() => `+TERM ${rejectReason(reason)}`)
    }
  }

  /** A delay, however short, makes the server look at the last delivery by itself; at once it would wait for the next pull. */
  private negative(deliveries: number, delayMillis: number): string {
    const millis = deliveries >= this.settings.maxDeliver ? Math.max(1, delayMillis) : delayMillis
    return millis > 0 ? `-NAK {"delay": ${nanos(Math.min(millis, 9e11))}}` : "-NAK"
  }

  private confirm(queue: DeliveryQueue, one: Held): Effect.Effect<void, BrokerError> {
    const { connection } = this.context
    return Effect.callback((resume) => {
      const forget = connection.writes.start({
        write: (reply) => connection.nats.publish(one.reply, "+ACK", { reply }),
        receive: (message) => {
          const code = message.headers?.code ?? 0
          if (code >= 400) {
            const description = message.headers?.description ?? ""
            resume(Effect.fail(refused(this.operation, { code, err_code: code, description })))
          } else {
            queue.settle(one)
            resume(Effect.void)
          }
          return true
        },
        fail: (silence, cause) => resume(Effect.fail(silent(this.operation, silence, cause)))
      })
      return Effect.sync(forget)
    })
  }
}

/** The error for a subscription that is not there. */
export const noSubscription = (place: Place, name: string): BrokerError =>
  notFoundError(
    "subscription",
    `subscription ${name} of ${place.topic}`,
    "There is none of that name: open it first."
  )
