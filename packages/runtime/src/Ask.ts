import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { Envelope } from "./Envelope.ts"

/** A message whose sender waits for the answer. */
export class Ask extends Envelope {
  /** The first answer; none counts after it. */
  answered: Exit.Exit<unknown, unknown> | undefined = undefined
  private resume: ((answer: Effect.Effect<unknown, unknown>) => void) | undefined = undefined

  /** Answers, and resumes the asker when it waits already; only the first answer counts. */
  answer(answer: Exit.Exit<unknown, unknown>): void {
    if (this.answered !== undefined) return
    this.answered = answer
    const resume = this.resume
    if (resume === undefined) return
    this.resume = undefined
    resume(answer)
  }

  /** The asker waits from now on; resumed at once when the answer is there. */
  wait(resume: (answer: Effect.Effect<unknown, unknown>) => void): void {
    if (this.answered === undefined) this.resume = resume
    else resume(this.answered)
  }

  /** The asker does not wait any more. */
  abandon(): void {
    this.resume = undefined
  }
}
