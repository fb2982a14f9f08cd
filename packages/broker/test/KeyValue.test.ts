/** What the contract cannot provoke on a real backend: a state that is not read at one moment. */
import { assert, describe, it } from "@effect/vitest"
import { Broker, KeyValue, layerMemory, type Topic } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

const bytes = (text: string) => new TextEncoder().encode(text)

/** Between the reading of the last sequence and of the last records, `meanwhile` happens. */
const layerWith = (meanwhile: (topic: Topic) => Effect.Effect<void>) =>
  Layer.effect(
    Broker,
    Effect.map(Broker, (broker) => ({
      ...broker,
      topic: (spec) =>
        Effect.map(
          broker.topic(spec),
          (topic): Topic => ({
            ...topic,
            lastPerSubject: (filter) =>
              Stream.unwrap(Effect.as(meanwhile(topic), topic.lastPerSubject(filter)))
          })
        )
    }))
  ).pipe(Layer.provide(layerMemory))

describe("KeyValue.watch", () => {
  it.effect(
    "tells nothing twice, and no older value after a newer one, when the store changes while it is read",
    () =>
      Effect.gen(function* () {
        const kv = yield* KeyValue.open({ name: "s", history: 5 })
        yield* kv.put("a", bytes("1"))
        yield* kv.put("b", bytes("1"))
        const events = yield* kv.watch().pipe(Stream.take(5), Stream.runCollect)
        assert.deepStrictEqual(
          events.map((event) =>
            event._tag === "Current"
              ? `current ${event.revision}`
              : `${event.entry.key} ${event.entry.revision}`
          ),
          ["b 2", "a 4", "c 5", "current 2", "d 6"]
        )
      }).pipe(
        Effect.provide(
          layerWith((topic) =>
            Effect.orDie(
              Effect.andThen(
                topic.appendAll(["a", "a", "c"].map((subject) => ({ subject, data: bytes("new") }))),
                Effect.forkDetach(
                  Effect.andThen(Effect.yieldNow, topic.append({ subject: "d", data: bytes("later") }))
                )
              )
            )
          )
        )
      )
  )
})
