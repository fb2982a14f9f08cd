import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, Mailbox, Message, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { Block, Crash, makeLog, Note, Probe, settle, withProbes } from "./probe.ts"

const numbers = (length: number) => Array.from({ length }, (_, n) => n)

describe("messages of one sender to one actor", () => {
  it.effect("are handled in order, told and asked alike, and across a passivation", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        for (const n of numbers(50)) {
          yield* n % 3 === 0 ? probe.ask(new Note({ n })) : probe.tell(new Note({ n }))
          if (n % 10 === 9) yield* TestClock.adjust("1 minute")
        }
        yield* settle
        assert.deepStrictEqual(log.notes, numbers(50))
        assert.strictEqual(log.lives.filter((life) => life === "closed").length, 5)
      }).pipe(withProbes(log, { passivateAfter: "1 minute" }))
    })
  )

  it.effect("are handled in order across a restart, whose message is tried again ahead of the queue", () =>
    Effect.gen(function* () {
      class Once extends Message.Class<Once>()("Once", { payload: { n: Schema.Int } }) {}
      const Shaky = Actor.make("test/Shaky", [Once])
      const tried: Array<number> = []
      const failed = new Set<number>()
      const layer = Shaky.toLayer(
        Shaky.of({
          Once: ({ n }) => {
            tried.push(n)
            // Every fourth message crashes the actor at its first try.
            if (n % 4 !== 0 || failed.has(n)) return Effect.void
            failed.add(n)
            return Effect.die("shaky")
          }
        }),
        {
          mailbox: Mailbox.bounded(3),
          supervision: Supervision.restart({ schedule: Schedule.spaced("1 second"), parkAfter: 2 })
        }
      )
      yield* Effect.gen(function* () {
        const shaky = yield* Shaky.ref("a")
        yield* Effect.forkChild(Effect.forEach(numbers(9), (n) => shaky.tell(new Once({ n }))))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(tried, [0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 8])
      }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer))))
    })
  )

  it.effect("never run side by side", () =>
    Effect.gen(function* () {
      class Enter extends Message.Class<Enter>()("Enter", {}) {}
      const Room = Actor.make("test/Room", [Enter])
      let inside = 0
      let most = 0
      const layer = Room.toLayer({
        Enter: () =>
          Effect.gen(function* () {
            inside++
            most = Math.max(most, inside)
            yield* Effect.sleep("1 second")
            inside--
          })
      })
      yield* Effect.gen(function* () {
        const room = yield* Room.ref("a")
        for (let n = 0; n < 5; n++) yield* room.tell(new Enter())
        yield* TestClock.adjust("4 seconds")
        assert.strictEqual(inside, 1)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([inside, most], [0, 1])
      }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer))))
    })
  )
})

describe("actors among each other", () => {
  it.effect("a chain of 20 000 asks, each waiting for the next, does not overflow the stack", () =>
    Effect.gen(function* () {
      class Depth extends Message.Class<Depth>()("Depth", {
        payload: { left: Schema.Int },
        success: Schema.Int
      }) {}
      const Chain = Actor.make("test/Chain", [Depth])
      const layer = Chain.toLayer({
        Depth: ({ left }) =>
          left === 0
            ? Effect.succeed(0)
            : Effect.gen(function* () {
                const next = yield* Chain.ref(`${left - 1}`)
                const depth: number = yield* Effect.orDie(next.ask(new Depth({ left: left - 1 })))
                return depth + 1
              })
      })
      yield* Effect.gen(function* () {
        const first = yield* Chain.ref("first")
        assert.strictEqual(yield* first.ask(new Depth({ left: 20_000 })), 20_000)
      }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer))))
    })
  )

  it.effect("a flooded actor lets others have their turn", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const flooded = yield* Probe.ref("flooded")
        const quiet = yield* Probe.ref("quiet")
        // Both are scheduled in this turn; the flood is longer than a turn of the flooded actor.
        yield* Effect.gen(function* () {
          for (let n = 0; n < 5_000; n++) yield* flooded.tell(new Note({ n }))
          yield* quiet.tell(new Note({ n: -1 }))
        }).pipe(Effect.provideService(Scheduler.PreventSchedulerYield, true))
        yield* settle
        const turn = log.notes.indexOf(-1)
        assert.isAtLeast(turn, 0)
        assert.isBelow(turn, 1_100)
        assert.strictEqual(log.notes.length, 5_001)
      }).pipe(withProbes(log, { mailbox: Mailbox.bounded(10_000) }))
    })
  )

  it.effect("one that waits for a gate, or for its restart, does not hold up another", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        yield* (yield* Probe.ref("blocked")).tell(new Block())
        yield* (yield* Probe.ref("crashed")).tell(new Crash({}))
        yield* settle
        assert.strictEqual(yield* (yield* Probe.ref("free")).ask(new Note({ n: 1 })), 1)
        log.gate.openUnsafe()
      }).pipe(withProbes(log))
    })
  )
})
