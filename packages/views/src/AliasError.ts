import * as Schema from "effect/Schema"
import { Target } from "./AliasRecord.ts"
import { BrokerFailed } from "./ViewError.ts"

/** The new version is not proven: the alias was not changed. */
export class NotProven extends Schema.TaggedClass<NotProven>()("NotProven", {
  /**
   * `missing`: no evidence · `otherDigest`: it is about other code or another config · `notProved`: it says itself that it proves nothing ·
   * `differences`: something was left over · `stale`: it does not reach far enough.
   */
  why: Schema.Literals(["missing", "otherDigest", "notProved", "differences", "stale"]),
  /** What the evidence says of that, for people. */
  found: Schema.String
}) {}

/** The new version has folded less than the old one: readers would go back in time. */
export class Behind extends Schema.TaggedClass<Behind>()("Behind", {
  /** Source sequence that the old version has folded. */
  from: Schema.Number,
  to: Schema.Number
}) {}

/** Somebody else changed the alias in between: this change was not made. */
export class AliasMoved extends Schema.TaggedClass<AliasMoved>()("AliasMoved", {
  /** Revision that this change was to follow. */
  expected: Schema.Number,
  actual: Schema.Number
}) {}

/** The alias says so already. */
export class AlreadyCurrent extends Schema.TaggedClass<AlreadyCurrent>()("AlreadyCurrent", {
  target: Target,
  revision: Schema.Number
}) {}

/** There is no such alias. */
export class UnknownAlias extends Schema.TaggedClass<UnknownAlias>()("UnknownAlias", {}) {}

/** There is no version before this one. */
export class NothingBefore extends Schema.TaggedClass<NothingBefore>()("NothingBefore", {}) {}

/** The store holds something else than an alias under this name. */
export class AliasUnreadable extends Schema.TaggedClass<AliasUnreadable>()("AliasUnreadable", {
  revision: Schema.Number
}) {}

/** Why an alias was not read or changed. */
export type AliasErrorReason =
  | NotProven
  | Behind
  | AliasMoved
  | AlreadyCurrent
  | UnknownAlias
  | NothingBefore
  | AliasUnreadable
  | BrokerFailed

const explain = (reason: AliasErrorReason): string => {
  switch (reason._tag) {
    case "NotProven":
      return `the new version is not proven: ${reason.found}. Compare all of this very version, mend what differs, and promote with that evidence.`
    case "Behind":
      return `the new version has folded the source up to ${reason.to}, the old one up to ${reason.from}. Wait until it has caught up.`
    case "AliasMoved":
      return `it was changed in between (expected revision ${reason.expected}, found ${reason.actual}). Resolve it again and decide again.`
    case "AlreadyCurrent":
      return `it names ${reason.target.name}@${reason.target.version} already, since revision ${reason.revision}. There is nothing to do.`
    case "UnknownAlias":
      return "there is no such alias. Begin it with its first target."
    case "NothingBefore":
      return "there is no version before this one to go back to. Promote another one."
    case "AliasUnreadable":
      return `revision ${reason.revision} was not written by this package, or by a newer one. Update this process, or delete the key and begin again.`
    case "BrokerFailed":
      return reason.error.message
  }
}

/** The one error of aliases. Handle one reason with `Effect.catchReason("AliasError", "Behind", …)`. */
export class AliasError extends Schema.TaggedError<AliasError>()("AliasError", {
  alias: Schema.String,
  reason: Schema.Union([
    NotProven,
    Behind,
    AliasMoved,
    AlreadyCurrent,
    UnknownAlias,
    NothingBefore,
    AliasUnreadable,
    BrokerFailed
  ])
}) {
  override get message() {
    return `alias ${this.alias}: ${this.reason._tag}: ${explain(this.reason)}`
  }
}
