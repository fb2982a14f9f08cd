import { BrokerError } from "@troupe/broker"
import * as Schema from "effect/Schema"

/** Another processor of the same partition, or sink of the same table, appends: this one stopped, and appended nothing after that. */
export class Fenced extends Schema.TaggedClass<Fenced>()("Fenced", {
  /** Last sequence of the subject that this one knew; 0 for none. */
  expected: Schema.Number,
  actual: Schema.optionalKey(Schema.Number)
}) {}

/** The output topic, the snapshot or the served table was written by a view of another digest: other code or another config. */
export class Foreign extends Schema.TaggedClass<Foreign>()("Foreign", {
  where: Schema.Literals(["output", "snapshot", "served table"]),
  /** Digest of the view that runs. */
  expected: Schema.String,
  /** Digest found. */
  found: Schema.String
}) {}

/** Folding the same records again gave something else than what the output topic holds. */
export class NotDeterministic extends Schema.TaggedClass<NotDeterministic>()("NotDeterministic", {
  /** Last input sequence of the chunk that came out differently. */
  inSequence: Schema.Number,
  /** The output record that holds what came out the first time; 0 where the count of records differs. */
  outSequence: Schema.Number
}) {}

/** Records that were folded before are not in the input topic any more (retention, another topic, a lost tail). */
export class InputMissing extends Schema.TaggedClass<InputMissing>()("InputMissing", {
  /** The input sequence that a committed chunk ends with. */
  inSequence: Schema.Number
}) {}

/** The input holds a record of a partition that the view was not told of. */
export class NoSuchPartition extends Schema.TaggedClass<NoSuchPartition>()("NoSuchPartition", {
  subject: Schema.String,
  inSequence: Schema.Number,
  /** Partitions that the view runs on: 0 … partitions − 1. */
  partitions: Schema.Number
}) {}

/** One output alone is larger than a record may be. */
export class OutputTooLarge extends Schema.TaggedClass<OutputTooLarge>()("OutputTooLarge", {
  bytes: Schema.Number,
  limit: Schema.Number
}) {}

/** The fold, or a codec, threw. */
export class FoldFailed extends Schema.TaggedClass<FoldFailed>()("FoldFailed", {
  /** Last input sequence of the chunk; 0 where there is none. */
  inSequence: Schema.Number,
  defect: Schema.Defect()
}) {}

/** An output topic holds a record that no view wrote, or that is damaged. */
export class NotAnOutput extends Schema.TaggedClass<NotAnOutput>()("NotAnOutput", {
  outSequence: Schema.Number
}) {}

/** The output topic does not hold the outputs that the served table was made of: it was deleted and made anew, or cut. */
export class OutputsReplaced extends Schema.TaggedClass<OutputsReplaced>()("OutputsReplaced", {
  /** Name of the served topic. */
  topic: Schema.String,
  /** The output sequence up to which the table was made. */
  through: Schema.Number
}) {}

/** The broker failed for good: every transient failure was retried. */
export class BrokerFailed extends Schema.TaggedClass<BrokerFailed>()("BrokerFailed", {
  error: BrokerError
}) {}

/** The view was stopped before it got there. */
export class Stopped extends Schema.TaggedClass<Stopped>()("Stopped", {}) {}

/** Why a view stopped. */
export type ViewErrorReason =
  | Fenced
  | Foreign
  | NotDeterministic
  | InputMissing
  | NoSuchPartition
  | OutputTooLarge
  | FoldFailed
  | NotAnOutput
  | OutputsReplaced
  | BrokerFailed
  | Stopped

const explain = (reason: ViewErrorReason, place: "partition" | "table"): string => {
  switch (reason._tag) {
    case "Fenced":
      return `another processor appends to this ${place} (expected last sequence ${reason.expected}, found ${reason.actual ?? "another"}). Run one processor a ${place}; start this one again if the other has ended.`
    case "Foreign":
      return `the ${reason.where} was written by a view with digest ${reason.found}, this one has ${reason.expected}. Raise the version to run beside it, or delete its topics to rebuild.`
    case "NotDeterministic":
      return `folding the input up to sequence ${reason.inSequence} again differs from what is stored at output sequence ${reason.outSequence}. The code changed, or the fold is not pure: raise the version, or mend the fold.`
    case "InputMissing":
      return `the input record ${reason.inSequence}, which was folded before, is not in the topic. Check that this is the topic the view ran on and that its retention keeps what has no snapshot.`
    case "NoSuchPartition":
      return `the input record ${reason.inSequence} is on subject ${reason.subject}, but the view runs on ${reason.partitions} partitions. Give the number that the topic was written with.`
    case "OutputTooLarge":
      return `one output has ${reason.bytes} bytes; a record holds ${reason.limit}. Emit smaller outputs.`
    case "FoldFailed":
      return `the fold or a codec threw at input sequence ${reason.inSequence}: ${String(reason.defect)}. Mend it; nothing of this chunk was committed.`
    case "NotAnOutput":
      return `the record ${reason.outSequence} of the output topic was not written by a view, or is damaged. Delete the topic to rebuild it.`
    case "OutputsReplaced":
      return `the served table ${reason.topic} was made of outputs up to sequence ${reason.through}, which the output topic does not hold any more. Delete ${reason.topic} to build it again.`
    case "BrokerFailed":
      return reason.error.message
    case "Stopped":
      return "it was stopped first. Run it again: it goes on where it was."
  }
}

/**
 * The one error of views; `reason` says what happened to which partition.
 *
 * Handle one of them with `Effect.catchReason("ViewError", "Fenced", …)`.
 */
export class ViewError extends Schema.TaggedError<ViewError>()("ViewError", {
  /** `name@version`. */
  view: Schema.String,
  /** The partition; -1 where it concerns all of them. */
  partition: Schema.Number,
  reason: Schema.Union([
    Fenced,
    Foreign,
    NotDeterministic,
    InputMissing,
    NoSuchPartition,
    OutputTooLarge,
    FoldFailed,
    NotAnOutput,
    OutputsReplaced,
    BrokerFailed,
    Stopped
  ])
}) {
  override get message() {
    const where = this.partition < 0 ? this.view : `${this.view}, partition ${this.partition}`
    return `view ${where}: ${this.reason._tag}: ${explain(this.reason, this.partition < 0 ? "table" : "partition")}`
  }
}
