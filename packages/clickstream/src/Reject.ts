import * as Schema from "effect/Schema"

/** A data row that is not an event: where it is, which column is wrong, what stood there and why that is refused. */
export const Reject = Schema.Struct({
  /** 1-based data row; rejects and events share one numbering. */
  row: Schema.Int,
  /** 1-based line of the text on which the row begins; the header is usually line 1. */
  line: Schema.Int,
  /** Name of the column, or `(row)` when the row as a whole is malformed. */
  column: Schema.String,
  /** What stood there, cut to 200 characters. */
  value: Schema.String,
  /** What is wrong with it, in words. */
  reason: Schema.String
})
export type Reject = typeof Reject.Type

/** One line for people: `line 7, column product_action: "buy" …`. */
export const format = (reject: Reject): string =>
  `line ${reject.line}, column ${reject.column}: ${JSON.stringify(reject.value)} ${reject.reason}`
