import { ActorSystem } from "@troupe/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

/** The actor system that is around, so that its inspection shows what runs here, else one of the caller's scope. */
export const actorsAround = Effect.gen(function* () {
  const around = yield* Effect.serviceOption(ActorSystem)
  if (Option.isSome(around)) return around.value
  return Context.get(yield* Layer.build(ActorSystem.layer), ActorSystem)
})
