import { assert, describe, it } from "@effect/vitest"
import { ActorSystem, type DeadLetter, Mailbox } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Block, behaviour, Crash, makeLog, Note, Probe, settle, withProbes } from "./probe.ts"

const lettersOf = Effect.gen(function* () {
  const letters: Array<DeadLetter> = []
  const system = yield* ActorSystem
  yield* Effect.forkScoped(
    Stream.runForEach(system.deadLetters, (letter) => Effect.sync(() => letters.push(letter))),
    { startImmediately: true }
  )
  return letters
})

describe("dead letters", () => {
  it.effect("a message to an actor that nobody hosts is one, and its asker is told", () =>
    Effect.gen(function* () {
      const letters = yield* lettersOf
      const probe = yield* Probe.ref("a")
      yield* probe.tell(new Note({ n: 1 }))
      const error = yield* Effect.flip(probe.ask(new Note({ n: 2 })))
      assert.strictEqual(error.reason._tag, "Unhosted")
      assert.include(error.message, "test/Probe/a")
      yield* settle
      assert.deepStrictEqual(
        letters.map((letter) => [letter.actor, letter.id, letter.reason, letter.message._tag]),
        [
          ["test/Probe", "a", "unhosted", "Note"],
          ["test/Probe", "a", "unhosted", "Note"]
        ]
      )
      const { counters } = yield* ActorSystem
      assert.deepStrictEqual(yield* counters, { sent: 2, handled: 0, deadLettered: 2, queued: 0, actors: 0 })
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect(
    "what is queued when the layer closes is one, message by message, and senders that waited go on",
    () =>
      Effect.gen(function* () {
        const log = makeLog()
        const letters = yield* lettersOf
        const system = yield* ActorSystem
        const scope = yield* Scope.make()
        yield* Layer.build(Probe.toLayer(behaviour(log), { mailbox: Mailbox.bounded(2), drain: 0 })).pipe(
          Scope.provide(scope)
        )
        const probe = yield* Probe.ref("a")
        yield* probe.tell(new Note({ n: 1 }))
        const blocked = yield* Effect.forkChild(Effect.flip(probe.ask(new Block())), {
          startImmediately: true
        })
        yield* settle
        yield* probe.tell(new Note({ n: 2 }))
        const queued = yield* Effect.forkChild(Effect.flip(probe.ask(new Note({ n: 3 }))), {
          startImmediately: true
        })
        const waiting = yield* Effect.forkChild(probe.tell(new Note({ n: 4 })), { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* Fiber.join(blocked)).reason._tag, "Stopped")
        assert.strictEqual((yield* Fiber.join(queued)).reason._tag, "Stopped")
        yield* Fiber.join(waiting)
        yield* probe.tell(new Note({ n: 5 }))
        assert.strictEqual((yield* Effect.flip(probe.ask(new Note({ n: 6 })))).reason._tag, "Stopped")
        yield* settle
        assert.deepStrictEqual(log.notes, [1])
        assert.deepStrictEqual(log.lives, ["built", "closed"])
        assert.deepStrictEqual(
          letters.map((letter) => letter.reason),
          ["stopped", "stopped", "stopped", "stopped", "stopped", "stopped"]
        )
        const counters = yield* system.counters
        assert.deepStrictEqual(counters, { sent: 7, handled: 1, deadLettered: 6, queued: 0, actors: 0 })
      }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("a parked message carries what it died of", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const letters = yield* lettersOf
        const probe = yield* Probe.ref("a")
        yield* probe.tell(new Crash({ why: "bad row" }))
        yield* settle
        assert.strictEqual(letters.length, 1)
        assert.include(String(letters[0]?.cause), "bad row")
        yield* TestClock.adjust("1 second")
      }).pipe(withProbes(log))
    })
  )

  it.effect("the stream ends with the system", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.build(ActorSystem.layer).pipe(Scope.provide(scope))
      const reader = yield* Effect.forkChild(
        Effect.flatMap(ActorSystem, (system) => Stream.runCollect(system.deadLetters)).pipe(
          Effect.provideContext(context)
        ),
        { startImmediately: true }
      )
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(reader)).length, 0)
    })
  )
})
