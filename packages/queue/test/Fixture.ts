import { type Broker, layerMemory } from "@troupe/broker"
import { ActorSystem } from "@troupe/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"

/** What the tests' queues hold. */
export class Email extends Schema.Class<Email>("Email")({
  id: Schema.String,
  to: Schema.String,
  n: Schema.Int
}) {}

export const email = (id: string, to = "a@example.org", n = 0) => new Email({ id, to, n })

/** A broker and an actor system in memory. */
export const memory: Layer.Layer<Broker | ActorSystem> = Layer.merge(layerMemory, ActorSystem.layer)

/** Lets virtual time pass in small steps, so that what one timer starts sees the next one. */
export const pass = Effect.fnUntraced(function* (millis: number) {
  const until = (yield* Clock.currentTimeMillis) + millis
  for (;;) {
    const now = yield* Clock.currentTimeMillis
    if (now >= until) return
    yield* TestClock.adjust(Math.min(50, until - now))
  }
})

/** Lets everything happen that needs no time. */
export const settle = pass(1)
