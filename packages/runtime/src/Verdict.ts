import * as Cause from "effect/Cause"
import { type Directive, type Supervision, stop } from "./Supervision.ts"

/** What is to be done about a crash. */
export interface Verdict {
  readonly directive: Directive
  /** What the actor crashed of; also what its `decide` died of. */
  readonly cause: Cause.Cause<unknown>
}

/** Asks the supervision. */
export const verdictOf = (supervision: Supervision, cause: Cause.Cause<unknown>): Verdict => {
  if (supervision._tag !== "ByCause") return { directive: supervision, cause }
  // It is the user's code, and the drain of the actor is on the stack.
  try {
    return { directive: supervision.decide(cause), cause }
  } catch (defect) {
    return { directive: stop, cause: Cause.combine(cause, Cause.die(defect)) }
  }
}
