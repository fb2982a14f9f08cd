import { BrokerError } from "@troupe/broker"
import * as Schema from "effect/Schema"

/** DuckDB refused a statement, or failed while running it. */
export class QueryFailed extends Schema.TaggedClass<QueryFailed>()("QueryFailed", {
  sql: Schema.String,
  cause: Schema.Defect()
}) {}

/** A result's rows are not of the schema they were asked for. */
export class RowMismatch extends Schema.TaggedClass<RowMismatch>()("RowMismatch", {
  sql: Schema.String,
  issue: Schema.String
}) {}

/** The disk refused. */
export class DiskFailed extends Schema.TaggedClass<DiskFailed>()("DiskFailed", {
  path: Schema.String,
  cause: Schema.Defect()
}) {}

/** A stored file does not hold what was written to it. */
export class Damaged extends Schema.TaggedClass<Damaged>()("Damaged", {
  path: Schema.String,
  found: Schema.String
}) {}

/** Another process committed to the same directory: this one stopped, and what it wrote since is in no manifest. */
export class Fenced extends Schema.TaggedClass<Fenced>()("Fenced", {
  /** The version that this process wanted to commit. */
  version: Schema.Number
}) {}

/** The directory holds the archive of another topic, or of other columns. */
export class Foreign extends Schema.TaggedClass<Foreign>()("Foreign", {
  what: Schema.Literals(["topic", "columns"]),
  expected: Schema.String,
  found: Schema.String
}) {}

/** Records are gone from the topic that were never archived. */
export class Missing extends Schema.TaggedClass<Missing>()("Missing", {
  /** First sequence that is not in the archive. */
  from: Schema.Number,
  /** First sequence that the topic still holds. */
  firstSequence: Schema.Number
}) {}

/** Retention asked for more than the archive has read back. */
export class NotVerified extends Schema.TaggedClass<NotVerified>()("NotVerified", {
  below: Schema.Number,
  verifiedThrough: Schema.Number
}) {}

/** The extractor threw, or gave a value that its column cannot hold. */
export class ExtractFailed extends Schema.TaggedClass<ExtractFailed>()("ExtractFailed", {
  sequence: Schema.Number,
  issue: Schema.String
}) {}

/** The broker failed. */
export class BrokerFailed extends Schema.TaggedClass<BrokerFailed>()("BrokerFailed", {
  error: BrokerError
}) {}

/** Why batch work stopped. */
export type BatchErrorReason =
  | QueryFailed
  | RowMismatch
  | DiskFailed
  | Damaged
  | Fenced
  | Foreign
  | Missing
  | NotVerified
  | ExtractFailed
  | BrokerFailed

const explain = (reason: BatchErrorReason): string => {
  switch (reason._tag) {
    case "QueryFailed":
      return `${String(reason.cause).replace(/^Error: /, "")} Statement: ${reason.sql.slice(0, 400)}. Mend the statement; for "out of memory" raise memoryLimitMiB.`
    case "RowMismatch":
      return `${reason.issue} in the rows of ${reason.sql.slice(0, 400)}. Mend the schema or cast the columns.`
    case "DiskFailed":
      return `${reason.path}: ${String(reason.cause)}. Nothing that was committed is lost; mend the disk and run it again.`
    case "Damaged":
      return `${reason.path} ${reason.found}. Restore the file, or delete the archive and build it again from the topic.`
    case "Fenced":
      return `another process committed version ${reason.version} of this directory first. Run one process a directory; open it again if the other has ended.`
    case "Foreign":
      return `the directory holds another ${reason.what === "topic" ? "topic" : "set of columns"}: ${reason.found} instead of ${reason.expected}. Give each archive a directory of its own; columns may be added, not changed.`
    case "Missing":
      return `the records from ${reason.from} to ${reason.firstSequence - 1} are gone from the topic and not in the archive. Trim topics with Archive.trim only; set allowGaps to accept the loss and record it.`
    case "NotVerified":
      return `records below ${reason.below} were to be deleted, but the archive is verified through ${reason.verifiedThrough} only. Run and verify the archive first.`
    case "ExtractFailed":
      return `the extractor failed at record ${reason.sequence}: ${reason.issue}. Return undefined for records that are not events; the raw record is archived either way.`
    case "BrokerFailed":
      return reason.error.message
  }
}

/**
 * The one error of this package; `reason` says what happened and the message what to do.
 *
 * Handle one of them with `Effect.catchReason("BatchError", "Fenced", …)`.
 */
export class BatchError extends Schema.TaggedError<BatchError>()("BatchError", {
  /** What was being done, e.g. `archive posts`. */
  operation: Schema.String,
  reason: Schema.Union([
    QueryFailed,
    RowMismatch,
    DiskFailed,
    Damaged,
    Fenced,
    Foreign,
    Missing,
    NotVerified,
    ExtractFailed,
    BrokerFailed
  ])
}) {
  override get message() {
    return `${this.operation}: ${this.reason._tag}: ${explain(this.reason)}`
  }
}

/** Turns a failure of the broker into one of this package. */
export const brokerFailed =
  (operation: string) =>
  (error: BrokerError): BatchError =>
    new BatchError({ operation, reason: new BrokerFailed({ error }) })
