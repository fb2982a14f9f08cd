import { Envelope } from "./Envelope.ts"
import type * as Message from "./Message.ts"

/** The message of a timer: it can be withdrawn while it waits, and its timer is told when it does not any more. */
export class TimedEnvelope extends Envelope {
  /** True once it must not be handled; it is counted out then, as if it had never been sent. */
  withdrawn = false
  readonly taken: () => void

  constructor(message: Message.Any, taken: () => void) {
    super(message, undefined, undefined)
    this.taken = taken
  }
}
