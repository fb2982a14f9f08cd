import * as Formatter from "effect/Formatter"
import * as Schema from "effect/Schema"

/** An order of steps under which a scenario does not do what it should, and how to see it again. */
export class InterleavingFailed extends Schema.TaggedError<InterleavingFailed>()("InterleavingFailed", {
  seed: Schema.Int,
  /** Tasks that ran up to the failure. */
  steps: Schema.Int,
  /**
   * - `failed`: the scenario failed or died; `cause` says with what.
   * - `stuck`: it waits for ever: nothing is ready to run.
   * - `endless`: it had not ended after `stepsMax` steps.
   */
  kind: Schema.Literals(["failed", "stuck", "endless"]),
  /** False: a second run of the same seed took another course, so the scenario depends on something beside the seed. */
  repeats: Schema.Boolean,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    const what = {
      failed: messageOf(this.cause),
      stuck:
        "it waits and nothing is ready to run: fibers wait for each other, for time (move the TestClock), or for something outside Effect (a promise, a file, a socket), which no seed can order",
      endless: "it had not ended by then: it loops without waiting, or `stepsMax` is too low"
    }[this.kind]
    const again = `See it again: yield* Interleavings.replay(${this.seed}, scenario)`
    const warning = this.repeats
      ? ""
      : "\nBut a second run of this seed took another course: the scenario depends on something beside the seed, such as the real clock, Math.random or state that it shares with earlier runs."
    return `seed ${this.seed}, after ${this.steps} steps: ${what}\n${again}${warning}`
  }
}

// Runners copy errors, and a copy of the cause may be no `Error` any more.
const messageOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "message" in cause && cause.message !== ""
    ? String(cause.message)
    : Formatter.format(cause)
