import * as Schema from "effect/Schema"

/** The actor, its layer or the system stopped before the message was answered. */
export class Stopped extends Schema.TaggedClass<Stopped>()("Stopped", {}) {}

/** No layer hosts an actor of that name, and nobody spawned one. */
export class Unhosted extends Schema.TaggedClass<Unhosted>()("Unhosted", {}) {}

/** The answer did not come in the time that the asker gave; the message may still be handled. */
export class Timeout extends Schema.TaggedClass<Timeout>()("Timeout", { afterMillis: Schema.Number }) {}

/** The message crashed its actor as often as the supervision allows, or the mailbox's `rank`, and was put aside as a dead letter. */
export class Parked extends Schema.TaggedClass<Parked>()("Parked", {
  /** How often it was tried; 0 where it has no rank. */
  attempts: Schema.Number,
  /** What the last try died of. */
  defect: Schema.Defect()
}) {}

/** The mailbox or the stash was full, and its kind drops what finds no room. */
export class Dropped extends Schema.TaggedClass<Dropped>()("Dropped", {}) {}

/** Why an `ask` has no answer. */
export type AskErrorReason = Stopped | Unhosted | Timeout | Parked | Dropped

const remedies: { readonly [Tag in AskErrorReason["_tag"]]: string } = {
  Stopped: "It stopped before it answered; ask again once its layer runs.",
  Unhosted: "Nobody hosts it; provide the actor's `toLayer(…)`, or spawn it first.",
  Timeout:
    "No answer came in time; it may still be handled. Ask again only if the message has a primaryKey, or allow more time.",
  Dropped: "There was no room for it; send less at a time, or give the actor a larger or a bounded mailbox.",
  Parked:
    "The message crashed its handler (or the mailbox's `rank`) and is now a dead letter; mend that, then send it again."
}

/**
 * The one way in which an `ask` fails for a reason that is not the message's own domain error.
 *
 * Handle one reason with `Effect.catchReason("AskError", "Timeout", …)`.
 */
export class AskError extends Schema.TaggedError<AskError>()("AskError", {
  reason: Schema.Union([Stopped, Unhosted, Timeout, Parked, Dropped]),
  /** Name of the actor's type. */
  actor: Schema.String,
  id: Schema.String,
  /** Tag of the message. */
  messageTag: Schema.String
}) {
  override get message() {
    const detail = this.reason._tag === "Parked" ? ` (${String(this.reason.defect)})` : ""
    return `ask ${this.actor}/${this.id} ${this.messageTag}: ${this.reason._tag}${detail}. ${remedies[this.reason._tag]}`
  }
}
