import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, Message, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { Block, behaviour, Crash, inspected, makeLog, Note, Probe, settle } from "./probe.ts"

const hosted = (log: ReturnType<typeof makeLog>, options?: Parameters<typeof Probe.toLayer>[1]) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    yield* Layer.build(Layer.fresh(Probe.toLayer(behaviour(log), options))).pipe(Scope.provide(scope))
    return scope
  })

describe("closing the layer of actors", () => {
  it.effect("lets what is queued be handled first, refuses new messages, then runs the finalizers", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const scope = yield* hosted(log)
      const events = yield* inspected
      const probe = yield* Probe.ref("a")
      const idle = yield* Probe.ref("idle")
      yield* idle.ask(new Note({ n: 0 }))
      yield* probe.tell(new Block())
      const last = yield* Effect.forkChild(probe.ask(new Note({ n: 1 })), { startImmediately: true })
      yield* settle
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      assert.strictEqual((yield* Effect.flip(probe.ask(new Note({ n: 2 })))).reason._tag, "Stopped")
      assert.isUndefined(closing.pollUnsafe())
      log.gate.openUnsafe()
      assert.strictEqual(yield* Fiber.join(last), 1)
      yield* Fiber.join(closing)
      yield* settle
      assert.deepStrictEqual(log.notes, [0, 1])
      assert.deepStrictEqual(log.lives, ["built", "built", "closed", "closed"])
      assert.deepStrictEqual(
        events
          .filter((event) => event._tag === "Stopped")
          .map((event) => event.id)
          .sort(),
        ["a", "idle"]
      )
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("waits for at most `drain`, then interrupts the handler, whose finalizers run", () =>
    Effect.gen(function* () {
      class Work extends Message.Class<Work>()("Work", {}) {}
      const Worker = Actor.make("test/Worker", [Work])
      const log: Array<string> = []
      const scope = yield* Scope.make()
      yield* Layer.build(
        Worker.toLayer(
          {
            Work: () =>
              Effect.onInterrupt(Effect.never, () =>
                Effect.sync(() => {
                  log.push("interrupted")
                })
              )
          },
          { drain: "3 seconds" }
        )
      ).pipe(Scope.provide(scope))
      const worker = yield* Worker.ref("a")
      const asker = yield* Effect.forkChild(Effect.flip(worker.ask(new Work())), { startImmediately: true })
      yield* worker.tell(new Work())
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(closing.pollUnsafe())
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["interrupted"])
      assert.strictEqual((yield* Fiber.join(asker)).reason._tag, "Stopped")
      const { counters } = yield* ActorSystem
      assert.deepStrictEqual(yield* counters, { sent: 2, handled: 0, deadLettered: 2, queued: 0, actors: 0 })
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("does not sit out a backoff", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const scope = yield* hosted(log, {
        supervision: Supervision.restart({ schedule: Schedule.spaced("1 hour") })
      })
      const probe = yield* Probe.ref("a")
      yield* probe.tell(new Crash({}))
      const asker = yield* Effect.forkChild(Effect.flip(probe.ask(new Note({ n: 1 }))), {
        startImmediately: true
      })
      yield* settle
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(asker)).reason._tag, "Stopped")
      assert.deepStrictEqual(log.lives, ["built", "closed"])
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("does not build an actor anew that crashes while it drains", () =>
    Effect.gen(function* () {
      class Break extends Message.Class<Break>()("Break", {}) {}
      const Breaking = Actor.make("test/Breaking", [Break])
      const log: Array<string> = []
      const breaks = Latch.makeUnsafe()
      const finalizes = Latch.makeUnsafe()
      const scope = yield* Scope.make()
      yield* Layer.build(
        Breaking.toLayer(
          Effect.gen(function* () {
            log.push("built")
            yield* Effect.addFinalizer(() =>
              Effect.andThen(
                finalizes.await,
                Effect.sync(() => log.push("closed"))
              )
            )
            return Breaking.of({ Break: () => Effect.andThen(breaks.await, Effect.die(new Error("breaks"))) })
          }),
          { supervision: Supervision.restart({ schedule: Schedule.spaced(0) }) }
        )
      ).pipe(Scope.provide(scope))
      yield* (yield* Breaking.ref("a")).tell(new Break())
      yield* settle
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      breaks.openUnsafe()
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(closing.pollUnsafe())
      finalizes.openUnsafe()
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["built", "closed"])
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("lets another layer host the same actors afterwards, found by the same references", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const probe = yield* Probe.ref("a")
      const first = yield* hosted(log)
      assert.strictEqual(yield* probe.ask(new Note({ n: 1 })), 1)
      yield* Scope.close(first, Exit.void)
      yield* hosted(log)
      assert.strictEqual(yield* probe.ask(new Note({ n: 2 })), 1)
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("interrupts the fibers that belong to an incarnation", () =>
    Effect.gen(function* () {
      class Start extends Message.Class<Start>()("Start", {}) {}
      const Loop = Actor.make("test/Loop", [Start])
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const loop = (name: string) =>
        Effect.forkScoped(
          Effect.never.pipe(Effect.onInterrupt(() => Effect.sync(() => log.push(`${name} ended`)))),
          { startImmediately: true }
        )
      yield* Layer.build(
        Loop.toLayer(
          Effect.gen(function* () {
            yield* loop("of build")
            return Loop.of({ Start: () => Effect.asVoid(loop("of handler")) })
          })
        )
      ).pipe(Scope.provide(scope))
      yield* (yield* Loop.ref("a")).ask(new Start())
      assert.deepStrictEqual(log, [])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log, ["of handler ended", "of build ended"])
    }).pipe(Effect.provide(ActorSystem.layer))
  )
})

describe("a spawned actor", () => {
  it.effect("is built at once, found by its reference, not passivated, and ends with its scope", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const scope = yield* Scope.make()
      const probe = yield* Probe.spawn("owned", behaviour(log)).pipe(Scope.provide(scope))
      yield* settle
      assert.deepStrictEqual(log.lives, ["built"])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* probe.ask(new Note({ n: 1 })), 1)
      assert.strictEqual(yield* (yield* Probe.ref("owned")).ask(new Note({ n: 2 })), 2)
      assert.strictEqual(
        (yield* Effect.flip((yield* Probe.ref("other")).ask(new Note({ n: 3 })))).reason._tag,
        "Unhosted"
      )
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(log.lives, ["built", "closed"])
      assert.strictEqual((yield* Effect.flip(probe.ask(new Note({ n: 4 })))).reason._tag, "Stopped")
      const { counters } = yield* ActorSystem
      assert.strictEqual((yield* counters).actors, 0)
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("is supervised, and gone once its supervision gives up", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const probe = yield* Probe.spawn("owned", behaviour(log), {
        supervision: Supervision.restart({ schedule: Schedule.recurs(1) })
      })
      yield* probe.tell(new Crash({}))
      assert.strictEqual(yield* probe.ask(new Note({ n: 1 })), 1)
      yield* probe.tell(new Crash({}))
      assert.strictEqual((yield* Effect.flip(probe.ask(new Note({ n: 2 })))).reason._tag, "Stopped")
      yield* settle
      assert.strictEqual((yield* Effect.flip(probe.ask(new Note({ n: 3 })))).reason._tag, "Stopped")
      assert.deepStrictEqual(log.lives, ["built", "closed", "built", "closed"])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("that runs already is a defect to spawn again", () =>
    Effect.gen(function* () {
      const log = makeLog()
      yield* Probe.spawn("owned", behaviour(log))
      const again = yield* Effect.exit(Probe.spawn("owned", behaviour(log)))
      assert.isTrue(Exit.hasDies(again))
      yield* settle
      assert.deepStrictEqual(log.lives, ["built"])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("ends with the system even when its scope stays open", () =>
    Effect.gen(function* () {
      const log = makeLog()
      const outer = yield* Scope.make()
      yield* Effect.gen(function* () {
        yield* Probe.spawn("owned", behaviour(log)).pipe(Scope.provide(outer))
        yield* settle
      }).pipe(Effect.provide(ActorSystem.layer))
      assert.deepStrictEqual(log.lives, ["built", "closed"])
      yield* Scope.close(outer, Exit.void)
      assert.deepStrictEqual(log.lives, ["built", "closed"])
    })
  )
})
