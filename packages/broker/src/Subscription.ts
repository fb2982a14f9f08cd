import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BrokerError } from "./BrokerError.ts"
import type { TopicRecord } from "./TopicRecord.ts"

/** Where a new subscription begins. */
export type SubscriptionStart = "first" | "new" | "lastPerSubject" | number | { readonly timeMillis: number }

/** What a durable subscription is. */
export interface SubscriptionSpec {
  /** `[A-Za-z0-9_-]+`, unique in the topic. */
  readonly name: string
  readonly filters?: ReadonlyArray<string>
  /** Default `first`. */
  readonly start?: SubscriptionStart
  /** A delivery that nobody settles in this time is handed out again; default 30 s, at least 100 ms. */
  readonly ackWait?: Duration.Input
  /** Deliveries of one record before it is skipped and reported (`info.exhausted`, `Topic.advisories`); default: no bound. */
  readonly maxDeliver?: number
  /** Unsettled deliveries over all readers of the subscription; default 1 000. 1 = strict order across retries. */
  readonly maxAckPending?: number
  /** True hands nothing out until it is updated to false. */
  readonly paused?: boolean
}

/** Where a subscription stands. */
export interface SubscriptionInfo {
  readonly name: string
  /** Matching records that were never delivered. */
  readonly pending: number
  /** Delivered and not settled. */
  readonly ackPending: number
  /** Of those unsettled, delivered more than once. */
  readonly redelivered: number
  /** Every matching record up to and including this sequence is settled. */
  readonly ackFloor: number
  /** Records skipped because `maxDeliver` was used up: they stay in the topic. */
  readonly exhausted: ReadonlyArray<number>
}

/** One record, handed out for processing. */
export interface Delivery {
  readonly record: TopicRecord
  /** 1 for the first delivery. */
  readonly attempt: number
  /** Settles the record; idempotent, not fenced: a late ack of a first delivery settles the second too. Does not wait for the backend. */
  readonly ack: Effect.Effect<void, BrokerError>
  /** Settles the record and waits until the backend has it at its durability class. */
  readonly ackConfirmed: Effect.Effect<void, BrokerError>
  /** Hands the record out again after `delay`; always state a delay. */
  readonly retry: (delay: Duration.Input) => Effect.Effect<void, BrokerError>
  /** Starts `ackWait` anew. */
  readonly working: Effect.Effect<void, BrokerError>
  /** Settles the record for good without success; it stays in the topic. `Topic.advisories` tells the reason. */
  readonly reject: (reason: string) => Effect.Effect<void, BrokerError>
}

/** Hands out deliveries to one reader. */
export interface Reader {
  /**
   * Waits for at least one delivery and answers at most `max` (≥ 1); interruption loses none.
   * Redeliveries come before new records; first deliveries in sequence order.
   */
  readonly take: (max: number) => Effect.Effect<ReadonlyArray<Delivery>, BrokerError>
}

/** A durable, acknowledged cursor over a topic; several readers, also in several processes, share it. */
export interface Subscription {
  readonly name: string
  /**
   * Opens a reader for this scope. `prefetch` bounds the deliveries that this reader holds unsettled, buffered or
   * handed out (default 1): prefetched is in flight. Closing the scope gives back what is buffered at once.
   */
  readonly reader: (options?: {
    readonly prefetch?: number
  }) => Effect.Effect<Reader, BrokerError, Scope.Scope>
  readonly info: Effect.Effect<SubscriptionInfo, BrokerError>
  /** Changes the specification; `name` and `start` cannot change. */
  readonly update: (
    spec: Partial<Omit<SubscriptionSpec, "name" | "start">>
  ) => Effect.Effect<void, BrokerError>
  /** Moves the cursor: what was delivered from there on is delivered again, and attempts count from 1. */
  readonly reset: (position: Exclude<SubscriptionStart, "lastPerSubject">) => Effect.Effect<void, BrokerError>
}
