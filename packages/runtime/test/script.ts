import { assert } from "@effect/vitest"
import { Actor, ActorSystem, type LifeOf, Message } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Does what the test says about number `n`. */
export class Do extends Message.Class<Do>()("Do", { payload: { n: Schema.Int }, success: Schema.Int }) {}

/** An actor whose behaviour is the test's. */
export const Scripted = Actor.make("test/Scripted", [Do])

/** A behaviour: what to do about a number, knowing the life that does it. */
export type Script = (n: number, life: LifeOf<Do>) => Effect.Effect<number>

/** Handlers that follow a script. */
export const following = (script: Script) =>
  Effect.map(Scripted.context, (life) => Scripted.of({ Do: ({ n }) => script(n, life) }))

/** Says that every message sent is accounted for, and how many wait. */
export const agree = (queued: number) =>
  Effect.gen(function* () {
    const counters = yield* (yield* ActorSystem).counters
    assert.strictEqual(
      counters.sent,
      counters.handled + counters.deadLettered + counters.queued,
      JSON.stringify(counters)
    )
    assert.strictEqual(counters.queued, queued, JSON.stringify(counters))
    return counters
  })
