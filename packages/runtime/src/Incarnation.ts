import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { ActorContext } from "./ActorContext.ts"
import type { HandlerTable, Registration } from "./Registration.ts"

/** One life of an actor, from a build of its state to the next restart, passivation or stop. */
export class Incarnation {
  /** There once the build has succeeded. */
  handlers: HandlerTable | undefined = undefined
  private readonly registration: Registration
  private readonly id: string
  private readonly scope = Scope.makeUnsafe()

  constructor(registration: Registration, id: string) {
    this.registration = registration
    this.id = id
  }

  /** What builds and handlers run in. */
  get context(): Context.Context<never> {
    const { actor, context } = this.registration
    return context.pipe(
      Context.add(Scope.Scope, this.scope),
      Context.add(ActorContext, { actor, id: this.id })
    ) as Context.Context<never>
  }

  /** True when nothing is there to finalize. */
  get isPlain(): boolean {
    return this.scope.state._tag === "Empty"
  }

  /** Runs the finalizers; one that fails is logged and does not keep the others from running. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.catchCause(Scope.close(this.scope, exit), (cause) =>
      Effect.logError(`a finalizer of actor ${this.registration.actor}/${this.id} failed`, cause)
    )
  }
}
