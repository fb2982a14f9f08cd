import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, type AnyRef, AskError, Mailbox, Message, Supervision } from "@troupe/runtime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { counted } from "./letters.ts"
import { Block, behaviour, Crash, makeLog, Note, Probe, settle } from "./probe.ts"

class Say extends Message.Class<Say>()("Say", { payload: { word: Schema.String } }) {}
/** Is handled until the gate opens. */
class Wait extends Message.Class<Wait>()("Wait", {}) {}
class Fail extends Message.Class<Fail>()("Fail", {}) {}
class Watch extends Message.Class<Watch>()("Watch", { payload: { id: Schema.String } }) {}
/** A watched actor has ended. */
class Ended extends Message.Class<Ended>()("Ended", { payload: { id: Schema.String, how: Schema.String } }) {}
const Watcher = Actor.make("test/Watcher", [Say, Wait, Fail, Watch, Ended])

const howOf = (exit: Exit.Exit<void, unknown>): string => {
  if (exit._tag === "Success") return "stopped"
  const error = Cause.squash(exit.cause)
  return error instanceof AskError ? error.reason._tag : (error as Error).message
}

/** Watches `watched` from its build, if anybody; then whom it is told to. */
const watching = (watched?: string) => {
  const said: Array<string> = []
  const gate = Latch.makeUnsafe()
  const build = Effect.gen(function* () {
    const watch = (id: string) =>
      Effect.flatMap(Probe.ref(id), (ref) => Actor.watch(ref, (exit) => new Ended({ id, how: howOf(exit) })))
    if (watched !== undefined) yield* watch(watched)
    const system = yield* ActorSystem
    return Watcher.of({
      Say: ({ word }) => Effect.sync(() => void said.push(word)),
      Wait: () => gate.await,
      Fail: () => Effect.die(new Error("the watcher crashed")),
      Watch: ({ id }) => Effect.provideService(watch(id), ActorSystem, system),
      Ended: ({ how, id }) => Effect.sync(() => void said.push(`${id} ${how}`))
    })
  })
  return { said, gate, build }
}

/** Hosts the probes until the answer is closed. */
const hosted = (log: ReturnType<typeof makeLog>, options?: Parameters<typeof Probe.toLayer>[1]) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    yield* Layer.build(Layer.fresh(Probe.toLayer(behaviour(log), options))).pipe(Scope.provide(scope))
    return scope
  })

/** Runs a test beside probes and a watcher of `a`. */
const beside = <E>(
  options: Parameters<typeof Probe.toLayer>[1],
  test: (all: {
    readonly log: ReturnType<typeof makeLog>
    readonly said: ReadonlyArray<string>
    readonly gate: Latch.Latch
    readonly watcher: WatcherRef
    readonly probes: Scope.Closeable
  }) => Effect.Effect<void, E, ActorSystem | Scope.Scope>
) =>
  Effect.gen(function* () {
    const log = makeLog()
    const probes = yield* hosted(log, options)
    const { build, gate, said } = watching("a")
    const watcher = yield* Watcher.spawn("watcher", build, { mailbox: Mailbox.bounded(2) })
    yield* settle
    yield* test({ log, said, gate, watcher, probes })
    yield* Scope.close(probes, Exit.void)
  }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))

type WatcherRef = Effect.Success<ReturnType<typeof Watcher.ref>>

describe("Actor.watch", () => {
  it.effect("sends the watcher a message of its own protocol once the actor was stopped, and only once", () =>
    beside({}, ({ said }) =>
      Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        yield* probe.ask(new Note({ n: 1 }))
        yield* settle
        assert.deepStrictEqual(said, [])
        yield* Actor.stop(probe)
        yield* settle
        assert.deepStrictEqual(said, ["a stopped"])
        yield* probe.ask(new Note({ n: 1 }))
        yield* Actor.stop(probe)
        yield* settle
        assert.deepStrictEqual(said, ["a stopped"])
        yield* counted
      })
    )
  )

  it.effect("tells of a give-up with its cause", () =>
    beside({ supervision: Supervision.stop }, ({ said }) =>
      Effect.gen(function* () {
        yield* (yield* Probe.ref("a")).tell(new Crash({ why: "no more" }))
        yield* settle
        assert.deepStrictEqual(said, ["a no more"])
      })
    )
  )

  it.effect("is ahead of what is queued, also when the mailbox is full and senders wait", () =>
    beside({}, ({ gate, said, watcher }) =>
      Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        yield* probe.ask(new Note({ n: 1 }))
        yield* watcher.tell(new Wait())
        yield* settle
        yield* watcher.tell(new Say({ word: "1" }))
        yield* watcher.tell(new Say({ word: "2" }))
        const third = yield* Effect.forkChild(watcher.tell(new Say({ word: "3" })), {
          startImmediately: true
        })
        yield* Actor.stop(probe)
        assert.isUndefined(third.pollUnsafe())
        yield* counted
        gate.openUnsafe()
        yield* Fiber.join(third)
        yield* settle
        assert.deepStrictEqual(said, ["a stopped", "1", "2", "3"])
        yield* counted
      })
    )
  )

  it.effect("is ahead of a message whose turn has not come yet", () =>
    beside({}, ({ said, watcher }) =>
      Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        yield* watcher.ask(new Watch({ id: "b" }))
        yield* probe.ask(new Note({ n: 1 }))
        yield* (yield* Probe.ref("b")).ask(new Note({ n: 1 }))
        yield* watcher.tell(new Say({ word: "1" }))
        yield* Actor.stop(probe)
        yield* Actor.stop(yield* Probe.ref("b"))
        yield* watcher.tell(new Say({ word: "2" }))
        yield* settle
        assert.deepStrictEqual(said, ["a stopped", "b stopped", "1", "2"])
        yield* counted
      })
    )
  )

  it.effect("tells when the layer closes, also of an id that was never activated", () =>
    beside({}, ({ log, probes, said, watcher }) =>
      Effect.gen(function* () {
        yield* watcher.ask(new Watch({ id: "never" }))
        yield* (yield* Probe.ref("a")).ask(new Note({ n: 1 }))
        yield* Scope.close(probes, Exit.void)
        yield* settle
        assert.deepStrictEqual([...said].sort(), ["a stopped", "never stopped"])
        assert.deepStrictEqual(log.lives, ["built", "closed"])
      })
    )
  )

  it.effect("tells at once, with Unhosted, of an actor that nobody hosts", () =>
    beside({}, ({ probes, said, watcher }) =>
      Effect.gen(function* () {
        yield* Scope.close(probes, Exit.void)
        yield* settle
        yield* watcher.ask(new Watch({ id: "x" }))
        yield* settle
        assert.deepStrictEqual(said, ["a stopped", "x Unhosted"])
      })
    )
  )

  it.effect("of an actor that is stopping tells when it has stopped, not before", () =>
    beside({}, ({ log, probes, said, watcher }) =>
      Effect.gen(function* () {
        const owned = yield* Scope.make()
        yield* Probe.spawn("owned", behaviour(log)).pipe(Scope.provide(owned))
        for (const id of ["a", "owned"]) yield* (yield* Probe.ref(id)).tell(new Block())
        yield* settle
        for (const scope of [owned, probes]) {
          yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
        }
        for (const id of ["a", "owned"]) yield* watcher.ask(new Watch({ id }))
        yield* settle
        assert.deepStrictEqual(said, [])
        log.gate.openUnsafe()
        yield* settle
        assert.deepStrictEqual([...said].sort(), ["a stopped", "a stopped", "owned stopped"])
      })
    )
  )

  it.effect("does not tell of a restart, nor of a passivation", () =>
    beside(
      {
        passivateAfter: "1 minute",
        supervision: Supervision.restart({ schedule: Schedule.spaced("1 second") })
      },
      ({ log, said }) =>
        Effect.gen(function* () {
          const probe = yield* Probe.ref("a")
          yield* probe.tell(new Crash({}))
          yield* TestClock.adjust("1 second")
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual(log.lives, ["built", "closed", "built", "closed"])
          assert.deepStrictEqual(said, [])
          // It still watches.
          yield* probe.ask(new Note({ n: 1 }))
          yield* Actor.stop(probe)
          yield* settle
          assert.deepStrictEqual(said, ["a stopped"])
        })
    )
  )

  it.effect("sends a message for each time the actor is watched", () =>
    beside({}, ({ said, watcher }) =>
      Effect.gen(function* () {
        const probe = yield* Probe.ref("a")
        yield* watcher.ask(new Watch({ id: "a" }))
        yield* probe.ask(new Note({ n: 1 }))
        yield* Actor.stop(probe)
        yield* settle
        assert.deepStrictEqual(said, ["a stopped", "a stopped"])
      })
    )
  )

  it.effect("ends with the life of the watcher: its restart, its passivation, its stop", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const probes = yield* hosted(log)
      const { build, said } = watching()
      yield* Layer.build(Watcher.toLayer(build, { passivateAfter: "1 minute" }))
      const ends: Record<string, (watcher: WatcherRef) => Effect.Effect<unknown, never, ActorSystem>> = {
        restart: (watcher) => Effect.andThen(watcher.tell(new Fail()), TestClock.adjust("1 second")),
        passivation: () => TestClock.adjust("1 minute"),
        stop: (watcher) => Actor.stop(watcher)
      }
      for (const [id, end] of Object.entries(ends)) {
        const watcher = yield* Watcher.ref(id)
        yield* watcher.ask(new Watch({ id }))
        yield* (yield* Probe.ref(id)).ask(new Note({ n: 1 }))
        yield* end(watcher)
        const before = yield* counted
        yield* Actor.stop(yield* Probe.ref(id))
        yield* settle
        assert.deepStrictEqual(said, [], id)
        assert.deepStrictEqual((yield* counted).sent, before.sent, id)
        // The watcher's next life knows nothing of it.
        yield* watcher.ask(new Say({ word: id }))
        assert.deepStrictEqual(said.splice(0), [id])
      }
      yield* Scope.close(probes, Exit.void)
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("whose message cannot be made crashes the watcher, and nobody else", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const probes = yield* hosted(log)
      const said: Array<string> = []
      const say = () => Effect.sync(() => void said.push("handled"))
      const watcher = yield* Watcher.spawn(
        "broken",
        Effect.gen(function* () {
          said.push("built")
          const watch = Actor.watch(yield* Probe.ref("a"), () => {
            throw new Error("no message")
          })
          return Watcher.of({ Say: say, Wait: say, Fail: say, Watch: () => watch, Ended: say })
        })
      )
      yield* watcher.ask(new Watch({ id: "a" }))
      const probe = yield* Probe.ref("a")
      const waiter = yield* Effect.forkChild(Actor.awaitStop(probe), { startImmediately: true })
      yield* probe.ask(new Note({ n: 1 }))
      yield* Actor.stop(probe)
      assert.strictEqual(howOf(yield* Fiber.join(waiter)), "stopped")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(said, ["built", "built"])
      yield* Scope.close(probes, Exit.void)
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("of the actor itself never tells", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const watcher = yield* Watcher.spawn(
        "self",
        Effect.gen(function* () {
          yield* Actor.watch(yield* Watcher.self, () => new Ended({ id: "self", how: "" }))
          const say = () => Effect.sync(() => void said.push("handled"))
          return Watcher.of({ Say: say, Wait: say, Fail: say, Watch: say, Ended: say })
        })
      )
      yield* settle
      yield* Actor.stop(watcher)
      yield* settle
      assert.deepStrictEqual(said, [])
      assert.deepStrictEqual(yield* counted, { sent: 0, handled: 0, deadLettered: 0, queued: 0, actors: 0 })
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )
})

describe("Actor.awaitStop", () => {
  const waiting = (ref: AnyRef) => Effect.forkChild(Actor.awaitStop(ref), { startImmediately: true })

  it.effect("says how the actor ended: stopped, given up, by its layer, or hosted by nobody", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const probes = yield* hosted(log, { supervision: Supervision.stop })
      const refs = yield* Effect.forEach(["stopped", "crashed", "closed", "never"], (id) => Probe.ref(id))
      const waiters = yield* Effect.forEach(refs, waiting)
      for (const ref of refs.slice(0, 3)) yield* ref.ask(new Note({ n: 1 }))
      const [stopped, crashed] = refs as [AnyRef, (typeof refs)[0]]
      yield* Actor.stop(stopped)
      yield* crashed.tell(new Crash({ why: "no more" }))
      yield* settle
      assert.deepStrictEqual(
        waiters.map((fiber) => fiber.pollUnsafe() !== undefined),
        [true, true, false, false]
      )
      yield* Scope.close(probes, Exit.void)
      const exits = yield* Effect.forEach(waiters, Fiber.join)
      assert.deepStrictEqual(exits.map(howOf), ["stopped", "no more", "stopped", "stopped"])
      assert.strictEqual(howOf(yield* Actor.awaitStop(stopped)), "Unhosted")
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("resumes once the finalizers have run, and the id of a spawned actor is free then", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const gate = Latch.makeUnsafe()
      const build = Effect.gen(function* () {
        yield* Effect.addFinalizer(() => gate.await)
        return yield* behaviour(log)
      })
      const probe = yield* Probe.spawn("owned", build, { supervision: Supervision.stop })
      yield* settle
      const waiter = yield* waiting(probe)
      yield* probe.tell(new Crash({ why: "no more" }))
      yield* settle
      assert.isUndefined(waiter.pollUnsafe())
      gate.openUnsafe()
      assert.strictEqual(howOf(yield* Fiber.join(waiter)), "no more")
      assert.deepStrictEqual(log.lives, ["built", "closed"])
      yield* Probe.spawn("owned", build)
      assert.strictEqual(yield* probe.ask(new Note({ n: 1 })), 1)
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("of an actor that is stopping waits until it has stopped", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const owned = yield* Scope.make()
      const probe = yield* Probe.spawn("owned", behaviour(log)).pipe(Scope.provide(owned))
      yield* probe.tell(new Block())
      yield* settle
      yield* Effect.forkChild(Scope.close(owned, Exit.void), { startImmediately: true })
      const waiter = yield* waiting(probe)
      yield* settle
      assert.isUndefined(waiter.pollUnsafe())
      log.gate.openUnsafe()
      assert.strictEqual(howOf(yield* Fiber.join(waiter)), "stopped")
    }).pipe(Effect.provide(ActorSystem.layer))
  )
})
