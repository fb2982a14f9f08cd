import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorContext, ActorSystem, Mailbox, Message, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { counted, letters } from "./letters.ts"
import { Block, behaviour, Crash, makeLog, Note, Probe, settle, withProbes } from "./probe.ts"

const begin = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.forkChild(effect, { startImmediately: true })
const isDone = (fiber: Fiber.Fiber<unknown, unknown>) => fiber.pollUnsafe() !== undefined

describe("Actor.stop of a virtual actor", () => {
  it.effect("waits while it handles what it has; what comes meanwhile is for its next life, in order", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const probe = yield* Probe.ref("a")
      yield* probe.tell(new Block())
      yield* settle
      yield* probe.tell(new Note({ n: 1 }))
      const second = yield* begin(probe.ask(new Note({ n: 2 })))
      const stop = yield* begin(Actor.stop(probe))
      yield* probe.tell(new Note({ n: 3 }))
      const fourth = yield* begin(probe.ask(new Note({ n: 4 })))
      yield* settle
      assert.isFalse(isDone(stop))
      assert.strictEqual((yield* counted).queued, 5)
      log.gate.openUnsafe()
      yield* Fiber.join(stop)
      assert.strictEqual(yield* Fiber.join(second), 2)
      assert.strictEqual(yield* Fiber.join(fourth), 2)
      assert.deepStrictEqual(log.notes, [1, 2, 3, 4])
      assert.deepStrictEqual(log.lives, ["built", "closed", "built"])
      assert.deepStrictEqual(yield* counted, { sent: 5, handled: 5, deadLettered: 0, queued: 0, actors: 1 })
    }).pipe(withProbes(log))
  })

  it.effect(
    "after its `drain` interrupts the handler and buries what is left, but not what came since",
    () => {
      const log = makeLog()
      return Effect.gen(function* () {
        const buried = yield* letters
        const probe = yield* Probe.ref("a")
        const blocked = yield* begin(Effect.flip(probe.ask(new Block())))
        yield* settle
        yield* probe.tell(new Note({ n: 1 }))
        const stop = yield* begin(Actor.stop(probe))
        yield* probe.tell(new Note({ n: 2 }))
        yield* TestClock.adjust("2999 millis")
        assert.isFalse(isDone(stop))
        assert.deepStrictEqual(log.lives, ["built"])
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(stop)
        yield* settle
        assert.strictEqual((yield* Fiber.join(blocked)).reason._tag, "Stopped")
        assert.deepStrictEqual(log.lives, ["built", "closed", "built"])
        assert.deepStrictEqual(log.notes, [2])
        assert.deepStrictEqual(
          buried.map((letter) => [letter.message._tag, letter.reason]),
          [
            ["Block", "stopped"],
            ["Note", "stopped"]
          ]
        )
        yield* counted
      }).pipe(Effect.scoped, withProbes(log, { drain: "3 seconds" }))
    }
  )

  it.effect("with `drain: 0` interrupts at once", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const probe = yield* Probe.ref("a")
      const blocked = yield* begin(Effect.flip(probe.ask(new Block())))
      yield* Actor.stop(probe)
      assert.strictEqual((yield* Fiber.join(blocked)).reason._tag, "Stopped")
      assert.deepStrictEqual(log.lives, ["built", "closed"])
      assert.strictEqual((yield* counted).actors, 0)
    }).pipe(withProbes(log, { drain: 0 }))
  })

  it.effect("lets senders that wait for room send to the next life", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const probe = yield* Probe.ref("a")
      yield* probe.tell(new Block())
      yield* settle
      yield* probe.tell(new Note({ n: 1 }))
      const waiting = yield* begin(
        Effect.forEach([2, 3, 4], (n) => probe.tell(new Note({ n })), { discard: true })
      )
      const stop = yield* begin(Actor.stop(probe))
      log.gate.openUnsafe()
      yield* Fiber.join(stop)
      yield* Fiber.join(waiting)
      yield* settle
      assert.deepStrictEqual(log.notes, [1, 2, 3, 4])
      assert.deepStrictEqual(log.lives, ["built", "closed", "built"])
      yield* counted
    }).pipe(withProbes(log, { mailbox: Mailbox.bounded(1) }))
  })

  it.effect(
    "leaves nobody waiting for room that a message of a timer has taken, which ends with its life",
    () => {
      class Beat extends Message.Class<Beat>()("Beat", {}) {}
      class Start extends Message.Class<Start>()("Start", {}) {}
      class Sum extends Message.Class<Sum>()("Sum", { success: Schema.Int }) {}
      const Beating = Actor.make("test/Beating", [Beat, Start, Sum])
      const gate = Latch.makeUnsafe()
      const build = Effect.map(Beating.context, ({ timers }) => {
        let beats = 0
        return Beating.of({
          Beat: () => Effect.sync(() => void beats++),
          Start: () => Effect.andThen(timers.periodic("beat", "1 second", new Beat()), gate.await),
          Sum: () => Effect.sync(() => beats)
        })
      })
      return Effect.gen(function* () {
        const ref = yield* Beating.ref("a")
        yield* ref.tell(new Start())
        yield* settle
        const stop = yield* begin(Actor.stop(ref))
        yield* TestClock.adjust("1 second")
        const asked = [yield* begin(ref.ask(new Sum())), yield* begin(ref.ask(new Sum()))]
        gate.openUnsafe()
        yield* Fiber.join(stop)
        yield* settle
        assert.deepStrictEqual(asked.map(isDone), [true, true])
        assert.strictEqual(yield* Fiber.join(asked[0] as Fiber.Fiber<number>), 0)
        yield* counted
      }).pipe(
        Effect.provide(
          Beating.toLayer(build, { mailbox: Mailbox.bounded(1) }).pipe(Layer.provideMerge(ActorSystem.layer))
        )
      )
    }
  )

  it.effect("goes on when who waits for it is interrupted, and keeps its deadline", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      for (const opens of [true, false]) {
        log.gate.closeUnsafe()
        log.lives.length = 0
        const probe = yield* Probe.ref("a")
        yield* probe.tell(new Block())
        yield* settle
        const stop = yield* begin(Actor.stop(probe))
        yield* Fiber.interrupt(stop)
        assert.deepStrictEqual(log.lives, ["built"])
        if (opens) log.gate.openUnsafe()
        else yield* TestClock.adjust("5 seconds")
        yield* settle
        assert.deepStrictEqual(log.lives, ["built", "closed"])
        assert.strictEqual((yield* counted).actors, 0)
      }
    }).pipe(withProbes(log))
  })

  it.effect("twice at the same time stops one life, and both wait for its end", () => {
    const log = makeLog()
    const gate = Latch.makeUnsafe()
    const build = Effect.andThen(
      Effect.addFinalizer(() => gate.await),
      behaviour(log)
    )
    return Effect.gen(function* () {
      const probe = yield* Probe.ref("a")
      yield* probe.tell(new Block())
      yield* settle
      const first = yield* begin(Actor.stop(probe))
      const second = yield* begin(Actor.stop(probe))
      log.gate.openUnsafe()
      yield* settle
      // Its finalizers run.
      const third = yield* begin(Actor.stop(probe))
      yield* probe.tell(new Note({ n: 1 }))
      yield* settle
      assert.deepStrictEqual([first, second, third].map(isDone), [false, false, false])
      gate.openUnsafe()
      for (const fiber of [first, second, third]) yield* Fiber.join(fiber)
      yield* settle
      assert.deepStrictEqual(log.lives, ["built", "closed", "built"])
      assert.deepStrictEqual(log.notes, [1])
      // The deadlines of before are none of the next life's.
      log.gate.closeUnsafe()
      yield* probe.tell(new Block())
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(log.lives, ["built", "closed", "built"])
      log.gate.openUnsafe()
    }).pipe(Effect.provide(Probe.toLayer(build).pipe(Layer.provideMerge(ActorSystem.layer))))
  })

  it.effect("does not sit out a restart, whose message is buried", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const probe = yield* Probe.ref("a")
      yield* probe.tell(new Crash({}))
      const queued = yield* begin(Effect.flip(probe.ask(new Note({ n: 1 }))))
      yield* settle
      yield* Actor.stop(probe)
      assert.strictEqual((yield* Fiber.join(queued)).reason._tag, "Stopped")
      assert.deepStrictEqual(log.lives, ["built", "closed"])
      assert.deepStrictEqual(yield* counted, { sent: 2, handled: 0, deadLettered: 2, queued: 0, actors: 0 })
      assert.strictEqual(yield* probe.ask(new Note({ n: 2 })), 1)
    }).pipe(
      withProbes(log, {
        supervision: Supervision.restart({ schedule: Schedule.spaced("1 hour"), parkAfter: 2 })
      })
    )
  })

  it.effect("while it is passivated waits for that, and leaves the next life alone", () => {
    const log = makeLog()
    const gate = Latch.makeUnsafe()
    const build = Effect.andThen(
      Effect.addFinalizer(() => gate.await),
      behaviour(log)
    )
    return Effect.gen(function* () {
      const probe = yield* Probe.ref("a")
      yield* probe.ask(new Note({ n: 1 }))
      yield* TestClock.adjust("1 minute")
      const stop = yield* begin(Actor.stop(probe))
      yield* probe.tell(new Note({ n: 2 }))
      yield* settle
      assert.isFalse(isDone(stop))
      gate.openUnsafe()
      yield* Fiber.join(stop)
      yield* settle
      assert.deepStrictEqual(log.notes, [1, 2])
      assert.deepStrictEqual(log.lives, ["built", "closed", "built"])
      yield* counted
    }).pipe(
      Effect.provide(
        Probe.toLayer(build, { passivateAfter: "1 minute" }).pipe(Layer.provideMerge(ActorSystem.layer))
      )
    )
  })

  it.effect("takes it out of the idle ones: its next life is passivated in its own time", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const probe = yield* Probe.ref("a")
      yield* probe.ask(new Note({ n: 1 }))
      yield* TestClock.adjust("50 seconds")
      yield* Actor.stop(probe)
      yield* probe.tell(new Block())
      yield* probe.tell(new Note({ n: 2 }))
      yield* settle
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* counted).queued, 2)
      log.gate.openUnsafe()
      yield* settle
      assert.deepStrictEqual(log.notes, [1, 2])
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(log.lives, ["built", "closed", "built"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log.lives, ["built", "closed", "built", "closed"])
      assert.strictEqual((yield* counted).actors, 0)
    }).pipe(withProbes(log, { passivateAfter: "1 minute" }))
  })

  it.effect("while its build runs lets it be built, handle and end", () => {
    const log = makeLog()
    const gate = Latch.makeUnsafe()
    const build = Effect.andThen(gate.await, behaviour(log))
    return Effect.gen(function* () {
      const probe = yield* Probe.ref("a")
      yield* probe.tell(new Note({ n: 1 }))
      yield* settle
      const stop = yield* begin(Actor.stop(probe))
      gate.openUnsafe()
      yield* Fiber.join(stop)
      assert.deepStrictEqual([log.notes, log.lives], [[1], ["built", "closed"]])
    }).pipe(Effect.provide(Probe.toLayer(build).pipe(Layer.provideMerge(ActorSystem.layer))))
  })

  it.effect("leaves one that is not in memory as it is", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const probe = yield* Probe.ref("a")
      yield* Actor.stop(probe)
      assert.deepStrictEqual(log.lives, [])
      yield* probe.ask(new Note({ n: 1 }))
      yield* Actor.stop(probe)
      yield* Actor.stop(probe)
      assert.deepStrictEqual(log.lives, ["built", "closed"])
      yield* Actor.stop(yield* Actor.make("test/Nobody", [Note]).ref("a"))
    }).pipe(withProbes(log))
  })

  it.effect("is waited for by its layer, which closes meanwhile", () => {
    const log = makeLog()
    const gate = Latch.makeUnsafe()
    const build = Effect.andThen(
      Effect.addFinalizer(() => gate.await),
      behaviour(log)
    )
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Layer.build(Layer.fresh(Probe.toLayer(build, { drain: 0 }))).pipe(Scope.provide(scope))
      const probe = yield* Probe.ref("a")
      yield* probe.tell(new Block())
      yield* settle
      const stop = yield* begin(Actor.stop(probe))
      yield* settle
      const closing = yield* begin(Scope.close(scope, Exit.void))
      yield* settle
      assert.deepStrictEqual([stop, closing].map(isDone), [false, false])
      gate.openUnsafe()
      yield* Fiber.join(closing)
      assert.isTrue(isDone(stop))
      assert.deepStrictEqual(log.lives, ["built", "closed"])
    }).pipe(Effect.provide(ActorSystem.layer))
  })
})

class Reenter extends Message.Class<Reenter>()("Reenter", { payload: { n: Schema.Int } }) {}
const Reentrant = Actor.make("test/Reentrant", [Reenter])

describe("a re-entrant actor", () => {
  const handlers = (done: Array<number>, gate: Latch.Latch) =>
    Reentrant.of({
      Reenter: ({ n }) =>
        Effect.andThen(
          n === 1 ? gate.await : Effect.void,
          Effect.sync(() => void done.push(n))
        )
    })

  it.effect(
    "is stopped in peace as soon as its handlers have ended; what comes meanwhile is for its next life",
    () => {
      const done: Array<number> = []
      const gate = Latch.makeUnsafe()
      let builds = 0
      const build = () => {
        builds++
        return handlers(done, gate)
      }
      return Effect.gen(function* () {
        const ref = yield* Reentrant.ref("a")
        yield* ref.tell(new Reenter({ n: 1 }))
        yield* settle
        const stop = yield* begin(Actor.stop(ref))
        yield* ref.tell(new Reenter({ n: 2 }))
        yield* settle
        assert.isFalse(isDone(stop))
        assert.deepStrictEqual(done, [])
        gate.openUnsafe()
        yield* settle
        assert.isTrue(isDone(stop))
        assert.deepStrictEqual(done, [1, 2])
        assert.strictEqual(builds, 2)
        yield* counted
      }).pipe(
        Effect.provide(
          Reentrant.toLayer(build, { concurrency: 4 }).pipe(Layer.provideMerge(ActorSystem.layer))
        )
      )
    }
  )

  it.effect("goes on after a crash whose restart takes no time, and can be stopped", () => {
    const done: Array<number> = []
    const handling = ({ n }: Reenter) =>
      n < 0
        ? Effect.andThen(Effect.yieldNow, Effect.die(new Error("crash")))
        : Effect.sync(() => void done.push(n))
    const supervision = Supervision.restart({ schedule: Schedule.recurs(5) })
    return Effect.gen(function* () {
      const ref = yield* Reentrant.ref("a")
      assert.strictEqual((yield* Effect.flip(ref.ask(new Reenter({ n: -1 })))).reason._tag, "Parked")
      const answered = yield* begin(ref.ask(new Reenter({ n: 1 })))
      yield* settle
      assert.deepStrictEqual([done, isDone(answered)], [[1], true])
      yield* Actor.stop(ref)
      assert.strictEqual((yield* counted).actors, 0)
    }).pipe(
      Effect.provide(
        Reentrant.toLayer(() => ({ Reenter: handling }), { concurrency: 2, supervision }).pipe(
          Layer.provideMerge(ActorSystem.layer)
        )
      )
    )
  })

  it.effect("is waited for by its layer until all its handlers have ended", () => {
    const done: Array<number> = []
    const gate = Latch.makeUnsafe()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Layer.build(Reentrant.toLayer(handlers(done, gate), { concurrency: 4 })).pipe(
        Scope.provide(scope)
      )
      const ref = yield* Reentrant.ref("a")
      yield* ref.tell(new Reenter({ n: 1 }))
      yield* settle
      yield* ref.tell(new Reenter({ n: 2 }))
      const closing = yield* begin(Scope.close(scope, Exit.void))
      yield* settle
      assert.isFalse(isDone(closing))
      gate.openUnsafe()
      yield* Fiber.join(closing)
      assert.deepStrictEqual(done, [2, 1])
      assert.strictEqual((yield* counted).deadLettered, 0)
    }).pipe(Effect.provide(ActorSystem.layer))
  })
})

describe("Actor.stop of a spawned actor", () => {
  it.effect(
    "ends it for good: later messages are dead letters, its id is free, and its scope forgets it",
    () => {
      const log = makeLog()
      return Effect.gen(function* () {
        const scope = yield* Scope.make()
        for (let n = 1; n <= 3; n++) {
          const probe = yield* Probe.spawn("owned", behaviour(log)).pipe(Scope.provide(scope))
          assert.strictEqual(yield* probe.ask(new Note({ n })), 1)
          yield* Actor.stop(probe)
          assert.strictEqual((yield* Effect.flip(probe.ask(new Note({ n })))).reason._tag, "Stopped")
          assert.strictEqual((yield* counted).actors, 0)
          assert.strictEqual(scope.state._tag, "Empty")
        }
        assert.deepStrictEqual(log.lives, ["built", "closed", "built", "closed", "built", "closed"])
      }).pipe(Effect.provide(ActorSystem.layer))
    }
  )

  it.effect("lets it handle what it has, for at most its `drain`", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const probe = yield* Probe.spawn("owned", behaviour(log), { drain: "2 seconds" })
      yield* settle
      yield* probe.tell(new Block())
      const first = yield* begin(probe.ask(new Note({ n: 1 })))
      const stop = yield* begin(Actor.stop(probe))
      yield* settle
      assert.strictEqual((yield* Effect.flip(probe.ask(new Note({ n: 2 })))).reason._tag, "Stopped")
      log.gate.openUnsafe()
      yield* Fiber.join(stop)
      assert.strictEqual(yield* Fiber.join(first), 1)

      log.gate.closeUnsafe()
      const again = yield* Probe.spawn("owned", behaviour(log), { drain: "2 seconds" })
      yield* again.tell(new Block())
      yield* settle
      const blocked = yield* begin(Actor.stop(again))
      yield* TestClock.adjust("1999 millis")
      assert.isFalse(isDone(blocked))
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(blocked)
      assert.deepStrictEqual(log.lives, ["built", "closed", "built", "closed"])
      yield* counted
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  })

  it.effect("twice at the same time: both wait for its end", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const probe = yield* Probe.spawn("owned", behaviour(log))
      yield* settle
      yield* probe.tell(new Block())
      yield* settle
      const stops = [yield* begin(Actor.stop(probe)), yield* begin(Actor.stop(probe))]
      yield* settle
      assert.deepStrictEqual(stops.map(isDone), [false, false])
      log.gate.openUnsafe()
      for (const stop of stops) yield* Fiber.join(stop)
      assert.deepStrictEqual(log.lives, ["built", "closed"])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  })

  it.effect(
    "spawned again while it stops, begins once the one before has ended; the counters agree throughout",
    () => {
      const log = makeLog()
      return Effect.gen(function* () {
        const probe = yield* Probe.spawn("owned", behaviour(log))
        yield* settle
        yield* probe.tell(new Block())
        yield* settle
        yield* probe.tell(new Note({ n: 1 }))
        yield* begin(Actor.stop(probe))
        const spawning = yield* Effect.forkScoped(Probe.spawn("owned", behaviour(log)), {
          startImmediately: true
        })
        yield* settle
        yield* counted
        assert.deepStrictEqual(log.lives, ["built"])
        log.gate.openUnsafe()
        yield* Fiber.join(spawning)
        assert.strictEqual(yield* probe.ask(new Note({ n: 2 })), 1)
        assert.deepStrictEqual(log.lives, ["built", "closed", "built"])
        yield* counted
      }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
    }
  )

  it.effect("in a scope that is closed already, it ends at once", () => {
    const log = makeLog()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      const probe = yield* Probe.spawn("owned", behaviour(log)).pipe(Scope.provide(scope))
      yield* settle
      assert.deepStrictEqual(log.lives, [])
      assert.isTrue(Exit.isFailure(yield* Effect.exit(probe.ask(new Note({ n: 1 })))))
      assert.strictEqual((yield* counted).actors, 0)
    }).pipe(Effect.provide(ActorSystem.layer))
  })
})

class Add extends Message.Class<Add>()("Add", { payload: { n: Schema.Int } }) {}
class Quit extends Message.Class<Quit>()("Quit", {
  payload: { how: Schema.Literals(["context", "stop"]) },
  success: Schema.String
}) {}
const Quitter = Actor.make("test/Quitter", [Add, Quit])

describe("an actor that stops itself", () => {
  const quitter = (log: Array<string>) =>
    Effect.gen(function* () {
      log.push("built")
      yield* Effect.addFinalizer(() => Effect.sync(() => log.push("closed")))
      const system = yield* ActorSystem
      return Quitter.of({
        Add: ({ n }) => Effect.sync(() => void log.push(`added ${n}`)),
        Quit: ({ how }) =>
          Effect.gen(function* () {
            if (how === "context") yield* (yield* ActorContext).stop
            else yield* Actor.stop(yield* Quitter.self)
            // It is a request: nothing has ended yet.
            yield* Effect.yieldNow
            log.push("quits")
            return "bye"
          }).pipe(Effect.provideService(ActorSystem, system))
      })
    })

  for (const how of ["context", "stop"] as const) {
    it.effect(`by ${how} answers the message being handled and ends before the queued ones`, () => {
      const log: Array<string> = []
      return Effect.gen(function* () {
        const buried = yield* letters
        const ref = yield* Quitter.ref("a")
        yield* ref.tell(new Add({ n: 1 }))
        const bye = yield* begin(ref.ask(new Quit({ how })))
        yield* ref.tell(new Add({ n: 2 }))
        assert.strictEqual(yield* Fiber.join(bye), "bye")
        yield* settle
        assert.deepStrictEqual(log, ["built", "added 1", "quits", "closed"])
        assert.deepStrictEqual(
          buried.map((letter) => [(letter.message as Add).n, letter.reason]),
          [[2, "stopped"]]
        )
        yield* ref.ask(new Add({ n: 3 }))
        assert.deepStrictEqual(log.slice(4), ["built", "added 3"])
        yield* counted
      }).pipe(
        Effect.scoped,
        Effect.provide(Quitter.toLayer(quitter(log)).pipe(Layer.provideMerge(ActorSystem.layer)))
      )
    })

    it.effect(`by ${how}, spawned, is gone then, and its scope forgets it`, () => {
      const log: Array<string> = []
      return Effect.gen(function* () {
        const scope = yield* Scope.make()
        const ref = yield* Quitter.spawn("a", quitter(log)).pipe(Scope.provide(scope))
        assert.strictEqual(yield* ref.ask(new Quit({ how })), "bye")
        yield* settle
        assert.deepStrictEqual(log, ["built", "quits", "closed"])
        assert.strictEqual((yield* Effect.flip(ref.ask(new Add({ n: 1 })))).reason._tag, "Stopped")
        assert.strictEqual((yield* counted).actors, 0)
        assert.strictEqual(scope.state._tag, "Empty")
      }).pipe(Effect.provide(ActorSystem.layer))
    })
  }
})

describe("an actor that stops the one above it", () => {
  for (const above of ["parent", "grandparent"]) {
    it.effect(`its ${above}, only asks for it: its handler answers, then all of them end, in peace`, () =>
      Effect.gen(function* () {
        const ends: Array<string> = []
        const noteEnd = (who: string) => Effect.addFinalizer(() => Effect.sync(() => void ends.push(who)))
        const Low = Actor.make("test/Low", [Note])
        const Middle = Actor.make("test/Middle", [Note])
        const High = Actor.make("test/High", [Note])
        const low = Effect.gen(function* () {
          yield* noteEnd("low")
          const top = yield* above === "parent" ? Middle.ref("top/middle") : High.ref("top")
          return Low.of({ Note: ({ n }) => Effect.as(Actor.stop(top), n) })
        })
        const middle = Effect.gen(function* () {
          yield* noteEnd("middle")
          yield* Low.spawnChild("low", low)
          return Middle.of({ Note: ({ n }) => Effect.succeed(n) })
        })
        const high = Effect.gen(function* () {
          yield* noteEnd("high")
          yield* Middle.spawnChild("middle", middle)
          return High.of({ Note: ({ n }) => Effect.succeed(n) })
        })
        yield* High.spawn("top", high)
        yield* settle
        const answer = yield* begin((yield* Low.ref("top/middle/low")).ask(new Note({ n: 7 })))
        yield* settle
        assert.isTrue(isDone(answer))
        assert.strictEqual(yield* Fiber.join(answer), 7)
        assert.deepStrictEqual(ends, above === "parent" ? ["low", "middle"] : ["low", "middle", "high"])
        yield* counted
      }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
    )
  }
})
