import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, Message } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { Block, inspected, makeLog, Note, Probe, settle, withProbes } from "./probe.ts"

describe("passivation", () => {
  it.effect(
    "an actor that was idle for passivateAfter leaves memory, and the next message activates it again",
    () =>
      Effect.gen(function* () {
        const log = makeLog()
        yield* Effect.gen(function* () {
          const system = yield* ActorSystem
          const events = yield* inspected
          const probe = yield* Probe.ref("a")
          yield* probe.ask(new Note({ n: 1 }))
          yield* TestClock.adjust("299 seconds")
          assert.strictEqual(yield* probe.ask(new Note({ n: 2 })), 2)
          yield* TestClock.adjust("299999 millis")
          assert.deepStrictEqual(log.lives, ["built"])
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(log.lives, ["built", "closed"])
          assert.strictEqual((yield* system.counters).actors, 0)
          assert.strictEqual(yield* probe.ask(new Note({ n: 3 })), 1)
          yield* settle
          assert.deepStrictEqual(
            events
              .filter((event) => event._tag !== "Received" && event._tag !== "Completed")
              .map((e) => e._tag),
            ["Spawned", "Passivated", "Spawned"]
          )
        }).pipe(withProbes(log, { passivateAfter: "5 minutes" }))
      })
  )

  it.effect("an actor that works, even for long, is not idle", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        yield* probe.tell(new Block())
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(log.lives, ["built"])
        log.gate.openUnsafe()
        yield* settle
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(log.lives, ["built", "closed"])
      }).pipe(withProbes(log, { passivateAfter: "1 minute" }))
    })
  )

  it.effect("messages that come while it leaves wait for the next incarnation, in order", () =>
    Effect.gen(function* () {
      class Add extends Message.Class<Add>()("Add", { payload: {} }) {}
      const Slow = Actor.make("test/Slow", [Add])
      const gate = Latch.makeUnsafe()
      const log: Array<string> = []
      let live = 0
      const layer = Slow.toLayer(
        Effect.gen(function* () {
          live++
          assert.strictEqual(live, 1, "one incarnation at a time")
          yield* Effect.addFinalizer(() =>
            Effect.andThen(
              gate.await,
              Effect.sync(() => {
                live--
                log.push("closed")
              })
            )
          )
          let added = 0
          return Slow.of({
            Add: () => {
              added++
              log.push(`added ${added}`)
              return Effect.void
            }
          })
        }),
        { passivateAfter: "1 minute" }
      )
      yield* Effect.gen(function* () {
        const slow = yield* Slow.ref("a")
        yield* slow.ask(new Add())
        yield* TestClock.adjust("1 minute")
        yield* slow.tell(new Add())
        yield* slow.tell(new Add())
        yield* settle
        assert.deepStrictEqual(log, ["added 1"])
        gate.openUnsafe()
        yield* settle
        assert.deepStrictEqual(log, ["added 1", "closed", "added 1", "added 2"])
      }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer))))
    })
  )

  it.effect("forgets an idle actor that was stopped: its next life is idle for as long as any", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const system = yield* ActorSystem
        const probe = yield* Probe.ref("a")
        yield* probe.ask(new Note({ n: 1 }))
        yield* Actor.stop(probe)
        yield* TestClock.adjust("30 seconds")
        yield* probe.ask(new Note({ n: 2 }))
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual((yield* system.counters).actors, 1)
        assert.strictEqual(yield* probe.ask(new Note({ n: 3 })), 2)
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(log.lives, ["built", "closed", "built", "closed"])
        assert.strictEqual((yield* system.counters).actors, 0)
      }).pipe(withProbes(log, { passivateAfter: "1 minute" }))
    })
  )

  it.effect("20 000 actors come and go and leave nothing behind", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const system = yield* ActorSystem
        for (let n = 0; n < 20_000; n++) yield* (yield* Probe.ref(`a${n}`)).tell(new Note({ n }))
        yield* settle
        assert.strictEqual((yield* system.counters).actors, 20_000)
        yield* TestClock.adjust("1 minute")
        const counters = yield* system.counters
        assert.deepStrictEqual(counters, {
          sent: 20_000,
          handled: 20_000,
          deadLettered: 0,
          queued: 0,
          actors: 0
        })
        assert.strictEqual(log.lives.filter((life) => life === "closed").length, 20_000)
      }).pipe(withProbes(log, { passivateAfter: "1 minute" }))
    })
  )

  it.effect("the least recently used leave first", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const events = yield* inspected
        const tell = (id: string) => Effect.flatMap(Probe.ref(id), (ref) => ref.ask(new Note({ n: 0 })))
        for (const id of ["a", "b", "c"]) {
          yield* tell(id)
          yield* TestClock.adjust("10 seconds")
        }
        yield* tell("b")
        yield* TestClock.adjust("10 seconds")
        yield* tell("a")
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(
          events.filter((event) => event._tag === "Passivated").map((e) => `${e.id} ${e.timeMillis}`),
          ["c 80000", "b 90000", "a 100000"]
        )
      }).pipe(withProbes(log, { passivateAfter: "1 minute" }))
    })
  )
})
