import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Broker } from "../Broker.ts"

/** A test over a running backend; each makes topics of its own, so they may run beside each other on one server. */
export interface ContractTest {
  /** `append-1`: what a clause names. */
  readonly id: string
  readonly title: string
  readonly run: Effect.Effect<void, unknown, Broker | Scope.Scope>
}

/** Runs an effect on the backend as it is opened now, and ends the backend afterwards. */
export type Session = <A>(
  effect: Effect.Effect<A, unknown, Broker | Scope.Scope>
) => Effect.Effect<A, unknown, Scope.Scope>

/** A test that ends the backend and opens it again on the same store. */
export interface RestartTest {
  readonly id: string
  readonly title: string
  readonly run: (session: Session) => Effect.Effect<void, unknown, Scope.Scope>
}

/** A test that restarts the server under a client which stays. */
export interface BounceTest {
  readonly id: string
  readonly title: string
  readonly run: (bounce: Effect.Effect<void, unknown>) => Effect.Effect<void, unknown, Broker | Scope.Scope>
}

/** States a test. */
export const test = (
  id: string,
  title: string,
  run: () => Effect.Effect<void, unknown, Broker | Scope.Scope>
): ContractTest => ({ id, title, run: run() })

/** States a test that restarts the backend. */
export const restartTest = (id: string, title: string, run: RestartTest["run"]): RestartTest => ({
  id,
  title,
  run
})
