import * as Schema from "effect/Schema"

/** The directory, or the other side, holds another log: nothing was changed. */
export class OtherLog extends Schema.TaggedClass<OtherLog>()("OtherLog", {
  ours: Schema.String,
  theirs: Schema.String
}) {}

/** A larger epoch has begun: somebody else is primary now. */
export class Fenced extends Schema.TaggedClass<Fenced>()("Fenced", {
  epoch: Schema.Number,
  newer: Schema.Number
}) {}

/** Bytes that a primary sent do not continue this replica's log. */
export class Unfit extends Schema.TaggedClass<Unfit>()("Unfit", { what: Schema.String }) {}

/** The disk of this side failed, or its log is damaged or closed. */
export class StoreFailed extends Schema.TaggedClass<StoreFailed>()("StoreFailed", {
  cause: Schema.Defect()
}) {}

/** `apply` failed on a batch: the records from there on are not applied. */
export class ApplyFailed extends Schema.TaggedClass<ApplyFailed>()("ApplyFailed", {
  cause: Schema.Defect()
}) {}

/** The transport could not send; what was not acknowledged is sent again. */
export class TransportFailed extends Schema.TaggedClass<TransportFailed>()("TransportFailed", {
  cause: Schema.Defect()
}) {}

/** Too few replicas could be fenced to know of every acknowledged record: nothing was promoted. */
export class TooFew extends Schema.TaggedClass<TooFew>()("TooFew", {
  fenced: Schema.Number,
  needed: Schema.Number
}) {}

/** The replica has no log yet: promoting it would begin another log. */
export class Empty extends Schema.TaggedClass<Empty>()("Empty", { name: Schema.String }) {}

/** The archive has not what the restore needs. */
export class ArchiveGap extends Schema.TaggedClass<ArchiveGap>()("ArchiveGap", { what: Schema.String }) {}

/** Another node holds the lease. */
export class LeaseHeld extends Schema.TaggedClass<LeaseHeld>()("LeaseHeld", { by: Schema.String }) {}

/** Why shipping refused. */
export type ShippingErrorReason =
  | OtherLog
  | Fenced
  | Unfit
  | StoreFailed
  | ApplyFailed
  | TransportFailed
  | TooFew
  | Empty
  | ArchiveGap
  | LeaseHeld

const remedies: { readonly [Tag in ShippingErrorReason["_tag"]]: (reason: never) => string } = {
  OtherLog: (r: OtherLog) =>
    `this side has log ${r.ours}, the other log ${r.theirs}. Give the replica a directory of its own, or the right transport name.`,
  Fenced: (r: Fenced) =>
    `epoch ${r.newer} has begun, this was ${r.epoch}. Open the directory as a replica of the new primary.`,
  Unfit: (r: Unfit) => `${r.what}. Nothing of it was written; it is asked for again.`,
  StoreFailed: (r: StoreFailed) => `${String(r.cause)}. Mend the disk, then open it again.`,
  ApplyFailed: (r: ApplyFailed) => `${String(r.cause)}. Mend it, then open the replica again with applyFrom.`,
  TransportFailed: (r: TransportFailed) => `${String(r.cause)}. It is sent again at the next heartbeat.`,
  TooFew: (r: TooFew) =>
    `${r.fenced} replicas were fenced, ${r.needed} are needed to hold every acknowledged record. Bring more of them back.`,
  Empty: (r: Empty) => `${r.name} has no log yet. Promote one that has, or start the old primary again.`,
  ArchiveGap: (r: ArchiveGap) => `${r.what}. Add the source that has it, or restore to an earlier point.`,
  LeaseHeld: (r: LeaseHeld) => `${r.by} holds it. Wait until the lease ends, or stop that node.`
}

/**
 * The one error of shipping; `reason` says which of the few answers a caller can act on it is.
 *
 * Handle one with `Effect.catchReason("ShippingError", "Fenced", …)`.
 */
export class ShippingError extends Schema.TaggedError<ShippingError>()("ShippingError", {
  /** What was being done, e.g. `restore to sequence 12`. */
  operation: Schema.String,
  reason: Schema.Union([
    OtherLog,
    Fenced,
    Unfit,
    StoreFailed,
    ApplyFailed,
    TransportFailed,
    TooFew,
    Empty,
    ArchiveGap,
    LeaseHeld
  ])
}) {
  override get message() {
    return `${this.operation}: ${this.reason._tag}: ${remedies[this.reason._tag](this.reason as never)}`
  }
}
