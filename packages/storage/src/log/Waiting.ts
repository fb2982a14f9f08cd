import * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { LogFailed } from "./LogError.ts"

/** Hears that what it waited for is kept (`undefined`), or why it never will be. */
export type Settled = (failure: LogFailed | undefined) => void

/** All who wait for one write or sync: fibers share one deferred, callers without Effect are called one after the other. */
export class Waiting {
  private deferred: Deferred.Deferred<void, LogFailed> | undefined
  private readonly callers: Array<Settled> = []

  /** Waits as a fiber. */
  get effect(): Effect.Effect<void, LogFailed> {
    this.deferred ??= Deferred.makeUnsafe<void, LogFailed>()
    return Deferred.await(this.deferred)
  }

  /** Waits as a caller. */
  call(settled: Settled): void {
    this.callers.push(settled)
  }

  /** Answers all of them; once. */
  settle(failure: LogFailed | undefined): void {
    if (this.deferred !== undefined)
      Deferred.doneUnsafe(this.deferred, failure === undefined ? Exit.void : Exit.fail(failure))
    for (const settled of this.callers) settled(failure)
  }
}
