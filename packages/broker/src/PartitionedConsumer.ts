/**
 * Consumes a topic in order per key, its partitions in parallel, shared out over all processes that run it.
 *
 * A key's records go to `Subject.partitionSubject(Subject.partitionOf(key, partitions))`; each partition has a subscription
 * of its own, which only the partition's owner reads, one record at a time.
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { BrokerError } from "./BrokerError.ts"
import * as Consumer from "./Consumer.ts"
import type { Owned, Ownership } from "./Ownership.ts"
import * as Partitions from "./Partitions.ts"
import * as Subject from "./Subject.ts"
import type { Delivery, SubscriptionSpec } from "./Subscription.ts"
import type { Topic } from "./Topic.ts"

/** How to consume. */
export interface PartitionedConsumerOptions<E, R> {
  /** Who works on which partition; its topic is where the handlers' fenced appends go. */
  readonly ownership: Ownership
  /** How many partitions the topic's keys are divided into: fixed for the topic's life. */
  readonly partitions: number
  /** The topic that is consumed: the ownership's own, or another one. */
  readonly topic: Topic
  /** Of each partition, whose number is added to the name (`billing-3`). */
  readonly subscription: Omit<SubscriptionSpec, "filters" | "maxAckPending">
  /**
   * Handles one delivery and says what becomes of it; the next one of the partition waits for that, retries too.
   *
   * It may run more than once for a record, and acks are not fenced. What must happen once is appended by `owned.append`, under a
   * `messageId` made of the record's sequence, before the ack: an owner that was replaced meanwhile stores nothing.
   */
  readonly handle: (delivery: Delivery, owned: Owned) => Effect.Effect<Consumer.Settlement, E, R>
  /** As in `Consumer.run`. */
  readonly onFailure?: (
    cause: Cause.Cause<E>,
    delivery: Delivery
  ) => Effect.Effect<Consumer.Settlement, BrokerError, R>
  /** As in `Consumer.run`; also when a partition moves to another process. */
  readonly drainWithin?: Duration.Input
}

/** The filters of a partition: its subject and all below. */
export const partitionFilters = (partition: number): ReadonlyArray<string> => [
  Subject.partitionSubject(partition),
  `${Subject.partitionSubject(partition)}.>`
]

/**
 * Consumes this process's share of the partitions until it is interrupted or the broker fails for good.
 *
 * At least once, in order per key, across retries and moves. A process that joins or leaves moves partitions at once; one that
 * dies, when its lease runs out, and its last delivery comes again when its `ackWait` does.
 */
export const run = <E, R>(
  options: PartitionedConsumerOptions<E, R>
): Effect.Effect<never, BrokerError, R> => {
  const { drainWithin, handle, onFailure, ownership, partitions, subscription, topic } = options
  return Partitions.run({
    ownership,
    partitions,
    each: (owned) =>
      Consumer.run({
        topic,
        subscription: {
          ...subscription,
          name: `${subscription.name}-${owned.partition}`,
          filters: partitionFilters(owned.partition),
          maxAckPending: 1
        },
        handle: (delivery) => handle(delivery, owned),
        ...(onFailure === undefined ? {} : { onFailure }),
        ...(drainWithin === undefined ? {} : { drainWithin })
      })
  })
}
