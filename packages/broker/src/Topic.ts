import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { AdvisoryReader } from "./Advisory.ts"
import type { BrokerError } from "./BrokerError.ts"
import type { Subscription, SubscriptionInfo, SubscriptionSpec } from "./Subscription.ts"
import type { Headers, TopicRecord } from "./TopicRecord.ts"

/** Limits of a topic; all absent means unlimited. Expiry is late by at most 2 s, never early. */
export interface TopicLimits {
  readonly maxAge?: Duration.Input
  readonly maxBytes?: number
  readonly maxRecords?: number
  /** 1 keeps the last record of each subject: compaction by key. */
  readonly maxRecordsPerSubject?: number
  /** Largest `data` in bytes; default 1 000 000 minus room for headers (what every backend can take). */
  readonly maxRecordBytes?: number
  /** At `maxBytes` or `maxRecords`: drop the oldest (default), or reject the append. */
  readonly discard?: "old" | "reject"
}

/** What a topic is. Opening it again with the same specification is a no-op, with another one an error. */
export interface TopicSpec {
  /** `[A-Za-z0-9_-]+`, at most 200 characters. */
  readonly name: string
  readonly limits?: TopicLimits
  /** How long a `messageId` is remembered, counted from the first append; default 2 minutes, at least 100 ms. */
  readonly dedupeWindow?: Duration.Input
}

/** One record to append. */
export interface AppendRequest {
  /** A concrete subject: tokens `[A-Za-z0-9_=-]+` joined by `.`. Relative to the topic. */
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: Headers
  /** A second append with the same id inside the window changes nothing and answers the first sequence. */
  readonly messageId?: string
  /** The last sequence of `subject` must be this; 0 means "has no record". Checked after de-duplication. */
  readonly expectLast?: number
  /** The last sequence of another concrete subject must be this: fencing. Not together with `expectLast`. */
  readonly expectLastOn?: { readonly subject: string; readonly sequence: number }
  /** The record expires this long after its append; at least 1 second. */
  readonly ttl?: Duration.Input
  /** True drops the older records of the same subject, atomically with this append. */
  readonly rollup?: boolean
}

/** One record to append at a moment. */
export interface ScheduledAppend extends Omit<AppendRequest, "rollup"> {
  /** The moment in milliseconds since 1970 (UTC); one that has passed means "at once". Fractions are rounded up. */
  readonly atMillis: number
  /**
   * The concrete subject on which the record waits until then, as a record of this topic; another one than `subject`.
   * One record waits on a subject: the next one there replaces it. Not for other records.
   */
  readonly schedule: string
  /** Identifies this call, not the record that is appended at its moment: that one has no id. */
  readonly messageId?: string
  /** The last sequence of `schedule` must be this: replace only what you saw, or (0) only where nothing waits. */
  readonly expectLast?: number
  /** The record expires this long after its moment; at least 1 second. */
  readonly ttl?: Duration.Input
}

/** Where an append landed. */
export interface Appended {
  readonly sequence: number
  /** True when the id was seen before; `sequence` is then the first one's and nothing was stored. */
  readonly duplicate: boolean
}

/** Where a read begins: a sequence (inclusive), a moment (first record at or after it), the first, or the last record. */
export type ReadFrom = number | { readonly timeMillis: number } | "first" | "last"

/** What to read. */
export interface ReadOptions {
  readonly from: ReadFrom
  /** Subjects with wildcards `*` (one token) and final `>` (one or more tokens); absent means all. */
  readonly filters?: ReadonlyArray<string>
  /** Last sequence to read, inclusive. */
  readonly to?: number
  readonly limit?: number
  /** `fresh` (default) comes from the leader; `any` may be stale. */
  readonly consistency?: "fresh" | "any"
}

/** What a topic holds now. */
export interface TopicInfo {
  readonly name: string
  /** 0 when the topic never held a record. */
  readonly firstSequence: number
  /** The highest sequence that could be read so far, also after it was deleted; 0 at the start. A read that begins later has every record up to it. */
  readonly lastSequence: number
  readonly records: number
  readonly bytes: number
  readonly subjects: number
  readonly subscriptions: ReadonlyArray<SubscriptionInfo>
}

/** A named, ordered, append-only sequence of records on subjects. */
export interface Topic {
  readonly name: string

  /** Appends one record; answered after the backend's durability point. Appends of one fiber are accepted in call order. */
  readonly append: (request: AppendRequest) => Effect.Effect<Appended, BrokerError>

  /**
   * Appends at most 1 000 records: all or none, with consecutive sequences. Answers the sequences in order.
   * `expectLast` on a subject written earlier in the same call is `Rejected{expectation}`; a duplicate id is `Rejected{duplicate}`.
   */
  readonly appendAll: (
    requests: ReadonlyArray<AppendRequest>
  ) => Effect.Effect<ReadonlyArray<number>, BrokerError>

  /**
   * Stores a record now and appends it to `subject` at its moment: never early, late by at most 250 ms while the topic is
   * served, and at the first opening after that otherwise. Answers where it waits.
   *
   * Until then it is a record on the subject `schedule`, which every reader of that subject sees; `read` it to know what is
   * due. A crash neither loses it nor appends it twice. A limit that drops the waiting record drops the appointment.
   * `Rejected{argument}` in a topic with `discard: "reject"`.
   */
  readonly appendAt: (request: ScheduledAppend) => Effect.Effect<Appended, BrokerError>

  /**
   * Removes the record that waits on this subject; false when none does. One whose moment is within 250 ms of now may be
   * on its way already.
   */
  readonly cancelAt: (schedule: string) => Effect.Effect<boolean, BrokerError>

  /** Reads what is there, in sequence order, and ends at the record that was last when the read began. */
  readonly read: (options: ReadOptions) => Stream.Stream<TopicRecord, BrokerError>

  /** Reads what is there and then waits for more; no gap and no repeat, across reconnects and restarts. */
  readonly follow: (options: ReadOptions) => Stream.Stream<TopicRecord, BrokerError>

  /** The last record of a concrete subject. */
  readonly last: (subject: string) => Effect.Effect<Option.Option<TopicRecord>, BrokerError>

  /** The last record of every subject that matches, in sequence order. */
  readonly lastPerSubject: (filter: string) => Stream.Stream<TopicRecord, BrokerError>

  readonly info: Effect.Effect<TopicInfo, BrokerError>

  /** Removes records: those that match `filter`, below sequence `below` (exclusive), but keeps the last `keep` of them. Answers how many. */
  readonly purge: (options: {
    readonly filter?: string
    readonly below?: number
    readonly keep?: number
  }) => Effect.Effect<number, BrokerError>

  /** Removes one record; `NotFound` when there is none at that sequence. */
  readonly delete: (sequence: number) => Effect.Effect<void, BrokerError>

  /** Opens a durable subscription, making it when it is not there; another specification under that name is `SpecMismatch`. */
  readonly subscription: (spec: SubscriptionSpec) => Effect.Effect<Subscription, BrokerError>

  /** Changes the specification of a subscription that may be there with another one than is known here; `NotFound` when there is none. */
  readonly updateSubscription: (
    name: string,
    change: Partial<Omit<SubscriptionSpec, "name" | "start">>
  ) => Effect.Effect<void, BrokerError>

  /** Forgets a subscription and its position. */
  readonly deleteSubscription: (name: string) => Effect.Effect<void, BrokerError>

  /**
   * Listens, for this scope, to what the topic's subscriptions give up: records whose deliveries are used up, and records that were
   * rejected, with the reason. Every listener hears all of it; `subscription` narrows it to one, which need not be there yet.
   *
   * Live, and at most once: it tells what happens after it answered and while it is open, nothing from before and, after a
   * restart, nothing that it missed. It keeps the newest 1 024 that nobody took; where more came, or the connection was lost,
   * stands a `Missed`. The list that loses none is `SubscriptionInfo.exhausted`; reasons are kept nowhere.
   *
   * Removing a record that somebody has is no reject. A `reject` that comes after another delivery of the record was settled may be told
   * too. A settlement that a crash of the broker undoes was told all the same, and is told again when it happens again.
   * Once the topic is deleted or the broker closed, `take` hands out what is left and then fails.
   */
  readonly advisories: (options?: {
    readonly subscription?: string
  }) => Effect.Effect<AdvisoryReader, BrokerError, Scope.Scope>
}
