import * as Schema from "effect/Schema"

/** An expectation did not hold: somebody else appended first. Read again, decide again. */
export class Conflict extends Schema.TaggedClass<Conflict>()("Conflict", {
  /** The subject whose last sequence was checked. */
  subject: Schema.String,
  /** The sequence the caller expected; 0 means "no record". */
  expected: Schema.Number,
  /** The sequence the backend holds, where the backend says. */
  actual: Schema.optionalKey(Schema.Number)
}) {}

/** Another write to the same check is in flight. Not a verdict: retry after a short random wait. */
export class Busy extends Schema.TaggedClass<Busy>()("Busy", {}) {}

/** The backend cannot be reached or has no leader now; nothing was stored. Retry with backoff. */
export class Unavailable extends Schema.TaggedClass<Unavailable>()("Unavailable", {}) {}

/** No answer came: the record may or may not be stored. Retry with the same `messageId`. */
export class Unknown extends Schema.TaggedClass<Unknown>()("Unknown", {}) {}

/** The backend refuses this request, and will refuse it again until something is changed. */
export class Rejected extends Schema.TaggedClass<Rejected>()("Rejected", {
  /**
   * `limit`: a limit with `discard: "reject"` is reached · `size`: the record is over `maxRecordBytes` ·
   * `subject`: not a valid subject or filter · `duplicate`: an id in an `appendAll` was seen before ·
   * `expectation`: a check on a subject written earlier in the same call, or on a wildcard ·
   * `count`: more than 1 000 records in one `appendAll` · `argument`: another value out of range.
   */
  cause: Schema.Literals(["limit", "size", "subject", "duplicate", "expectation", "count", "argument"])
}) {}

/** There is no such topic, subscription or record. */
export class NotFound extends Schema.TaggedClass<NotFound>()("NotFound", {
  what: Schema.Literals(["topic", "subscription", "record"])
}) {}

/** It exists with another specification. Open it with the same one, or change it with `update`. */
export class SpecMismatch extends Schema.TaggedClass<SpecMismatch>()("SpecMismatch", {
  what: Schema.Literals(["topic", "subscription"]),
  fields: Schema.Array(Schema.String)
}) {}

/** The stored bytes are damaged, or the store failed for good (a full disk, a failed sync). Reopen after mending. */
export class StorageFailed extends Schema.TaggedClass<StorageFailed>()("StorageFailed", {}) {}

/** Why a broker refused. */
export type BrokerErrorReason =
  | Conflict
  | Busy
  | Unavailable
  | Unknown
  | Rejected
  | NotFound
  | SpecMismatch
  | StorageFailed

/**
 * The one error of the port; `reason` says which of the few answers a caller can act on it is.
 *
 * Handle one of them with `Effect.catchReason("BrokerError", "Conflict", …)`.
 */
export class BrokerError extends Schema.TaggedError<BrokerError>()("BrokerError", {
  reason: Schema.Union([
    Conflict,
    Busy,
    Unavailable,
    Unknown,
    Rejected,
    NotFound,
    SpecMismatch,
    StorageFailed
  ]),
  /** What was being done, e.g. `append to orders`. */
  operation: Schema.String,
  /** What happened and what to do about it, in one or two sentences. */
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return `${this.operation}: ${this.reason._tag}. ${this.detail}`
  }

  /** True when the same request may succeed later as it stands (`Busy`, `Unavailable`, `Unknown`). */
  get isTransient(): boolean {
    const tag = this.reason._tag
    return tag === "Busy" || tag === "Unavailable" || tag === "Unknown"
  }
}
