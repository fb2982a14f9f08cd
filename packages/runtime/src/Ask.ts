import type * as Effect from "effect/Effect"
import type * as Message from "./Message.ts"

/** A message whose sender waits for the answer. */
export class Ask {
  readonly message: Message.Any
  private resume: ((answer: Effect.Effect<unknown, unknown>) => void) | undefined

  constructor(message: Message.Any, resume: (answer: Effect.Effect<unknown, unknown>) => void) {
    this.message = message
    this.resume = resume
  }

  get answered(): boolean {
    return this.resume === undefined
  }

  /** Resumes the asker; only the first answer counts, and none after the asker left. */
  answer(answer: Effect.Effect<unknown, unknown>): void {
    const resume = this.resume
    if (resume === undefined) return
    this.resume = undefined
    resume(answer)
  }

  /** The asker does not wait any more. */
  abandon(): void {
    this.resume = undefined
  }
}

/** What a mailbox holds: a told message as it is, or an asked one with its asker. */
export type Item = Message.Any | Ask

/** The message of an item. */
export const messageOf = (item: Item): Message.Any => (item instanceof Ask ? item.message : item)
