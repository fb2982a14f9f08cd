import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { settle } from "./probe.ts"
import { agree, Do, Scripted } from "./script.ts"

const Parent = Actor.make("test/Parent", [Do])

/** What 0 does: crash. 1: wait for the gate. All others: be handled. */
const family = (options: {
  readonly log: Array<string>
  readonly strategy: Supervision.Strategy
  readonly names?: ReadonlyArray<string>
  readonly supervision?: Supervision.Supervision
  readonly gate?: Latch.Latch
}) =>
  Parent.toLayer(
    Effect.gen(function* () {
      const { gate, log } = options
      for (const name of options.names ?? ["a", "b", "c"]) {
        yield* Scripted.spawn(
          name,
          Effect.gen(function* () {
            log.push(`${name} built`)
            yield* Effect.addFinalizer(() => Effect.sync(() => log.push(`${name} closed`)))
            let handled = 0
            return Scripted.of({
              Do: ({ n }) => {
                if (n === 0) return Effect.die("crash")
                const note = Effect.sync(() => {
                  log.push(`${name} ${n}`)
                  return ++handled
                })
                return n === 1 && gate !== undefined ? Effect.andThen(gate.await, note) : note
              }
            })
          }),
          {
            supervision: options.supervision ?? Supervision.restart({ schedule: Schedule.spaced("1 second") })
          }
        )
      }
      return Parent.of({ Do: ({ n }) => Effect.succeed(n) })
    }),
    { children: options.strategy }
  )

const withFamily = (options: Parameters<typeof family>[0]) =>
  Effect.provide(family(options).pipe(Layer.provideMerge(ActorSystem.layer)))

const born = Effect.gen(function* () {
  yield* (yield* Parent.ref("p")).ask(new Do({ n: 5 }))
  yield* settle
})

describe("a crash concerns", () => {
  const renewed = (strategy: Supervision.Strategy, crashes: string) =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.gen(function* () {
        yield* born
        log.length = 0
        yield* (yield* Scripted.ref(crashes)).tell(new Do({ n: 0 }))
        yield* TestClock.adjust("1 second")
        yield* settle
        const lives = [...log].sort()
        // Nobody lost its mailbox or its place.
        for (const name of ["a", "b", "c"]) {
          assert.strictEqual(yield* (yield* Scripted.ref(name)).ask(new Do({ n: 7 })), 1)
        }
        assert.deepStrictEqual(lives, log.slice(0, -3).sort())
        log.splice(0, log.length, ...lives)
      }).pipe(withFamily({ log, strategy }))
      return log.slice(0, -3)
    })

  it.effect("only the child itself: one-for-one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* renewed("one-for-one", "b"), ["b built", "b closed"])
    })
  )

  it.effect("all children: one-for-all", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* renewed("one-for-all", "b"), [
        "a built",
        "a closed",
        "b built",
        "b closed",
        "c built",
        "c closed"
      ])
    })
  )

  it.effect("the child and those that were spawned after it: rest-for-one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* renewed("rest-for-one", "b"), [
        "b built",
        "b closed",
        "c built",
        "c closed"
      ])
      assert.deepStrictEqual(yield* renewed("rest-for-one", "c"), ["c built", "c closed"])
    })
  )
})

describe("a concerned sibling", () => {
  it.effect("that works finishes its message first, and keeps its mailbox in order", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const gate = Latch.makeUnsafe()
      yield* Effect.gen(function* () {
        yield* born
        const a = yield* Scripted.ref("a")
        const b = yield* Scripted.ref("b")
        const working = yield* Effect.forkChild(b.ask(new Do({ n: 1 })), { startImmediately: true })
        yield* b.tell(new Do({ n: 2 }))
        const waiting = yield* Effect.forkChild(b.ask(new Do({ n: 3 })), { startImmediately: true })
        yield* settle
        log.length = 0
        yield* a.tell(new Do({ n: 0 }))
        yield* a.tell(new Do({ n: 4 }))
        yield* TestClock.adjust("1 second")
        yield* settle
        assert.deepStrictEqual(log, ["a closed", "c closed", "c built", "a built", "a 4"])
        yield* agree(3)
        gate.openUnsafe()
        yield* settle
        assert.deepStrictEqual(log.slice(5), ["b 1", "b closed", "b built", "b 2", "b 3"])
        assert.strictEqual(yield* Fiber.join(working), 1)
        assert.strictEqual(yield* Fiber.join(waiting), 2)
        yield* agree(0)
      }).pipe(withFamily({ log, strategy: "one-for-all", gate }))
    })
  )

  it.effect("whose own restart is under way is not renewed a second time", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.gen(function* () {
        yield* born
        log.length = 0
        yield* (yield* Scripted.ref("b")).tell(new Do({ n: 0 }))
        yield* TestClock.adjust("500 millis")
        yield* (yield* Scripted.ref("a")).tell(new Do({ n: 0 }))
        yield* TestClock.adjust("5 seconds")
        yield* settle
        assert.deepStrictEqual(log, ["b closed", "a closed", "a built", "a closed", "b built", "a built"])
      }).pipe(withFamily({ log, strategy: "one-for-all", names: ["a", "b"] }))
    })
  )

  it.effect("stops when the one that crashed gives up", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const ids = Effect.map(
        Effect.flatMap(ActorSystem, (system) => system.tree),
        (roots) => (roots[0]?.children ?? []).map((child) => child.id)
      )
      const supervision = Supervision.restart({ schedule: Schedule.recurs(0) })
      for (const [strategy, left] of [
        ["one-for-one", ["a", "c"]],
        ["one-for-all", []],
        ["rest-for-one", ["a"]]
      ] as const) {
        yield* Effect.gen(function* () {
          yield* born
          const b = yield* Scripted.ref("b")
          yield* b.tell(new Do({ n: 0 }))
          yield* settle
          assert.deepStrictEqual(yield* ids, [...left])
        }).pipe(withFamily({ log, strategy, supervision }))
      }
    })
  )
})

describe("a restart", () => {
  it.effect(
    "runs the finalizers of the life that is over even when a stop comes before its children have ended",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const gate = Latch.makeUnsafe()
        const scope = yield* Scope.make()
        yield* Layer.build(
          Parent.toLayer(
            Effect.gen(function* () {
              yield* Effect.addFinalizer(() => Effect.sync(() => log.push("parent closed")))
              yield* Scripted.spawn(
                "child",
                Effect.gen(function* () {
                  yield* Effect.addFinalizer(() =>
                    Effect.andThen(
                      gate.await,
                      Effect.sync(() => log.push("child closed"))
                    )
                  )
                  return Scripted.of({ Do: ({ n }) => Effect.succeed(n) })
                })
              )
              return Parent.of({ Do: ({ n }) => (n === 0 ? Effect.die("crash") : Effect.succeed(n)) })
            }),
            { drain: 0 }
          )
        ).pipe(Scope.provide(scope))
        const parent = yield* Parent.ref("p")
        yield* parent.ask(new Do({ n: 1 }))
        yield* settle
        yield* parent.tell(new Do({ n: 0 }))
        yield* settle
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
        yield* settle
        assert.deepStrictEqual(log, [])
        gate.openUnsafe()
        yield* Fiber.join(closing)
        assert.deepStrictEqual(log, ["child closed", "parent closed"])
      }).pipe(Effect.provide(ActorSystem.layer))
  )
})

describe("the end of a host", () => {
  it.effect("waits for the finalizers of an actor that ends already, and closes no life twice", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const gate = Latch.makeUnsafe()
      const scope = yield* Scope.make()
      yield* Layer.build(
        Scripted.toLayer(
          Effect.gen(function* () {
            yield* Effect.addFinalizer(() =>
              Effect.andThen(
                gate.await,
                Effect.sync(() => log.push("closed"))
              )
            )
            return Scripted.of({ Do: () => Effect.never })
          }),
          { drain: 0 }
        )
      ).pipe(Scope.provide(scope))
      const ref = yield* Scripted.ref("a")
      yield* ref.tell(new Do({ n: 1 }))
      yield* settle
      const stopping = yield* Effect.forkChild(Actor.stop(ref), { startImmediately: true })
      yield* settle
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* settle
      assert.isUndefined(closing.pollUnsafe())
      gate.openUnsafe()
      yield* Fiber.join(closing)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(log, ["closed"])
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("that drains an actor which crashes meanwhile builds no life that nobody ends", () =>
    Effect.gen(function* () {
      let open = 0
      const gate = Latch.makeUnsafe()
      const scope = yield* Scope.make()
      yield* Layer.build(
        Scripted.toLayer(
          Effect.gen(function* () {
            open++
            yield* Effect.addFinalizer(() => Effect.sync(() => open--))
            return Scripted.of({ Do: () => Effect.andThen(gate.await, Effect.die("crash")) })
          }),
          { supervision: Supervision.restart({ schedule: Schedule.forever }) }
        )
      ).pipe(Scope.provide(scope))
      yield* (yield* Scripted.ref("a")).tell(new Do({ n: 1 }))
      yield* settle
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      gate.openUnsafe()
      yield* Fiber.join(closing)
      yield* settle
      assert.strictEqual(open, 0)
      assert.strictEqual((yield* agree(0)).actors, 0)
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("by whoever it has just answered waits for what the actor does on that stack", () =>
    Effect.gen(function* () {
      for (const concurrency of [1, 2]) {
        for (const crashes of [false, true]) {
          let open = 0
          const gate = Latch.makeUnsafe()
          const scope = yield* Scope.make()
          const answer = crashes ? Effect.die("crash") : Effect.succeed(1)
          yield* Layer.build(
            Scripted.toLayer(
              Effect.gen(function* () {
                open++
                yield* Effect.addFinalizer(() => Effect.sync(() => open--))
                return Scripted.of({ Do: () => Effect.andThen(gate.await, answer) })
              }),
              { concurrency, drain: 0, supervision: Supervision.restart({ schedule: Schedule.forever }) }
            )
          ).pipe(Scope.provide(scope))
          const ref = yield* Scripted.ref("a")
          const asker = yield* Effect.forkChild(
            Effect.ensuring(Effect.exit(ref.ask(new Do({ n: 1 }))), Scope.close(scope, Exit.void)),
            { startImmediately: true }
          )
          const next = yield* Effect.forkChild(Effect.exit(ref.ask(new Do({ n: 2 }))), {
            startImmediately: true
          })
          yield* settle
          gate.openUnsafe()
          yield* Fiber.join(asker)
          yield* Fiber.join(next)
          yield* settle
          assert.strictEqual(open, 0, `${concurrency} ${crashes}`)
          assert.strictEqual((yield* agree(0)).actors, 0)
        }
      }
    }).pipe(Effect.provide(ActorSystem.layer))
  )
})
