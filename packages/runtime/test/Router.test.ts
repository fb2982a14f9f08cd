import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorContext, ActorSystem, Mailbox, Message, Router, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { Block, behaviour, Crash, makeLog, Note, Probe, settle, withProbes } from "./probe.ts"

class Full extends Schema.TaggedError<Full>()("Full", { at: Schema.String }) {}
class Put extends Message.Class<Put>()("Put", {
  payload: { key: Schema.String, n: Schema.Int },
  success: Schema.String,
  error: Full
}) {}
const Bin = Actor.make("test/Bin", [Put])

/** A bin answers with its id and notes what it gets; a negative number it refuses. */
const binsOf = (puts: Array<string>) =>
  Effect.gen(function* () {
    const { id } = yield* ActorContext
    return Bin.of({
      Put: ({ key, n }) => {
        puts.push(`${id} ${key} ${n}`)
        return n < 0 ? Effect.fail(new Full({ at: id })) : Effect.succeed(id)
      }
    })
  })

const put = (n: number, key = "") => new Put({ key, n })

const poolOf = <Front>(puts: Array<string>, route: (refs: Router.Routees<Put>) => Front, size = 3) =>
  Router.pool(Bin, { size, build: binsOf(puts), route, id: "bin" })

describe("a round robin router", () => {
  it.effect("takes the routees in turn, told and asked alike, and each gets its messages in order", () =>
    Effect.gen(function* () {
      const puts: Array<string> = []
      const router = yield* poolOf(puts, Router.roundRobin)
      for (let n = 0; n < 6; n++) yield* router.tell(put(n))
      assert.strictEqual(yield* router.ask(put(6)), "bin/0")
      assert.strictEqual(yield* router.ask(put(7)), "bin/1")
      yield* settle
      assert.deepStrictEqual(puts.toSorted(), [
        "bin/0  0",
        "bin/0  3",
        "bin/0  6",
        "bin/1  1",
        "bin/1  4",
        "bin/1  7",
        "bin/2  2",
        "bin/2  5"
      ])
      const first = puts.filter((line) => line.startsWith("bin/0"))
      assert.deepStrictEqual(first, first.toSorted())
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("takes the next turn each time that an effect runs, not when it is made", () =>
    Effect.gen(function* () {
      const puts: Array<string> = []
      const router = yield* poolOf(puts, Router.roundRobin)
      const ask = router.ask(put(1))
      assert.deepStrictEqual(yield* Effect.all([ask, ask, ask, ask]), ["bin/0", "bin/1", "bin/2", "bin/0"])
      yield* Effect.repeat(router.tell(put(2)), { times: 2 })
      yield* settle
      const told = puts.filter((line) => line.endsWith(" 2"))
      assert.deepStrictEqual(told.toSorted(), ["bin/0  2", "bin/1  2", "bin/2  2"])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("makes the sender wait for a full routee, though another has room", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const router = Router.roundRobin([yield* Probe.ref("a"), yield* Probe.ref("b")])
      let told = 0
      const sender = yield* Effect.forkChild(
        // "a" blocks with the first, holds the third, and has no room for the fifth.
        Effect.forEach([new Block(), ...[2, 3, 4, 5, 6].map((n) => new Note({ n }))], (message) =>
          Effect.andThen(
            router.tell(message),
            Effect.andThen(
              settle,
              Effect.sync(() => told++)
            )
          )
        )
      )
      for (let times = 0; times < 10; times++) yield* settle
      assert.strictEqual(told, 4)
      assert.deepStrictEqual(log.notes, [2, 4])
      log.gate.openUnsafe()
      yield* Fiber.join(sender)
      yield* settle
      assert.deepStrictEqual(log.notes, [2, 4, 3, 5, 6])
    }).pipe(withProbes(log, { mailbox: Mailbox.bounded(1) }))
  })

  it.effect("gives the answer, the domain error and the time-out of the routee", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const bins = yield* poolOf([], Router.roundRobin, 1)
      const full = yield* Effect.flip(bins.ask(put(-1)))
      assert.deepStrictEqual(full, new Full({ at: "bin/0" }))
      const probes = Router.roundRobin([yield* Probe.ref("slow")])
      const asker = yield* Effect.forkChild(Effect.flip(probes.ask(new Block(), { timeout: "1 second" })))
      yield* TestClock.adjust("1 second")
      const late = yield* Fiber.join(asker)
      assert.strictEqual(late.reason._tag, "Timeout")
      assert.strictEqual(late.id, "slow")
      log.gate.openUnsafe()
    }).pipe(Effect.scoped, withProbes(log))
  })
})

describe("a consistent hash router", () => {
  const byKey = (refs: Router.Routees<Put>) =>
    Router.consistentHash(refs, { key: (message: Put) => message.key })

  it.effect("hands all messages of a key to the routee that it names, in order", () =>
    Effect.gen(function* () {
      const puts: Array<string> = []
      const router = yield* poolOf(puts, byKey, 4)
      const keys = Array.from({ length: 40 }, (_, n) => `k${n}`)
      for (let n = 0; n < 3; n++) {
        for (const key of keys) yield* n === 1 ? router.ask(put(n, key)) : router.tell(put(n, key))
      }
      yield* settle
      for (const key of keys) {
        const { id } = router.routeeOf(put(0, key))
        const ofKey = puts.filter((line) => line.includes(` ${key} `))
        assert.deepStrictEqual(ofKey, [`${id} ${key} 0`, `${id} ${key} 1`, `${id} ${key} 2`])
      }
      assert.strictEqual(new Set(keys.map((key) => router.routeeOf(put(0, key)).id)).size, 4)
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("moves only the keys of the routee that leaves, whatever the order of the others", () =>
    Effect.gen(function* () {
      const { routees } = yield* poolOf([], Router.roundRobin, 5)
      const keys = Array.from({ length: 2_000 }, (_, n) => put(0, `k${n}`))
      const before = byKey(routees)
      const after = byKey(routees.toReversed().filter(({ id }) => id !== "bin/2"))
      const moved = keys.filter((key) => before.routeeOf(key).id !== after.routeeOf(key).id)
      assert.isTrue(moved.every((key) => before.routeeOf(key).id === "bin/2"))
      assert.closeTo(moved.length, 400, 100)
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )
})

describe("a broadcast", () => {
  it.effect("tells all, and waits for every mailbox while the others have theirs already", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const full = yield* Probe.ref("a")
      const broadcast = Router.broadcast([full, yield* Probe.ref("b"), yield* Probe.ref("c")])
      yield* full.tell(new Block())
      yield* settle
      yield* full.tell(new Note({ n: 0 }))
      const teller = yield* Effect.forkChild(broadcast.tell(new Note({ n: 1 })))
      yield* settle
      assert.deepStrictEqual(log.notes, [1, 1])
      assert.isUndefined(teller.pollUnsafe())
      log.gate.openUnsafe()
      yield* Fiber.join(teller)
      yield* settle
      assert.deepStrictEqual(log.notes, [1, 1, 0, 1])
    }).pipe(withProbes(log, { mailbox: Mailbox.bounded(1) }))
  })

  it.effect("has told those that had room when it is interrupted while another is full", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const full = yield* Probe.ref("a")
      const broadcast = Router.broadcast([full, yield* Probe.ref("b")])
      yield* full.tell(new Block())
      yield* settle
      yield* full.tell(new Note({ n: 0 }))
      const teller = yield* Effect.forkChild(broadcast.tell(new Note({ n: 1 })))
      yield* settle
      yield* Fiber.interrupt(teller)
      log.gate.openUnsafe()
      yield* settle
      assert.deepStrictEqual(log.notes, [1, 0])
    }).pipe(withProbes(log, { mailbox: Mailbox.bounded(1) }))
  })

  it.effect("asks all at once and answers in the order of its routees", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const bins = yield* poolOf([], Router.broadcast)
      assert.deepStrictEqual(yield* bins.ask(put(1)), ["bin/0", "bin/1", "bin/2"])
      const probes = Router.broadcast([yield* Probe.ref("a"), yield* Probe.ref("b")])
      const asker = yield* Effect.forkChild(probes.ask(new Block()))
      yield* settle
      assert.strictEqual(log.blocked, 2)
      log.gate.openUnsafe()
      assert.lengthOf(yield* Fiber.join(asker), 2)
    }).pipe(Effect.scoped, withProbes(log))
  })

  it.effect("fails as a whole with the first failure, after every routee has answered", () =>
    Effect.gen(function* () {
      const puts: Array<string> = []
      const bins = yield* poolOf(puts, Router.broadcast)
      assert.strictEqual((yield* Effect.flip(bins.ask(put(-1))))._tag, "Full")
      const stopped = Router.broadcast([yield* Bin.ref("nobody"), ...bins.routees])
      const error = yield* Effect.flip(stopped.ask(put(2)))
      assert.strictEqual(error._tag === "AskError" ? error.id : "", "nobody")
      assert.deepStrictEqual(
        puts.filter((line) => line.endsWith(" 2")),
        ["bin/0  2", "bin/1  2", "bin/2  2"]
      )
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )
})

describe("a pool", () => {
  it.effect("spawns its routees, found by their ids, and stops all of them at once with the scope", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const system = yield* ActorSystem
      const scope = yield* Scope.make()
      const router = yield* Router.pool(Probe, {
        size: 3,
        build: behaviour(log),
        route: Router.roundRobin,
        drain: "10 seconds"
      }).pipe(Scope.provide(scope))
      assert.deepStrictEqual(
        router.routees.map(({ actor, id }) => `${actor} ${id}`),
        ["test/Probe pool/0", "test/Probe pool/1", "test/Probe pool/2"]
      )
      yield* (yield* Probe.ref("pool/1")).ask(new Note({ n: 1 }))
      assert.strictEqual((yield* system.counters).actors, 3)
      for (let n = 0; n < 3; n++) yield* router.tell(new Block())
      yield* settle
      assert.strictEqual(log.blocked, 3)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      // All drain at the same time: one after the other they would need half a minute.
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* system.counters).actors, 3)
      yield* TestClock.adjust("1 second")
      assert.isDefined(closing.pollUnsafe())
      assert.strictEqual((yield* system.counters).actors, 0)
      assert.strictEqual(log.lives.filter((life) => life === "closed").length, 3)
      yield* router.tell(new Note({ n: 2 }))
      assert.strictEqual((yield* system.counters).deadLettered, 4)
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("keeps the state and the crashes of its routees apart", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const router = yield* Router.pool(Probe, { size: 2, build: behaviour(log), route: Router.roundRobin })
      const ask = router.ask(new Note({ n: 1 }))
      assert.deepStrictEqual(yield* Effect.all([ask, ask, ask, ask]), [1, 1, 2, 2])
      yield* router.tell(new Crash({}))
      assert.strictEqual(yield* ask, 3)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Effect.all([ask, ask]), [1, 4])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("keeps a routee that was given up in the list: what is sent to it is a dead letter", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const router = yield* Router.pool(Probe, {
        size: 2,
        build: behaviour(log),
        route: Router.roundRobin,
        supervision: Supervision.stop
      })
      yield* router.tell(new Crash({}))
      yield* router.tell(new Note({ n: 1 }))
      yield* settle
      yield* router.tell(new Note({ n: 2 }))
      yield* router.tell(new Note({ n: 3 }))
      yield* settle
      assert.deepStrictEqual(log.notes, [1, 3])
      assert.strictEqual((yield* (yield* ActorSystem).counters).deadLettered, 2)
      assert.strictEqual((yield* Effect.flip(router.ask(new Note({ n: 4 })))).id, "pool/0")
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it("refuses a size that is no whole number of at least 1, and a router nobody to route to", () => {
    for (const size of [0, 1.5, Number.NaN]) {
      assert.throws(() => poolOf([], Router.roundRobin, size), RangeError)
    }
    assert.throws(() => Router.roundRobin([]), RangeError)
    assert.throws(() => Router.broadcast([]), RangeError)
    assert.throws(() => Router.consistentHash([], { key: () => "" }), RangeError)
  })
})
