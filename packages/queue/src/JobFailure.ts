import * as Schema from "effect/Schema"

/** A handler fails with this when another attempt cannot help: the job is a dead letter at once. */
export class Permanent extends Schema.TaggedError<Permanent>()("Permanent", {
  /** Why, for whoever reads the dead letter. */
  reason: Schema.String
}) {
  override get message() {
    return this.reason
  }
}

/** A handler fails with this when it knows when to try again, e.g. from a `Retry-After`; the attempt counts. */
export class RetryAfter extends Schema.TaggedError<RetryAfter>()("RetryAfter", {
  delayMillis: Schema.Number,
  reason: Schema.String
}) {
  override get message() {
    return `${this.reason} (again after ${this.delayMillis} ms)`
  }
}
