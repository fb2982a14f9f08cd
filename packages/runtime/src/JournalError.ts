import * as Schema from "effect/Schema"

/** Somebody else appended to this history first; nothing was stored. Read again, decide again. */
export class JournalConflict extends Schema.TaggedClass<JournalConflict>()("JournalConflict", {
  expected: Schema.Number,
  /** The last sequence there is, where the store says. */
  actual: Schema.optionalKey(Schema.Number)
}) {}

/** The store cannot be reached now; nothing was stored. */
export class JournalUnavailable extends Schema.TaggedClass<JournalUnavailable>()("JournalUnavailable", {}) {}

/** No answer came: the entry may or may not be stored. Only reading the history tells. */
export class JournalUnknown extends Schema.TaggedClass<JournalUnknown>()("JournalUnknown", {}) {}

/** The store refuses the entry as it is, for instance because it is too large; nothing was stored. */
export class JournalRejected extends Schema.TaggedClass<JournalRejected>()("JournalRejected", {}) {}

/** What is stored cannot be read: it is no entry, or not in the schema of today's events. */
export class JournalDamaged extends Schema.TaggedClass<JournalDamaged>()("JournalDamaged", {}) {}

/** Why a journal refused. */
export type JournalErrorReason =
  | JournalConflict
  | JournalUnavailable
  | JournalUnknown
  | JournalRejected
  | JournalDamaged

/** The one error of the journal port; `reason` says what the caller knows about the entry. */
export class JournalError extends Schema.TaggedError<JournalError>()("JournalError", {
  reason: Schema.Union([
    JournalConflict,
    JournalUnavailable,
    JournalUnknown,
    JournalRejected,
    JournalDamaged
  ]),
  /** `actor/id` of the history. */
  history: Schema.String,
  /** What happened and what to do about it, in one or two sentences. */
  detail: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return `history of ${this.history}: ${this.reason._tag}. ${this.detail}`
  }
}
