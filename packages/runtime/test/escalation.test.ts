import { assert, describe, it } from "@effect/vitest"
import { Actor, type ActorRef, ActorSystem, Supervision } from "@troupe/runtime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { inspected, settle } from "./probe.ts"
import { Do, following, Scripted } from "./script.ts"

class Broken extends Error {}
class Worse extends Error {}

const squashed = (cause: Cause.Cause<unknown>) => Cause.squash(cause)
const hosted = <R>(layer: Layer.Layer<never, never, R | ActorSystem>) =>
  Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer)))
const later = Supervision.restart({ schedule: Schedule.spaced("1 second") })

describe("byCause", () => {
  const supervision = Supervision.byCause((cause) => {
    const defect = squashed(cause)
    if (defect === "resume") return Supervision.resume
    if (defect === "stop") return Supervision.stop
    return later
  })
  const defects = ["", "resume", "stop", "restart"]

  it.effect("chooses the directive of each crash by what the handler died of", () =>
    Effect.gen(function* () {
      let builds = 0
      yield* Effect.gen(function* () {
        const ref = yield* Scripted.ref("a")
        const parked = (n: number) =>
          Effect.map(Effect.flip(ref.ask(new Do({ n }))), (error) => error.reason._tag)
        assert.strictEqual(yield* ref.ask(new Do({ n: 0 })), 1)
        assert.strictEqual(yield* parked(1), "Parked")
        assert.strictEqual(yield* ref.ask(new Do({ n: 0 })), 2)
        assert.strictEqual(builds, 1)
        // A restart.
        assert.strictEqual(yield* parked(3), "Parked")
        const asker = yield* Effect.forkChild(ref.ask(new Do({ n: 0 })), { startImmediately: true })
        yield* TestClock.adjust("999 millis")
        assert.strictEqual(builds, 1)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* Fiber.join(asker), 1)
        assert.strictEqual(builds, 2)
        // A stop: what comes behind it is lost.
        const first = yield* Effect.forkChild(parked(2), { startImmediately: true })
        assert.strictEqual(yield* Fiber.join(first), "Parked")
        assert.strictEqual(yield* ref.ask(new Do({ n: 0 })), 1)
        assert.strictEqual(builds, 3)
      }).pipe(
        hosted(
          Scripted.toLayer(
            Effect.suspend(() => {
              builds++
              let handled = 0
              return following((n) => (n === 0 ? Effect.sync(() => ++handled) : Effect.die(defects[n])))
            }),
            { supervision }
          )
        )
      )
    })
  )

  it.effect("also decides about a state that cannot be built, each time anew", () =>
    Effect.gen(function* () {
      const failures = ["restart", "restart", "stop"]
      let builds = 0
      yield* Effect.gen(function* () {
        const ref = yield* Scripted.ref("a")
        const asker = yield* Effect.forkChild(Effect.flip(ref.ask(new Do({ n: 0 }))), {
          startImmediately: true
        })
        assert.strictEqual(builds, 1)
        yield* TestClock.adjust("1999 millis")
        assert.strictEqual(builds, 2)
        assert.isUndefined(asker.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(asker)).reason._tag, "Stopped")
        assert.strictEqual(builds, 3)
        assert.strictEqual(yield* ref.ask(new Do({ n: 7 })), 7)
      }).pipe(
        hosted(
          Scripted.toLayer(
            Effect.suspend(() => {
              const failure = failures[builds++]
              return failure === undefined ? following((n) => Effect.succeed(n)) : Effect.fail(failure)
            }),
            { supervision }
          )
        )
      )
    })
  )

  it.effect("each directive counts its own restarts, also when they take turns", () =>
    Effect.gen(function* () {
      const twice = Supervision.restart({ schedule: Schedule.recurs(2) })
      const often = Supervision.restart({ schedule: Schedule.recurs(9) })
      let builds = 0
      yield* Effect.gen(function* () {
        const ref = yield* Scripted.ref("a")
        for (const n of [1, 2, 1, 2]) yield* Effect.flip(ref.ask(new Do({ n })))
        yield* settle
        assert.strictEqual(yield* ref.ask(new Do({ n: 0 })), 5)
        const events = yield* inspected
        yield* Effect.flip(ref.ask(new Do({ n: 1 })))
        yield* settle
        assert.include(
          events.map((event) => event._tag),
          "Stopped"
        )
      }).pipe(
        hosted(
          Scripted.toLayer(
            Effect.suspend(() => {
              const life = ++builds
              return following((n) => (n === 0 ? Effect.succeed(life) : Effect.die(n)))
            }),
            { supervision: Supervision.byCause((cause) => (squashed(cause) === 1 ? twice : often)) }
          )
        )
      )
    })
  )
})

describe("the limit", () => {
  const crashing = (builds: () => void, supervision: Supervision.Supervision) =>
    Scripted.toLayer(
      Effect.suspend(() => {
        builds()
        return following((n) => (n === 0 ? Effect.die("crash") : Effect.succeed(n)))
      }),
      { supervision }
    )

  it.effect("lets so many restarts happen in any window of its length, and slides", () =>
    Effect.gen(function* () {
      let builds = 0
      yield* Effect.gen(function* () {
        const events = yield* inspected
        const ref = yield* Scripted.ref("a")
        const crash = Effect.andThen(Effect.flip(ref.ask(new Do({ n: 0 }))), settle)
        const stops = () => events.filter((event) => event._tag === "Stopped").length
        // 0 s, 4 s, 10 s, 14 s, 20 s: never three within 10 s.
        for (const seconds of [4, 6, 4, 6, 0]) {
          yield* crash
          yield* TestClock.adjust(`${seconds} seconds`)
        }
        assert.strictEqual(stops(), 0)
        assert.strictEqual(builds, 6)
        // 23.999 s: 14 s and 20 s are within 10 s of it.
        yield* TestClock.adjust("3999 millis")
        yield* crash
        assert.strictEqual(stops(), 1)
        assert.strictEqual(builds, 6)
        // A fresh life counts from zero.
        assert.strictEqual(yield* ref.ask(new Do({ n: 1 })), 1)
        yield* crash
        yield* crash
        assert.strictEqual(stops(), 1)
        yield* crash
        assert.strictEqual(stops(), 2)
      }).pipe(
        hosted(
          crashing(
            () => builds++,
            Supervision.restart({ schedule: Schedule.forever, limit: { restarts: 2, within: "10 seconds" } })
          )
        )
      )
    })
  )

  it.effect("is counted for each directive of its own", () =>
    Effect.gen(function* () {
      const limited = (restarts: number) =>
        Supervision.restart({ schedule: Schedule.forever, limit: { restarts, within: "10 seconds" } })
      const many = limited(3)
      const one = limited(1)
      let builds = 0
      yield* Effect.gen(function* () {
        const ref = yield* Scripted.ref("a")
        const crash = (n: number) => Effect.andThen(Effect.flip(ref.ask(new Do({ n }))), settle)
        for (const n of [1, 1, 1]) yield* crash(n)
        yield* TestClock.adjust("11 seconds")
        yield* crash(2)
        assert.strictEqual(builds, 5)
        // The second of that kind within its time.
        const events = yield* inspected
        yield* crash(2)
        assert.include(
          events.map((event) => event._tag),
          "Stopped"
        )
      }).pipe(
        hosted(
          Scripted.toLayer(
            Effect.suspend(() => {
              builds++
              return following((n) => Effect.die(n))
            }),
            { supervision: Supervision.byCause((cause) => (squashed(cause) === 1 ? many : one)) }
          )
        )
      )
    })
  )
})

describe("escalate", () => {
  const Parent = Actor.make("test/Parent", [Do])
  const Grandparent = Actor.make("test/Grandparent", [Do])

  /** A parent with one child, `child`: it crashes of `Broken` when it is told 0. */
  const family = (options: {
    readonly log: Array<string>
    readonly child: Supervision.Supervision
    readonly parent: Supervision.Supervision
    readonly handle?: (n: number) => Effect.Effect<number>
  }) =>
    Effect.gen(function* () {
      const { log } = options
      log.push("parent built")
      yield* Effect.addFinalizer(() => Effect.sync(() => log.push("parent closed")))
      yield* Scripted.spawn(
        "child",
        Effect.gen(function* () {
          log.push("child built")
          yield* Effect.addFinalizer(() => Effect.sync(() => log.push("child closed")))
          return Scripted.of({
            Do: ({ n }) => (n < 0 ? Effect.die(n === -1 ? new Broken() : new Worse()) : Effect.succeed(n))
          })
        }),
        { supervision: options.child }
      )
      return Parent.of({
        Do: ({ n }) =>
          Effect.tap(options.handle?.(n) ?? Effect.succeed(n), () =>
            Effect.sync(() => log.push(`parent ${n}`))
          )
      })
    })

  it.effect("crashes the parent of the same cause, and the asker gets the defect", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const causes: Array<unknown> = []
      const parent = Supervision.byCause((cause) => {
        causes.push(squashed(cause))
        return later
      })
      yield* Effect.gen(function* () {
        yield* (yield* Parent.ref("p")).ask(new Do({ n: 1 }))
        yield* settle
        const child = yield* Scripted.ref("child")
        const error = yield* Effect.flip(child.ask(new Do({ n: -1 })))
        assert.isTrue(error.reason._tag === "Parked" && error.reason.defect instanceof Broken)
        yield* settle
        assert.isTrue(causes.length === 1 && causes[0] instanceof Broken)
        assert.deepStrictEqual(log, [
          "parent built",
          "parent 1",
          "child built",
          "child closed",
          "parent closed"
        ])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(log.slice(5), ["parent built", "child built"])
        assert.strictEqual(yield* child.ask(new Do({ n: 3 })), 3)
      }).pipe(
        hosted(Parent.toLayer(family({ log, child: Supervision.escalate, parent }), { supervision: parent }))
      )
    })
  )

  it.effect("takes effect after the parent's current message and before its queued ones", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const gate = Latch.makeUnsafe()
      yield* Effect.gen(function* () {
        const parent = yield* Parent.ref("p")
        const current = yield* Effect.forkChild(parent.ask(new Do({ n: 1 })), { startImmediately: true })
        yield* parent.tell(new Do({ n: 2 }))
        yield* parent.tell(new Do({ n: 3 }))
        yield* settle
        yield* (yield* Scripted.ref("child")).tell(new Do({ n: -1 }))
        yield* settle
        assert.notInclude(log, "parent closed")
        gate.openUnsafe()
        assert.strictEqual(yield* Fiber.join(current), 1)
        yield* TestClock.adjust("1 second")
        yield* settle
        assert.deepStrictEqual(
          log.filter((line) => line.startsWith("parent")),
          ["parent built", "parent 1", "parent closed", "parent built", "parent 2", "parent 3"]
        )
      }).pipe(
        hosted(
          Parent.toLayer(
            family({
              log,
              child: Supervision.escalate,
              parent: later,
              handle: (n) => (n === 1 ? Effect.as(gate.await, n) : Effect.succeed(n))
            }),
            { supervision: later }
          )
        )
      )
    })
  )

  it.effect("leaves it to the parent to resume, which loses only the child", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.gen(function* () {
        const parent = yield* Parent.ref("p")
        yield* parent.ask(new Do({ n: 1 }))
        yield* settle
        const child = yield* Scripted.ref("child")
        yield* child.tell(new Do({ n: -1 }))
        yield* settle
        assert.strictEqual(yield* parent.ask(new Do({ n: 2 })), 2)
        assert.deepStrictEqual(log, ["parent built", "parent 1", "child built", "child closed", "parent 2"])
        assert.strictEqual((yield* Effect.flip(child.ask(new Do({ n: 3 })))).reason._tag, "Stopped")
      }).pipe(
        hosted(
          Parent.toLayer(family({ log, child: Supervision.escalate, parent: Supervision.resume }), {
            supervision: Supervision.resume
          })
        )
      )
    })
  )

  it.effect("goes up to a grandparent as far as each one escalates", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const causes: Array<unknown> = []
      yield* Effect.gen(function* () {
        yield* (yield* Grandparent.ref("g")).ask(new Do({ n: 1 }))
        yield* settle
        yield* (yield* Scripted.ref("child")).tell(new Do({ n: -1 }))
        yield* settle
        assert.isTrue(causes.length === 1 && causes[0] instanceof Broken)
        assert.deepStrictEqual(log.slice(-3), ["child closed", "parent closed", "grandparent closed"])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(log.slice(-2), ["parent built", "child built"])
      }).pipe(
        hosted(
          Grandparent.toLayer(
            Effect.gen(function* () {
              yield* Effect.addFinalizer(() => Effect.sync(() => log.push("grandparent closed")))
              yield* Parent.spawn(
                "p",
                family({ log, child: Supervision.escalate, parent: Supervision.escalate }),
                { supervision: Supervision.escalate }
              )
              return Grandparent.of({ Do: ({ n }) => Effect.succeed(n) })
            }),
            {
              supervision: Supervision.byCause((cause) => {
                causes.push(squashed(cause))
                return later
              })
            }
          )
        )
      )
    })
  )

  it.effect("without a parent just stops", () =>
    Effect.gen(function* () {
      const ref = yield* Scripted.spawn(
        "alone",
        following(() => Effect.die(new Broken())),
        {
          supervision: Supervision.escalate
        }
      )
      const watcher = yield* Effect.forkChild(Actor.awaitStop(ref), { startImmediately: true })
      const error = yield* Effect.flip(ref.ask(new Do({ n: 1 })))
      assert.isTrue(error.reason._tag === "Parked" && error.reason.defect instanceof Broken)
      const exit = yield* Fiber.join(watcher)
      assert.isTrue(Exit.isFailure(exit) && squashed(exit.cause) instanceof Broken)
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("is what happens with `otherwise`, once the schedule has ended or the limit is passed", () =>
    Effect.gen(function* () {
      for (const child of [
        Supervision.restart({ schedule: Schedule.recurs(1), otherwise: "escalate" }),
        Supervision.restart({
          schedule: Schedule.forever,
          limit: { restarts: 1, within: "1 minute" },
          otherwise: "escalate"
        })
      ]) {
        const log: Array<string> = []
        yield* Effect.gen(function* () {
          yield* (yield* Parent.ref("p")).ask(new Do({ n: 1 }))
          const ref = yield* Scripted.ref("child")
          yield* ref.tell(new Do({ n: -1 }))
          assert.strictEqual(yield* ref.ask(new Do({ n: 5 })), 5)
          assert.notInclude(log, "parent closed")
          const error = yield* Effect.flip(ref.ask(new Do({ n: -1 })))
          assert.strictEqual(error.reason._tag, "Parked")
          yield* settle
          assert.include(log, "parent closed")
        }).pipe(hosted(Parent.toLayer(family({ log, child, parent: later }), { supervision: later })))
      }
    })
  )

  it.effect("a parent hears the cause of the build that failed last", () =>
    Effect.gen(function* () {
      const causes: Array<unknown> = []
      let builds = 0
      const child = Supervision.byCause((cause) =>
        squashed(cause) instanceof Worse ? Supervision.escalate : later
      )
      yield* Effect.gen(function* () {
        yield* (yield* Parent.ref("p")).ask(new Do({ n: 1 }))
        yield* (yield* Scripted.ref("child")).tell(new Do({ n: 1 }))
        yield* TestClock.adjust("1 second")
        yield* settle
        assert.strictEqual(causes.length, 1)
        assert.instanceOf(causes[0], Worse)
      }).pipe(
        hosted(
          Parent.toLayer(
            Effect.gen(function* () {
              yield* Scripted.spawn(
                "child",
                Effect.suspend(() =>
                  builds++ === 0 ? following(() => Effect.die(new Broken())) : Effect.die(new Worse())
                ),
                { supervision: child }
              )
              return Parent.of({ Do: ({ n }) => Effect.succeed(n) })
            }),
            {
              supervision: Supervision.byCause((cause) => {
                causes.push(squashed(cause))
                return Supervision.resume
              })
            }
          )
        )
      )
    })
  )

  it.effect("of a child of an earlier life does not concern the next one", () =>
    Effect.gen(function* () {
      const gate = Latch.makeUnsafe()
      let builds = 0
      yield* Effect.gen(function* () {
        const parent = yield* Parent.ref("p")
        yield* parent.ask(new Do({ n: 1 }))
        const slow: ActorRef<Do> = yield* Scripted.ref("slow")
        yield* slow.tell(new Do({ n: 1 }))
        yield* settle
        // The parent crashes, and waits for the child, which then crashes too.
        yield* parent.tell(new Do({ n: -1 }))
        yield* settle
        gate.openUnsafe()
        yield* settle
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(builds, 2)
        assert.strictEqual(yield* parent.ask(new Do({ n: 2 })), 2)
      }).pipe(
        hosted(
          Parent.toLayer(
            Effect.gen(function* () {
              builds++
              yield* Scripted.spawn(
                "slow",
                following(() => Effect.andThen(gate.await, Effect.die(new Broken()))),
                { supervision: Supervision.escalate }
              )
              return Parent.of({ Do: ({ n }) => (n < 0 ? Effect.die("parent") : Effect.succeed(n)) })
            }),
            { supervision: later }
          )
        )
      )
    })
  )
})
