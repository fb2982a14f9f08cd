import { Envelope } from "./Envelope.ts"
import type * as Message from "./Message.ts"

/** The message of a timer: it can be withdrawn while it waits, and its timer is told when it does not any more. */
export class TimedEnvelope extends Envelope {
  /** True once it must not be handled; it is counted out then, as if it had never been sent. */
  withdrawn = false
  readonly timer: Sender

  constructor(message: Message.Any, timer: Sender) {
    super(message, undefined, undefined)
    this.timer = timer
  }
}

/** Who keeps account of the messages of one timer that wait. */
interface Sender {
  /** It waits no longer: it is handled, or a dead letter. */
  readonly taken: (due: TimedEnvelope) => void
  /** It waits again: its handler put it aside. */
  readonly putAside: (due: TimedEnvelope) => void
}
