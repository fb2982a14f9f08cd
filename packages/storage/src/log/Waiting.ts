import * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { LogFailed } from "./LogError.ts"

type Resolve = (answer: number) => void
type Reject = (failure: LogFailed) => void

let resolveLast: Resolve
let rejectLast: Reject
/** One executor for all promises: each costs no closure of ours. */
const executor = (resolve: Resolve, reject: Reject): void => {
  resolveLast = resolve
  rejectLast = reject
}

/** All who wait for one write or sync: fibers share one deferred, callers without Effect have a promise each. */
export class Waiting {
  private deferred: Deferred.Deferred<void, LogFailed> | undefined
  private readonly answers: Array<number> = []
  private readonly resolves: Array<Resolve> = []
  private readonly rejects: Array<Reject> = []

  /** Waits as a fiber. */
  get effect(): Effect.Effect<void, LogFailed> {
    this.deferred ??= Deferred.makeUnsafe<void, LogFailed>()
    return Deferred.await(this.deferred)
  }

  /** Waits for `answer` as a promise. */
  promise(answer: number): Promise<number> {
    const promise = new Promise<number>(executor)
    this.answers.push(answer)
    this.resolves.push(resolveLast)
    this.rejects.push(rejectLast)
    return promise
  }

  /** Answers all of them; once. */
  settle(failure: LogFailed | undefined): void {
    if (this.deferred !== undefined)
      Deferred.doneUnsafe(this.deferred, failure === undefined ? Exit.void : Exit.fail(failure))
    const { answers, rejects, resolves } = this
    for (let i = 0; i < resolves.length; i++) {
      if (failure === undefined) (resolves[i] as Resolve)(answers[i] as number)
      else (rejects[i] as Reject)(failure)
    }
  }
}
