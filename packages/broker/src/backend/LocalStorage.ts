import type * as Effect from "effect/Effect"
import type { BrokerError } from "../BrokerError.ts"
import type { TopicRecord } from "../TopicRecord.ts"
import type { StoredRecord } from "./AppendPlan.ts"
import type { SubscriptionSettings, SubscriptionSnapshot } from "./SubscriptionSettings.ts"
import type { SubscriptionJournal } from "./SubscriptionState.ts"
import type { PurgeRange, TopicIndex } from "./TopicIndex.ts"
import type { TopicSettings } from "./TopicSettings.ts"

/** The store of a topic failed for good: it takes nothing more until it is opened again. */
export class StoreFailure {
  /** What happened and what to do about it. */
  readonly detail: string
  readonly cause: unknown

  constructor(detail: string, cause: unknown) {
    this.detail = detail
    this.cause = cause
  }
}

/** Records that a caller removes, as against those that a limit drops. */
export type Removal =
  | { readonly kind: "delete"; readonly sequence: number; readonly timeMillis: number }
  | { readonly kind: "purge"; readonly range: PurgeRange; readonly timeMillis: number }

/**
 * Where the records of one topic lie. All but `close` is synchronous: what is taken is taken in call order.
 *
 * A ticket numbers what was taken, rising; 0 says that it is at its durability point already. Otherwise the store
 * reports the ticket through `StoreEvents` when it is, never from inside a call: who is answered goes on at once, and
 * would meet an index that does not know of the call yet.
 */
export interface TopicStore {
  /** Takes a group, all or none. */
  readonly append: (records: ReadonlyArray<StoredRecord>) => number | StoreFailure
  readonly remove: (removal: Removal) => number | StoreFailure
  /** Reads records that the index says are there, in this order. */
  readonly read: (sequences: ReadonlyArray<number>) => ReadonlyArray<TopicRecord> | StoreFailure
  readonly subscriptions: SubscriptionStore
}

/** What a store reports to its topic. */
export interface StoreEvents {
  /** Everything up to this ticket is at its durability point. */
  readonly committed: (ticket: number) => void
  /** What is not committed will never be. */
  readonly failed: (failure: StoreFailure) => void
}

/** Where the progress of a topic's subscriptions lies. */
export interface SubscriptionStore {
  readonly create: (
    settings: SubscriptionSettings,
    snapshot: SubscriptionSnapshot
  ) => Effect.Effect<SubscriptionLog, BrokerError>
  readonly remove: (name: string) => Effect.Effect<void, BrokerError>
}

/** The progress of one subscription. */
export interface SubscriptionLog {
  /** Absent when nothing needs to be kept. */
  readonly journal: SubscriptionJournal | undefined
  /** Keeps a whole new state: after `update` and `reset`. */
  readonly replace: (settings: SubscriptionSettings, snapshot: SubscriptionSnapshot) => void
  /** Waits until all that was told so far is at its durability point. */
  readonly flush: Effect.Effect<void, BrokerError>
}

/** A topic as a store opened it. */
export interface OpenedTopic {
  readonly settings: TopicSettings
  readonly store: TopicStore
  /** Holds every record and message id that the store found. */
  readonly index: TopicIndex
  readonly subscriptions: ReadonlyArray<{
    readonly settings: SubscriptionSettings
    readonly snapshot: SubscriptionSnapshot
    readonly log: SubscriptionLog
  }>
  /** Begins reports; called once, before the first append. */
  readonly listen: (events: StoreEvents) => void
}

/** Where topics lie: in this process's memory, or in files. */
export interface LocalStorage {
  /** Opens the topic of this name, or makes it with these settings when there is none. */
  readonly open: (settings: TopicSettings) => Effect.Effect<OpenedTopic, BrokerError>
  /** Names of the topics there are; in no order. */
  readonly names: Effect.Effect<ReadonlyArray<string>, BrokerError>
  /** Removes a topic, open or not; false when there is none. */
  readonly remove: (name: string) => Effect.Effect<boolean, BrokerError>
}
