import { assert } from "@effect/vitest"
import { ActorSystem, type Counters, type DeadLetter } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Every dead letter from now on. */
export const letters = Effect.gen(function* () {
  const all: Array<DeadLetter> = []
  const system = yield* ActorSystem
  yield* Effect.forkScoped(
    Stream.runForEach(system.deadLetters, (letter) => Effect.sync(() => all.push(letter))),
    { startImmediately: true }
  )
  return all
})

/** The counters, which agree. */
export const counted: Effect.Effect<Counters, never, ActorSystem> = Effect.gen(function* () {
  const counters = yield* (yield* ActorSystem).counters
  const { deadLettered, handled, queued, sent } = counters
  assert.strictEqual(sent, handled + deadLettered + queued, JSON.stringify(counters))
  return counters
})
