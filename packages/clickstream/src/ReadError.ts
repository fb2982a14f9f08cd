import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/** The header is not one of a known data set, so no row can be read. Correct the named line, or name the format. */
export class HeaderInvalid extends Schema.TaggedError<HeaderInvalid>()("HeaderInvalid", {
  /** 1-based line of the header. */
  line: Schema.Int,
  /** Required columns that are not there. */
  missing: Schema.Array(Schema.String),
  /** Columns named more than once. */
  repeated: Schema.Array(Schema.String),
  /** The columns that were found. */
  found: Schema.Array(Schema.String),
  /** The format that was asked for or looked most likely. */
  format: Schema.String
}) {
  override get message() {
    const problems = [
      ...this.missing.map((column) => `column ${column} is missing`),
      ...this.repeated.map((column) => `column ${column} is there twice`)
    ]
    const found = this.found.length === 0 ? "nothing" : this.found.join(",").slice(0, 300)
    const remedy =
      this.format === "otto"
        ? 'Give a CSV with a header line, or JSON lines: on each line one object with "session" and "events".'
        : "Add a header line with these columns, in any order."
    return `line ${this.line}: ${problems.join(", ")} (format ${this.format}; found ${found}). ${remedy}`
  }
}

/** Compressed input that cannot be decompressed to its end: cut short or damaged. Fetch the file again. */
export class InputDamaged extends Schema.TaggedError<InputDamaged>()("InputDamaged", {
  /** Compressed bytes taken in before the damage showed. */
  bytesRead: Schema.Int,
  cause: Schema.Defect()
}) {
  override get message() {
    const why = Predicate.hasProperty(this.cause, "message") ? this.cause.message : "unknown cause"
    return `gzip input is damaged or cut short within the first ${this.bytesRead} bytes (${why}). Rows before that are good; fetch the file again.`
  }
}
