import type * as Tracer from "effect/Tracer"
import type { AnyRef } from "./ActorRef.ts"
import type * as Message from "./Message.ts"

/** A message with what else is known of it. */
export class Envelope {
  readonly message: Message.Any
  /** The actor that sent it, if one did. */
  readonly sender: AnyRef | undefined
  /** The span in which it was sent, where the system is traced. */
  readonly span: Tracer.AnySpan | undefined

  constructor(message: Message.Any, sender: AnyRef | undefined, span: Tracer.AnySpan | undefined) {
    this.message = message
    this.sender = sender
    this.span = span
  }
}

/** What a mailbox holds: most told messages as they are, others in an envelope. */
export type Item = Message.Any | Envelope

/** The message of an item. */
export const messageOf = (item: Item): Message.Any => (item instanceof Envelope ? item.message : item)

/** The sender of an item, where it has one. */
export const senderOf = (item: Item | undefined): AnyRef | undefined =>
  item instanceof Envelope ? item.sender : undefined
