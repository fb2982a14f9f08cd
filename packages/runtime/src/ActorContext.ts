import * as Context from "effect/Context"

/** Who an actor is: a service that every handler and every build of an actor's state may use. */
export class ActorContext extends Context.Service<
  ActorContext,
  {
    /** Name of the actor's type. */
    readonly actor: string
    readonly id: string
  }
>()("@troupe/runtime/ActorContext") {}
