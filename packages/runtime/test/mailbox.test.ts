import { assert, describe, it } from "@effect/vitest"
import { ActorSystem, Mailbox } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Block, makeLog, Note, Probe, settle, withProbes } from "./probe.ts"

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
})
