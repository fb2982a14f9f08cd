import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, type AskError, Message, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Block, Crash, inspected, makeLog, Note, Probe, settle, withProbes } from "./probe.ts"

const backoff = Schedule.exponential("100 millis")

describe("supervision", () => {
  it.effect("restart builds the state anew after the schedule's delay, and the mailbox keeps its order", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        assert.strictEqual(yield* probe.ask(new Note({ n: 1 })), 1)
        assert.strictEqual(yield* probe.ask(new Note({ n: 2 })), 2)
        yield* probe.tell(new Crash({}))
        yield* probe.tell(new Note({ n: 3 }))
        const asker = yield* Effect.forkChild(probe.ask(new Note({ n: 4 })), { startImmediately: true })
        yield* TestClock.adjust("99 millis")
        assert.deepStrictEqual(log.notes, [1, 2])
        assert.deepStrictEqual(log.lives, ["built", "closed"])
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* Fiber.join(asker), 2)
        assert.deepStrictEqual(log.notes, [1, 2, 3, 4])
        assert.deepStrictEqual(log.lives, ["built", "closed", "built"])
      }).pipe(withProbes(log, { supervision: Supervision.restart({ schedule: backoff }) }))
      assert.deepStrictEqual(log.lives, ["built", "closed", "built", "closed"])
    })
  )

  it.effect("the delay grows with each crash, and starts anew after a quiet resetAfter", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        const crashAndWait = (millis: number) =>
          Effect.gen(function* () {
            yield* probe.tell(new Crash({}))
            const asker = yield* Effect.forkChild(probe.ask(new Note({ n: millis })), {
              startImmediately: true
            })
            yield* TestClock.adjust(millis - 1)
            const early = asker.pollUnsafe() !== undefined
            yield* TestClock.adjust(1)
            yield* settle
            return [early, asker.pollUnsafe() !== undefined]
          })
        assert.deepStrictEqual(yield* crashAndWait(100), [false, true])
        assert.deepStrictEqual(yield* crashAndWait(200), [false, true])
        assert.deepStrictEqual(yield* crashAndWait(400), [false, true])
        yield* TestClock.adjust("59 seconds")
        assert.deepStrictEqual(yield* crashAndWait(800), [false, true])
        yield* TestClock.adjust("60 seconds")
        assert.deepStrictEqual(yield* crashAndWait(100), [false, true])
      }).pipe(
        withProbes(log, { supervision: Supervision.restart({ schedule: backoff, resetAfter: "1 minute" }) })
      )
    })
  )

  it.effect(
    "by default a message is tried at most once: its asker gets the defect, and it is a dead letter",
    () =>
      Effect.gen(function* () {
        const log = makeLog()
        yield* Effect.gen(function* () {
          const probe = yield* Probe.ref("a")
          const events = yield* inspected
          const error: AskError = yield* Effect.flip(probe.ask(new Crash({ why: "bad row" })))
          assert.strictEqual(error.reason._tag, "Parked")
          if (error.reason._tag === "Parked") {
            assert.strictEqual(error.reason.attempts, 1)
            assert.instanceOf(error.reason.defect, Error)
          }
          assert.include(error.message, "bad row")
          yield* settle
          const letters = events.filter((event) => event._tag === "DeadLettered")
          assert.strictEqual(letters.length, 1)
          assert.strictEqual(letters[0]?.letter.reason, "parked")
          assert.strictEqual(letters[0]?.letter.message._tag, "Crash")
        }).pipe(withProbes(log))
      })
  )

  it.effect(
    "poison: a message that crashed the actor parkAfter times is parked, and the next one is handled",
    () =>
      Effect.gen(function* () {
        const log = makeLog()
        yield* Effect.gen(function* () {
          const probe = yield* Probe.ref("a")
          const system = yield* ActorSystem
          const events = yield* inspected
          const poison = yield* Effect.forkChild(Effect.flip(probe.ask(new Crash({}))), {
            startImmediately: true
          })
          yield* probe.tell(new Note({ n: 1 }))
          yield* TestClock.adjust("299 millis")
          assert.isUndefined(poison.pollUnsafe())
          assert.deepStrictEqual(log.notes, [])
          yield* TestClock.adjust("1 millis")
          const error = yield* Fiber.join(poison)
          assert.deepStrictEqual(error.reason._tag === "Parked" && error.reason.attempts, 3)
          yield* TestClock.adjust("400 millis")
          yield* settle
          assert.deepStrictEqual(log.notes, [1])
          const failures = events.filter((event) => event._tag === "Failed")
          assert.deepStrictEqual(
            failures.map((event) => event.attempts),
            [1, 2, 3]
          )
          const counters = yield* system.counters
          assert.deepStrictEqual(counters, { sent: 2, handled: 1, deadLettered: 1, queued: 0, actors: 1 })
        }).pipe(withProbes(log, { supervision: Supervision.restart({ schedule: backoff, parkAfter: 3 }) }))
      })
  )

  it.effect(
    "when the schedule ends the actor stops, its queue becomes dead letters, and a message activates a fresh one",
    () =>
      Effect.gen(function* () {
        const log = makeLog()
        yield* Effect.gen(function* () {
          const probe = yield* Probe.ref("a")
          const events = yield* inspected
          for (let crash = 0; crash < 3; crash++) yield* probe.tell(new Crash({}))
          yield* probe.tell(new Note({ n: 1 }))
          const asker = yield* Effect.forkChild(Effect.flip(probe.ask(new Note({ n: 2 }))), {
            startImmediately: true
          })
          yield* TestClock.adjust("1 second")
          const error = yield* Fiber.join(asker)
          assert.strictEqual(error.reason._tag, "Stopped")
          assert.deepStrictEqual(log.notes, [])
          assert.strictEqual(yield* probe.ask(new Note({ n: 3 })), 1)
          assert.deepStrictEqual(log.notes, [3])
          const letters = events.filter((event) => event._tag === "DeadLettered").map((event) => event.letter)
          assert.deepStrictEqual(
            letters.map((letter) => `${letter.message._tag} ${letter.reason}`),
            ["Crash parked", "Crash parked", "Crash parked", "Note stopped", "Note stopped"]
          )
        }).pipe(
          withProbes(log, {
            supervision: Supervision.restart({ schedule: backoff.pipe(Schedule.upTo({ times: 2 })) })
          })
        )
      })
  )

  it.effect("a state that cannot be built waits out the schedule and loses no message", () =>
    Effect.gen(function* () {
      class Get extends Message.Class<Get>()("Get", {}) {}
      const Flaky = Actor.make("test/Flaky", [Get])
      let builds = 0
      const layer = Flaky.toLayer(
        Effect.suspend(() => {
          builds++
          return builds < 4 ? Effect.fail("not yet") : Effect.succeed(Flaky.of({ Get: () => Effect.void }))
        }),
        { supervision: Supervision.restart({ schedule: backoff }) }
      )
      yield* Effect.gen(function* () {
        const flaky = yield* Flaky.ref("a")
        const asker = yield* Effect.forkChild(flaky.ask(new Get()), { startImmediately: true })
        yield* TestClock.adjust("699 millis")
        assert.isUndefined(asker.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(asker)
        assert.strictEqual(builds, 4)
      }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer))))
    })
  )

  it.effect("resume keeps the state and parks the message", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        yield* probe.ask(new Note({ n: 1 }))
        const error = yield* Effect.flip(probe.ask(new Crash({})))
        assert.strictEqual(error.reason._tag, "Parked")
        assert.strictEqual(yield* probe.ask(new Note({ n: 2 })), 2)
        assert.deepStrictEqual(log.lives, ["built"])
      }).pipe(withProbes(log, { supervision: Supervision.resume }))
    })
  )

  it.effect("stop ends the actor at its first crash", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        yield* probe.ask(new Note({ n: 1 }))
        yield* probe.tell(new Crash({}))
        const error = yield* Effect.flip(probe.ask(new Note({ n: 2 })))
        assert.strictEqual(error.reason._tag, "Stopped")
        yield* settle
        assert.deepStrictEqual(log.lives, ["built", "closed"])
        assert.strictEqual(yield* probe.ask(new Note({ n: 3 })), 1)
      }).pipe(withProbes(log, { supervision: Supervision.stop }))
    })
  )

  it.effect("treats a handler that throws, or is interrupted from inside, as a crash", () =>
    Effect.gen(function* () {
      class Throw extends Message.Class<Throw>()("Throw", {}) {}
      class Abort extends Message.Class<Abort>()("Abort", {}) {}
      const Rude = Actor.make("test/Rude", [Throw, Abort])
      const layer = Rude.toLayer(
        {
          Throw: () => {
            throw new Error("thrown")
          },
          Abort: () => Effect.andThen(Effect.yieldNow, Effect.interrupt)
        },
        { supervision: Supervision.resume }
      )
      yield* Effect.gen(function* () {
        const rude = yield* Rude.ref("a")
        const thrown = yield* Effect.flip(rude.ask(new Throw()))
        assert.include(thrown.message, "thrown")
        const aborted = yield* Effect.flip(rude.ask(new Abort()))
        assert.strictEqual(aborted.reason._tag, "Parked")
      }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer))))
    })
  )

  it.effect("an asker that is interrupted, queued or being handled, leaves the actor as it was", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        const system = yield* ActorSystem
        const handled = yield* Effect.forkChild(probe.ask(new Block()), { startImmediately: true })
        const queued = yield* Effect.forkChild(probe.ask(new Note({ n: 1 })), { startImmediately: true })
        yield* settle
        yield* Fiber.interrupt(handled)
        yield* Fiber.interrupt(queued)
        assert.strictEqual(log.blocked, 1)
        log.gate.openUnsafe()
        assert.strictEqual(yield* probe.ask(new Note({ n: 2 })), 2)
        assert.deepStrictEqual(log.notes, [1, 2])
        const counters = yield* system.counters
        assert.deepStrictEqual(counters, { sent: 3, handled: 3, deadLettered: 0, queued: 0, actors: 1 })
      }).pipe(withProbes(log))
    })
  )

  it.effect("an ask with a timeout fails with it, and the message is handled all the same", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        yield* probe.tell(new Block())
        const asker = yield* Effect.forkChild(
          Effect.flip(probe.ask(new Note({ n: 1 }), { timeout: "2 seconds" }))
        )
        yield* TestClock.adjust("2 seconds")
        const error = yield* Fiber.join(asker)
        assert.deepStrictEqual(error.reason._tag === "Timeout" && error.reason.afterMillis, 2000)
        log.gate.openUnsafe()
        yield* settle
        assert.deepStrictEqual(log.notes, [1])
      }).pipe(withProbes(log))
    })
  )
})
