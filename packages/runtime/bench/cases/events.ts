import type { Contender } from "@troupe/bench"
import { ActorSystem, EventStream } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

class Shipped extends Schema.Class<Shipped>("Shipped")({ order: Schema.String }) {}
const shipped = new Shipped({ order: "o-1" })

/** As many as `EventStream` keeps for a reader. */
const backlog = 16_384
/** Readers get their turn before they are too far behind. */
const burst = 1_000

const contender = (
  program: (count: number) => Effect.Effect<unknown, unknown, ActorSystem | Scope.Scope>
): Contender => ({
  durability: "memory",
  run: async ({ quick }) => {
    const count = quick ? 100_000 : 500_000
    await Effect.runPromise(Effect.scoped(Effect.provide(program(count), ActorSystem.layer)))
    return count
  }
})

const publish = <R>(count: number, one: Effect.Effect<unknown, never, R>) =>
  Effect.gen(function* () {
    for (let n = 1; n <= count; n++) {
      yield* one
      if (n % burst === 0) yield* Effect.yieldNow
    }
  })

/** Publishes all of them, and waits until a reader, where there is one, has got them. */
const all = <R, S>(
  count: number,
  one: Effect.Effect<unknown, never, R>,
  events: Stream.Stream<Shipped, never, S> | undefined
) =>
  Effect.gen(function* () {
    const reader = yield* Effect.forkScoped(
      events === undefined ? Effect.void : Stream.runDrain(Stream.take(events, count)),
      { startImmediately: true }
    )
    yield* publish(count, one)
    yield* Fiber.join(reader)
  })

export const ours = (read: boolean): Contender =>
  contender((count) =>
    all(count, EventStream.publish(shipped), read ? EventStream.stream(Shipped) : undefined)
  )

export const pubSub = (read: boolean) => ({
  name: "PubSub of Effect",
  ...contender((count) =>
    Effect.flatMap(PubSub.sliding<Shipped>(backlog), (hub) =>
      all(count, PubSub.publish(hub, shipped), read ? Stream.fromPubSub(hub) : undefined)
    )
  )
})
