import { assert, describe, it } from "@effect/vitest"
import {
  Actor,
  type ActorRef,
  ActorSystem,
  type AskError,
  type DeadLetter,
  Mailbox,
  Message,
  Supervision
} from "@troupe/runtime"
import { count, patience } from "@troupe/vitest/counts"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { bytesAlive } from "../bench/cases/heap.ts"
import { counted, letters } from "./letters.ts"
import { Block, Crash, makeLog, Note, Probe, settle, withProbes } from "./probe.ts"

describe("a bounded mailbox", () => {
  it("refuses a capacity that is no whole number of at least 1", () => {
    for (const capacity of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => Mailbox.bounded(capacity), RangeError)
    }
  })

  it.effect("suspends the sender while it is full, and lets it in message by message", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        const system = yield* ActorSystem
        yield* probe.tell(new Block())
        yield* settle
        let told = 0
        const sender = yield* Effect.forkChild(
          Effect.forEach([1, 2, 3, 4, 5, 6], (n) =>
            Effect.tap(probe.tell(n === 3 ? new Block() : new Note({ n })), () => Effect.sync(() => told++))
          )
        )
        yield* settle
        // One is being handled, three wait, the fourth sender is suspended.
        assert.strictEqual(told, 3)
        assert.strictEqual((yield* system.counters).sent, 4)
        assert.strictEqual((yield* system.counters).queued, 4)
        log.gate.openUnsafe()
        yield* Fiber.join(sender)
        yield* settle
        assert.deepStrictEqual(log.notes, [1, 2, 4, 5, 6])
        assert.strictEqual(log.blocked, 2)
      }).pipe(withProbes(log, { mailbox: Mailbox.bounded(3) }))
    })
  )

  it.effect("suspends an asker too, and keeps suspended senders in order", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        yield* probe.tell(new Block())
        yield* settle
        const senders: Array<Fiber.Fiber<unknown, unknown>> = []
        for (let n = 1; n <= 10; n++) {
          const send = n % 2 === 0 ? probe.ask(new Note({ n })) : probe.tell(new Note({ n }))
          senders.push(yield* Effect.forkChild(send, { startImmediately: true }))
        }
        log.gate.openUnsafe()
        for (const sender of senders) yield* Fiber.join(sender)
        yield* settle
        assert.deepStrictEqual(log.notes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      }).pipe(withProbes(log, { mailbox: Mailbox.bounded(1) }))
    })
  )

  it.effect("lets in one waiting sender for each message that leaves it", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        const system = yield* ActorSystem
        for (let n = 0; n < 8; n++) {
          yield* Effect.forkChild(probe.tell(new Block()), { startImmediately: true })
          yield* settle
        }
        for (let released = 0; released < 5; released++) {
          const counters = yield* system.counters
          assert.deepStrictEqual([counters.sent, counters.queued], [3 + released, 3])
          yield* log.gate.release
          yield* settle
        }
        log.gate.openUnsafe()
        yield* settle
        assert.strictEqual((yield* system.counters).handled, 8)
      }).pipe(withProbes(log, { mailbox: Mailbox.bounded(2) }))
    })
  )

  it.effect("takes back the message of a sender that is interrupted while it waits", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        const system = yield* ActorSystem
        yield* probe.tell(new Block())
        yield* settle
        yield* probe.tell(new Note({ n: 1 }))
        const teller = yield* Effect.forkChild(probe.tell(new Note({ n: 2 })), { startImmediately: true })
        const asker = yield* Effect.forkChild(probe.ask(new Note({ n: 3 })), { startImmediately: true })
        const last = yield* Effect.forkChild(probe.tell(new Note({ n: 4 })), { startImmediately: true })
        yield* Fiber.interrupt(teller)
        yield* Fiber.interrupt(asker)
        log.gate.openUnsafe()
        yield* Fiber.join(last)
        yield* settle
        assert.deepStrictEqual(log.notes, [1, 4])
        const counters = yield* system.counters
        assert.deepStrictEqual(counters, { sent: 3, handled: 3, deadLettered: 0, queued: 0, actors: 1 })
      }).pipe(withProbes(log, { mailbox: Mailbox.bounded(1) }))
    })
  )

  it.effect("never holds more than its capacity under a sender that is faster than the handler", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        const system = yield* ActorSystem
        let most = 0
        for (let n = 0; n < 20_000; n++) {
          yield* probe.tell(new Note({ n }))
          if (n % 97 === 0) most = Math.max(most, (yield* system.counters).queued)
        }
        yield* settle
        assert.isAtMost(most, 64)
        assert.isAbove(most, 32)
        assert.deepStrictEqual(
          log.notes,
          Array.from({ length: 20_000 }, (_, n) => n)
        )
      }).pipe(withProbes(log, { mailbox: Mailbox.bounded(64) }))
    })
  )

  it.effect(
    "takes what a handler tells its own actor even when it is full, in order and before who waits",
    () =>
      Effect.gen(function* () {
        const log: Array<number> = []
        const gate = Latch.makeUnsafe()
        class Tell extends Message.Class<Tell>()("Tell", { payload: { first: Schema.Int } }) {}
        class Noted extends Message.Class<Noted>()("Noted", { payload: { n: Schema.Int } }) {}
        const Own = Actor.make("test/Own", [Tell, Noted])
        const build = Effect.map(Own.context, (me) =>
          Own.of({
            Tell: ({ first }) =>
              Effect.gen(function* () {
                if (first < 0) yield* gate.await
                for (const n of [0, 1, 2]) yield* me.self.tell(new Noted({ n: first + n }))
              }),
            Noted: ({ n }) => Effect.sync(() => log.push(n))
          })
        )
        for (const first of [10, -10]) {
          const own = yield* Own.spawn("a", build, { mailbox: Mailbox.bounded(1) })
          yield* own.tell(new Tell({ first }))
          // Handled at once, or in the middle of a handler that suspends first.
          const others = yield* Effect.forEach([1, 2], (n) =>
            Effect.forkChild(own.tell(new Noted({ n })), { startImmediately: true })
          )
          yield* settle
          gate.openUnsafe()
          yield* settle
          yield* Effect.forEach(others, Fiber.join)
          yield* settle
          yield* counted
          yield* Actor.stop(own)
        }
        assert.deepStrictEqual(log, [1, 10, 11, 12, 2, 1, -10, -9, -8, 2])
      }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect(
    "takes no more memory under a sender that is ten times as fast as the handler",
    () =>
      Effect.gen(function* () {
        class Load extends Message.Class<Load>()("Load", { payload: { text: Schema.String } }) {}
        const Loaded = Actor.make("test/Loaded", [Load])
        const messages = count({ quick: 20_000, long: 1_000_000 })
        let handled = 0
        let most = 0
        const heap: Array<number> = []
        const layer = Loaded.toLayer(
          Effect.map(ActorSystem, (system) =>
            Loaded.of({
              Load: () =>
                Effect.repeat(Effect.yieldNow, { times: 10 }).pipe(
                  Effect.andThen(system.counters),
                  Effect.flatMap(({ queued }) =>
                    Effect.sync(() => {
                      most = Math.max(most, queued)
                      if (++handled % (messages / 10) === 0) heap.push(bytesAlive())
                    })
                  )
                )
            })
          ),
          { mailbox: Mailbox.bounded(128) }
        )
        yield* Effect.gen(function* () {
          const loaded = yield* Loaded.ref("a")
          for (let n = 0; n < messages; n++) {
            // Of its own: two bytes a character.
            yield* loaded.tell(new Load({ text: `${n}\u2026`.padEnd(500, ".") }))
            // Turns that a sender takes beside its tells.
            yield* Effect.yieldNow
          }
          yield* loaded.ask(new Load({ text: "last" }))
          // Waiting, and the one being handled.
          assert.strictEqual(most, 129)
          assert.strictEqual(handled, messages + 1)
          assert.isBelow(Math.max(...heap) - (heap[0] as number), 2_000_000, String(heap))
          assert.strictEqual((yield* counted).handled, messages + 1)
        }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer))))
      }),
    { timeout: patience(60_000) }
  )
})

/** Runs the test beside an actor that is busy until `log.gate` opens. */
const besideBusy = <E>(
  options: Parameters<typeof Probe.toLayer>[1],
  test: (
    probe: ActorRef<Note | Crash | Block>,
    log: ReturnType<typeof makeLog>,
    buried: ReadonlyArray<DeadLetter>
  ) => Effect.Effect<void, E, ActorSystem | Scope.Scope>
) => {
  const log = makeLog()
  return Effect.gen(function* () {
    const probe = yield* Probe.ref("a")
    const buried = yield* letters
    yield* probe.tell(new Block())
    yield* settle
    yield* test(probe, log, buried)
  }).pipe(Effect.scoped, withProbes(log, options))
}

const numbers = (buried: ReadonlyArray<DeadLetter>) => buried.map(({ message }) => (message as Note).n)
const ask = (probe: ActorRef<Note>, n: number) =>
  Effect.forkChild(Effect.exit(probe.ask(new Note({ n }))), { startImmediately: true })
const reasonOf = (exit: Exit.Exit<number, AskError>) =>
  exit._tag === "Success"
    ? exit.value
    : Cause.findErrorOption(exit.cause).pipe(
        Option.map((e) => e.reason._tag),
        Option.getOrNull
      )

describe("a dropping mailbox", () => {
  it("refuses a capacity that is no whole number of at least 1", () => {
    for (const capacity of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const make of [Mailbox.dropping, Mailbox.sliding, (n: number) => Mailbox.priority(n, () => 0)]) {
        assert.throws(() => make(capacity), RangeError)
      }
    }
  })

  it.effect("makes dead letters of what finds it full, told or asked, and never lets a sender wait", () =>
    besideBusy({ mailbox: Mailbox.dropping(3) }, (probe, log, buried) =>
      Effect.gen(function* () {
        yield* probe.tell(new Note({ n: 1 }))
        const second = yield* ask(probe, 2)
        yield* probe.tell(new Note({ n: 3 }))
        yield* probe.tell(new Note({ n: 4 }))
        const error = yield* Effect.flip(probe.ask(new Note({ n: 5 })))
        assert.deepStrictEqual(
          [error.reason._tag, error.actor, error.id, error.messageTag],
          ["Dropped", "test/Probe", "a", "Note"]
        )
        yield* settle
        assert.deepStrictEqual(numbers(buried), [4, 5])
        assert.deepStrictEqual(
          buried.map((letter) => letter.reason),
          ["dropped", "dropped"]
        )
        assert.deepStrictEqual(yield* counted, { sent: 6, handled: 0, deadLettered: 2, queued: 4, actors: 1 })
        log.gate.openUnsafe()
        assert.strictEqual(reasonOf(yield* Fiber.join(second)), 2)
        yield* settle
        assert.deepStrictEqual(log.notes, [1, 2, 3])
        // There is room again.
        assert.strictEqual(yield* probe.ask(new Note({ n: 6 })), 4)
        assert.deepStrictEqual(yield* counted, { sent: 7, handled: 5, deadLettered: 2, queued: 0, actors: 1 })
      })
    )
  )

  it.effect("also of what finds it full before the actor has begun", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        const buried = yield* letters
        for (let n = 1; n <= 4; n++) yield* probe.tell(new Note({ n }))
        assert.strictEqual((yield* counted).queued, 2)
        yield* settle
        assert.deepStrictEqual(
          [log.notes, numbers(buried)],
          [
            [1, 2],
            [3, 4]
          ]
        )
        yield* counted
      }).pipe(Effect.scoped, withProbes(log, { mailbox: Mailbox.dropping(2) }))
    })
  )
})

describe("a sliding mailbox", () => {
  it.effect("makes room by dropping the oldest, told or asked, and never lets a sender wait", () =>
    besideBusy({ mailbox: Mailbox.sliding(2) }, (probe, log, buried) =>
      Effect.gen(function* () {
        const first = yield* ask(probe, 1)
        yield* probe.tell(new Note({ n: 2 }))
        yield* probe.tell(new Note({ n: 3 }))
        assert.strictEqual(reasonOf(yield* Fiber.join(first)), "Dropped")
        const fourth = yield* ask(probe, 4)
        yield* probe.tell(new Note({ n: 5 }))
        yield* settle
        assert.deepStrictEqual(numbers(buried), [1, 2, 3])
        assert.deepStrictEqual(new Set(buried.map((letter) => letter.reason)), new Set(["dropped" as const]))
        assert.deepStrictEqual(yield* counted, { sent: 6, handled: 0, deadLettered: 3, queued: 3, actors: 1 })
        log.gate.openUnsafe()
        assert.strictEqual(reasonOf(yield* Fiber.join(fourth)), 1)
        yield* settle
        assert.deepStrictEqual(log.notes, [4, 5])
        assert.deepStrictEqual(yield* counted, { sent: 6, handled: 3, deadLettered: 3, queued: 0, actors: 1 })
      })
    )
  )

  it.effect("holds no more than its capacity before the actor has begun", () =>
    Effect.gen(function* () {
      for (const capacity of [1, 2, 3]) {
        const log = makeLog()
        yield* Effect.gen(function* () {
          const probe = yield* Probe.ref("a")
          const buried = yield* letters
          for (let n = 1; n <= 6; n++) {
            yield* probe.tell(new Note({ n }))
            assert.strictEqual((yield* counted).queued, Math.min(n, capacity), `capacity ${capacity}`)
          }
          yield* settle
          const all = [1, 2, 3, 4, 5, 6]
          assert.deepStrictEqual(
            [log.notes, numbers(buried)],
            [all.slice(-capacity), all.slice(0, -capacity)],
            `capacity ${capacity}`
          )
          yield* counted
        }).pipe(Effect.scoped, withProbes(log, { mailbox: Mailbox.sliding(capacity) }))
      }
    })
  )

  it.effect("drops a timer's message like another: the counters agree, and the timer goes on", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const gate = Latch.makeUnsafe()
      let cancel: Effect.Effect<void> = Effect.void
      class Beat extends Message.Class<Beat>()("Beat", {}) {}
      class Wait extends Message.Class<Wait>()("Wait", {}) {}
      class Say extends Message.Class<Say>()("Say", { payload: { word: Schema.String } }) {}
      const Beating = Actor.make("test/Beating", [Beat, Wait, Say])
      const layer = Beating.toLayer(
        Effect.gen(function* () {
          const { timers } = yield* Beating.context
          yield* timers.periodic("beat", "1 second", new Beat())
          cancel = timers.cancel("beat")
          return Beating.of({
            Beat: () => Effect.sync(() => void log.push("beat")),
            Say: ({ word }) => Effect.sync(() => void log.push(word)),
            Wait: () => gate.await
          })
        }),
        { mailbox: Mailbox.sliding(1) }
      )
      yield* Effect.gen(function* () {
        const ref = yield* Beating.ref("a")
        yield* ref.tell(new Wait())
        yield* settle
        yield* TestClock.adjust("1 second")
        // Its message waits; this one takes its place.
        yield* ref.tell(new Say({ word: "one" }))
        assert.deepStrictEqual(yield* counted, { sent: 3, handled: 0, deadLettered: 1, queued: 2, actors: 1 })
        gate.openUnsafe()
        yield* settle
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(log, ["one", "beat"])
        assert.deepStrictEqual(yield* counted, { sent: 4, handled: 3, deadLettered: 1, queued: 0, actors: 1 })
        gate.closeUnsafe()
        yield* ref.tell(new Wait())
        yield* settle
        yield* TestClock.adjust("1 second")
        // What it withdraws from the mailbox is not dropped as well.
        yield* cancel
        yield* ref.tell(new Say({ word: "two" }))
        yield* ref.tell(new Say({ word: "three" }))
        gate.openUnsafe()
        yield* settle
        assert.deepStrictEqual(log, ["one", "beat", "three"])
        assert.deepStrictEqual(yield* counted, { sent: 7, handled: 5, deadLettered: 2, queued: 0, actors: 1 })
      }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer))))
    })
  )
})

describe("an unbounded mailbox", () => {
  it.effect("takes every message at once, in order", () =>
    besideBusy({ mailbox: Mailbox.unbounded }, (probe, log, buried) =>
      Effect.gen(function* () {
        const all = Array.from({ length: 5000 }, (_, n) => n)
        for (const n of all) {
          if (n % 2 === 0) yield* probe.tell(new Note({ n }))
          else yield* ask(probe, n)
        }
        assert.deepStrictEqual(yield* counted, {
          sent: 5001,
          handled: 0,
          deadLettered: 0,
          queued: 5001,
          actors: 1
        })
        log.gate.openUnsafe()
        assert.strictEqual(yield* probe.ask(new Note({ n: 5000 })), 5001)
        assert.deepStrictEqual(log.notes, [...all, 5000])
        assert.deepStrictEqual(buried, [])
        yield* counted
      })
    )
  )
})

describe("a priority mailbox", () => {
  const rank = (message: Note | Crash | Block) => (message._tag === "Note" ? message.n % 10 : 0)

  it.effect("hands out lower ranks first, and one rank in the order of arrival", () =>
    besideBusy({ mailbox: Mailbox.priority(100, rank) }, (probe, log) =>
      Effect.gen(function* () {
        for (const n of [35, 12, 25, 7, 2, 15, 22]) yield* probe.tell(new Note({ n }))
        const asked = yield* ask(probe, 42)
        log.gate.openUnsafe()
        assert.strictEqual(reasonOf(yield* Fiber.join(asked)), 4)
        yield* settle
        assert.deepStrictEqual(log.notes, [12, 2, 22, 42, 35, 25, 15, 7])
        yield* counted
      })
    )
  )

  it.effect("also among messages that come before the actor has begun", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        for (const n of [3, 2, 1]) yield* probe.tell(new Note({ n }))
        yield* settle
        for (const n of [9, 8, 7]) yield* probe.tell(new Note({ n }))
        yield* settle
        assert.deepStrictEqual(log.notes, [1, 2, 3, 7, 8, 9])
      }).pipe(withProbes(log, { mailbox: Mailbox.priority(10, rank) }))
    })
  )

  it.effect("keeps ranks and arrivals across a restart, and asks for each rank once", () =>
    Effect.gen(function* () {
      const ranked: Array<number> = []
      const noted = (message: Note | Crash | Block) => {
        if (message._tag === "Note") ranked.push(message.n)
        return rank(message)
      }
      yield* besideBusy(
        {
          mailbox: Mailbox.priority(10, noted),
          supervision: Supervision.restart({ schedule: Schedule.spaced("1 second") })
        },
        (probe, log) =>
          Effect.gen(function* () {
            yield* probe.tell(new Note({ n: 5 }))
            yield* probe.tell(new Crash({}))
            yield* probe.tell(new Note({ n: 1 }))
            log.gate.openUnsafe()
            yield* settle
            assert.deepStrictEqual(log.notes, [])
            yield* probe.tell(new Note({ n: 11 }))
            yield* TestClock.adjust("1 second")
            assert.deepStrictEqual(log.notes, [1, 11, 5])
            assert.deepStrictEqual(ranked, [5, 1, 11])
            yield* counted
          })
      )
    })
  )

  it.effect("suspends a sender while it is full, whatever its message's rank", () =>
    besideBusy({ mailbox: Mailbox.priority(2, rank) }, (probe, log, buried) =>
      Effect.gen(function* () {
        yield* probe.tell(new Note({ n: 5 }))
        yield* probe.tell(new Note({ n: 6 }))
        const teller = yield* Effect.forkChild(probe.tell(new Note({ n: 1 })), { startImmediately: true })
        const asker = yield* ask(probe, 2)
        yield* settle
        assert.isUndefined(teller.pollUnsafe())
        assert.deepStrictEqual(yield* counted, { sent: 3, handled: 0, deadLettered: 0, queued: 3, actors: 1 })
        log.gate.openUnsafe()
        yield* Fiber.join(teller)
        yield* Fiber.join(asker)
        yield* settle
        assert.deepStrictEqual(buried, [])
        assert.deepStrictEqual([...log.notes].sort(), [1, 2, 5, 6])
        assert.deepStrictEqual(yield* counted, { sent: 5, handled: 5, deadLettered: 0, queued: 0, actors: 1 })
      })
    )
  )
})
