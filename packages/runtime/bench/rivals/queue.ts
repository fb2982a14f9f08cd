import type { Contender } from "@troupe/bench"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"

/** An actor by hand: a fiber that takes from a queue, with a `Deferred` for every answer. */
export const ask = <A>(handler: Effect.Effect<A>): Contender & { readonly name: string } => ({
  name: "Queue + Deferred by hand",
  durability: "memory",
  run: async ({ quick }) => {
    const count = quick ? 20_000 : 100_000
    await Effect.runPromise(
      Effect.gen(function* () {
        const queue = yield* Queue.bounded<Deferred.Deferred<A>>(1024)
        yield* Effect.forkChild(
          Effect.forever(Effect.flatMap(Queue.take(queue), (reply) => Deferred.complete(reply, handler)))
        )
        for (let n = 0; n < count; n++) {
          const reply = yield* Deferred.make<A>()
          yield* Queue.offer(queue, reply)
          yield* Deferred.await(reply)
        }
      })
    )
    return count
  }
})
