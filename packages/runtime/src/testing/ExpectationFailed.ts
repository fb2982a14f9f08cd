import * as Schema from "effect/Schema"

/** A probe or a collector did not see what a test expected of it. */
export class ExpectationFailed extends Schema.TaggedError<ExpectationFailed>()("ExpectationFailed", {
  /** `actor/id` of the probe, or the collector's name. */
  of: Schema.String,
  /** `missing`: nothing came in time. `unexpected`: something else came, or something where nothing should. */
  kind: Schema.Literals(["missing", "unexpected"]),
  /** What was expected, what came, and what has come so far. */
  detail: Schema.String
}) {
  override get message() {
    return `${this.of} ${this.detail}`
  }
}
