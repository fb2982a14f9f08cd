import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { LogFailed } from "./LogError.ts"

type Resume = (answer: Effect.Effect<void, LogFailed>) => void

/** All who wait for one write or sync: fibers by their resumption, callers without Effect by one promise. */
export class Waiting {
  private readonly resumes: Array<Resume> = []
  private settled: Exit.Exit<void, LogFailed> | undefined
  private shared: PromiseWithResolvers<void> | undefined

  /** Waits as a fiber. One that is interrupted is not taken off the list: it is short, and resuming it does nothing. */
  readonly effect: Effect.Effect<void, LogFailed> = Effect.callback<void, LogFailed>((resume) => {
    if (this.settled === undefined) this.resumes.push(resume)
    else resume(this.settled)
  })

  /** Waits for `answer` as a promise. */
  promise(answer: number): Promise<number> {
    this.shared ??= Promise.withResolvers<void>()
    // Cheaper than a promise with resolvers of its own for each who waits.
    return this.shared.promise.then(() => answer)
  }

  /** Answers all of them; once. */
  settle(failure: LogFailed | undefined): void {
    const exit = failure === undefined ? Exit.void : Exit.fail(failure)
    this.settled = exit
    for (const resume of this.resumes) resume(exit)
    if (failure === undefined) this.shared?.resolve()
    else this.shared?.reject(failure)
  }
}
