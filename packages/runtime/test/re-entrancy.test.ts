import { assert, describe, it } from "@effect/vitest"
import { Actor, type ActorRef, ActorSystem, type AskError, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { inspected, settle } from "./probe.ts"
import { agree, Do, following, type Script, Scripted } from "./script.ts"

type Options = NonNullable<Parameters<typeof Scripted.toLayer>[1]>

/** What the handlers of one test did, and the gates that they wait at. */
const makeDesk = () => {
  const begun: Array<number> = []
  const ended: Array<number> = []
  const interrupted: Array<number> = []
  const lives: Array<string> = []
  const gates = new Map<number, Latch.Latch>()
  const gate = (n: number) => {
    const gate = gates.get(n) ?? Latch.makeUnsafe()
    gates.set(n, gate)
    return gate
  }
  /** Numbers from 1 on wait at their gate; 0 is answered at once, -1 crashes at once; -n crashes after gate n. */
  const script: Script = (n) => {
    begun.push(n)
    if (n === 0) return Effect.succeed(n)
    if (n === -1) return Effect.die("crash")
    return gate(Math.abs(n)).await.pipe(
      Effect.andThen(n < 0 ? Effect.die("later") : Effect.succeed(n)),
      Effect.onExit((exit) => Effect.sync(() => (Exit.hasInterrupts(exit) ? interrupted : ended).push(n)))
    )
  }
  const layer = (options: Options, what: Script = script) =>
    Scripted.toLayer(
      Effect.gen(function* () {
        lives.push("built")
        yield* Effect.addFinalizer(() => Effect.sync(() => lives.push("closed")))
        return yield* following(what)
      }),
      options
    )
  const open = (...numbers: ReadonlyArray<number>) =>
    Effect.andThen(
      Effect.sync(() => {
        for (const n of numbers) gate(n).openUnsafe()
      }),
      settle
    )
  return { begun, ended, interrupted, lives, gate, script, layer, open }
}

const inSystem = (layer: Layer.Layer<never, never, ActorSystem>) =>
  Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer)))

const asking = (ref: ActorRef<Do>, n: number) =>
  Effect.forkChild(ref.ask(new Do({ n })), { startImmediately: true })

/** Why an ask failed. */
const reason = (fiber: Fiber.Fiber<number, AskError>) =>
  Effect.map(Effect.flip(Fiber.join(fiber)), (error) => error.reason._tag)

const atOnce = Supervision.restart({ schedule: Schedule.forever })

describe("handlers of a re-entrant actor", () => {
  it.effect("begin in order, at most so many at once, and answer as they end", () => {
    const desk = makeDesk()
    return Effect.gen(function* () {
      const ref = yield* Scripted.ref("a")
      const asked: Array<Fiber.Fiber<number, AskError>> = []
      for (const n of [1, 2, 3, 4, 0, 5]) asked.push(yield* asking(ref, n))
      yield* settle
      assert.deepStrictEqual(desk.begun, [1, 2, 3])
      yield* agree(6)
      yield* desk.open(2)
      assert.strictEqual(yield* Fiber.join(asked[1] as Fiber.Fiber<number, AskError>), 2)
      assert.deepStrictEqual(desk.begun, [1, 2, 3, 4])
      yield* agree(5)
      // 0 and 5 come next: one of them needs no room.
      yield* desk.open(1)
      assert.deepStrictEqual(desk.begun, [1, 2, 3, 4, 0, 5])
      yield* agree(3)
      yield* desk.open(5, 4, 3)
      assert.deepStrictEqual(yield* Effect.forEach(asked, Fiber.join), [1, 2, 3, 4, 0, 5])
      assert.deepStrictEqual(desk.ended, [2, 1, 5, 4, 3])
      assert.strictEqual((yield* agree(0)).handled, 6)
    }).pipe(inSystem(desk.layer({ concurrency: 3 })))
  })

  it.effect(
    "are interrupted by a crash of one of them; their askers hear it, the mailbox is kept, nothing is tried again",
    () => {
      return Effect.forEach(
        [1, 3],
        (parkAfter) => {
          const desk = makeDesk()
          return Effect.gen(function* () {
            const events = yield* inspected
            const ref = yield* Scripted.ref("a")
            const first = yield* asking(ref, 1)
            const crash = yield* asking(ref, -2)
            const queued = yield* asking(ref, 0)
            const last = yield* asking(ref, 3)
            assert.deepStrictEqual(desk.begun, [1, -2])
            yield* desk.open(2)
            assert.strictEqual(yield* reason(crash), "Parked")
            assert.strictEqual(yield* reason(first), "Stopped")
            assert.strictEqual(yield* Fiber.join(queued), 0)
            yield* desk.open(3)
            assert.strictEqual(yield* Fiber.join(last), 3)
            assert.deepStrictEqual(desk.begun, [1, -2, 0, 3])
            assert.deepStrictEqual(desk.interrupted, [1])
            assert.deepStrictEqual(desk.lives, ["built", "closed", "built"])
            const letters = events.flatMap((event) => (event._tag === "DeadLettered" ? [event.letter] : []))
            assert.deepStrictEqual(
              letters.map(({ message, reason }) => [(message as Do).n, reason]),
              [
                [-2, "parked"],
                [1, "stopped"]
              ]
            )
            yield* agree(0)
          }).pipe(
            inSystem(
              desk.layer({
                concurrency: 2,
                supervision: Supervision.restart({ schedule: Schedule.forever, parkAfter })
              })
            )
          )
        },
        { discard: true }
      )
    }
  )

  it.effect("that crash at once are not tried again either, and interrupt the others", () => {
    const desk = makeDesk()
    return Effect.gen(function* () {
      const ref = yield* Scripted.ref("a")
      const first = yield* asking(ref, 1)
      const crash = yield* asking(ref, -1)
      yield* settle
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* reason(crash), "Parked")
      assert.strictEqual(yield* reason(first), "Stopped")
      assert.deepStrictEqual(desk.begun, [1, -1])
      assert.strictEqual(yield* ref.ask(new Do({ n: 0 })), 0)
      yield* agree(0)
    }).pipe(
      inSystem(
        desk.layer({
          concurrency: 2,
          supervision: Supervision.restart({ schedule: Schedule.spaced("1 second"), parkAfter: 3 })
        })
      )
    )
  })

  it.effect("count as queued until their interruption has ended", () => {
    const gate = Latch.makeUnsafe()
    const crash = Latch.makeUnsafe()
    return Effect.gen(function* () {
      const ref = yield* Scripted.ref("a")
      const stubborn = yield* asking(ref, 1)
      const slow = yield* asking(ref, 2)
      yield* ref.tell(new Do({ n: 3 }))
      yield* ref.tell(new Do({ n: 4 }))
      yield* settle
      yield* agree(4)
      crash.openUnsafe()
      yield* settle
      // 3 is parked; 1 and 2 have not ended, 4 waits for the next life.
      yield* agree(3)
      gate.openUnsafe()
      yield* settle
      assert.strictEqual(yield* reason(stubborn), "Stopped")
      assert.strictEqual(yield* reason(slow), "Stopped")
      const counters = yield* agree(0)
      assert.deepStrictEqual([counters.handled, counters.deadLettered], [1, 3])
    }).pipe(
      inSystem(
        makeDesk().layer({ concurrency: 3, supervision: atOnce }, (n) => {
          if (n === 1) return Effect.uninterruptible(Effect.as(gate.await, n))
          if (n === 2) return Effect.onInterrupt(Effect.never, () => gate.await)
          return n === 3 ? Effect.andThen(crash.await, Effect.die("crash")) : Effect.succeed(n)
        })
      )
    )
  })

  it.effect("that crash while a message has just come do not lose the actor its turn", () => {
    const desk = makeDesk()
    return Effect.gen(function* () {
      const ref = yield* Scripted.ref("a")
      yield* ref.tell(new Do({ n: -2 }))
      yield* settle
      for (let round = 0; round < 3; round++) {
        desk.gate(2).openUnsafe()
        yield* ref.tell(new Do({ n: 0 }))
        yield* settle
        desk.gate(2).closeUnsafe()
        yield* ref.tell(new Do({ n: -2 }))
        yield* settle
      }
      assert.deepStrictEqual(desk.begun, [-2, 0, -2, 0, -2, 0, -2])
      yield* agree(1)
    }).pipe(inSystem(desk.layer({ concurrency: 2, supervision: atOnce, drain: 0 })))
  })

  it.effect("resume leaves the others at work", () => {
    const desk = makeDesk()
    return Effect.gen(function* () {
      const ref = yield* Scripted.ref("a")
      const first = yield* asking(ref, 1)
      const crash = yield* asking(ref, -2)
      yield* desk.open(2)
      assert.strictEqual(yield* reason(crash), "Parked")
      yield* desk.open(1)
      assert.strictEqual(yield* Fiber.join(first), 1)
      assert.deepStrictEqual(desk.lives, ["built"])
      yield* agree(0)
    }).pipe(inSystem(desk.layer({ concurrency: 2, supervision: Supervision.resume })))
  })

  it.effect("a supervision that gives up interrupts them, and buries them with what is queued", () => {
    const desk = makeDesk()
    return Effect.gen(function* () {
      const ref = yield* Scripted.ref("a")
      const asked: Array<Fiber.Fiber<number, AskError>> = []
      for (const n of [1, -2, 3]) asked.push(yield* asking(ref, n))
      yield* desk.open(2)
      assert.deepStrictEqual(yield* Effect.forEach(asked, reason), ["Stopped", "Parked", "Stopped"])
      assert.deepStrictEqual(desk.lives, ["built", "closed"])
      assert.strictEqual((yield* agree(0)).actors, 0)
    }).pipe(inSystem(desk.layer({ concurrency: 2, supervision: Supervision.stop })))
  })

  it.effect("are waited for by context.stop, which lets nothing begin any more", () => {
    const desk = makeDesk()
    return Effect.gen(function* () {
      const ref = yield* Scripted.ref("a")
      const first = yield* asking(ref, 1)
      const second = yield* asking(ref, 2)
      yield* ref.tell(new Do({ n: 9 }))
      const queued = yield* asking(ref, 0)
      yield* settle
      assert.deepStrictEqual(desk.begun, [1, 2])
      assert.deepStrictEqual(desk.lives, ["built"])
      yield* agree(3)
      yield* desk.open(2)
      assert.strictEqual(yield* Fiber.join(second), 2)
      assert.deepStrictEqual(desk.lives, ["built"])
      yield* desk.open(1)
      assert.strictEqual(yield* Fiber.join(first), 1)
      assert.strictEqual(yield* reason(queued), "Stopped")
      assert.deepStrictEqual(desk.begun, [1, 2])
      assert.deepStrictEqual(desk.lives, ["built", "closed"])
      yield* agree(0)
    }).pipe(
      inSystem(
        desk.layer({ concurrency: 3 }, (n, life) =>
          n === 9 ? Effect.as(life.stop, n) : desk.script(n, life)
        )
      )
    )
  })

  it.effect("are waited for when the actor is stopped; what comes meanwhile is for its next life", () => {
    const desk = makeDesk()
    return Effect.gen(function* () {
      const ref = yield* Scripted.ref("a")
      // One alone, or as many as may run.
      for (const numbers of [[1], [1, 2]]) {
        const asked: Array<Fiber.Fiber<number, AskError>> = []
        for (const n of numbers) asked.push(yield* asking(ref, n))
        yield* settle
        const stopping = yield* Effect.forkChild(Actor.stop(ref), { startImmediately: true })
        const next = yield* asking(ref, 0)
        yield* settle
        assert.isUndefined(next.pollUnsafe())
        assert.isUndefined(stopping.pollUnsafe())
        assert.notInclude(desk.lives, "closed")
        yield* desk.open(...numbers)
        assert.deepStrictEqual(yield* Effect.forEach(asked, Fiber.join), numbers)
        yield* Fiber.join(stopping)
        assert.strictEqual(yield* Fiber.join(next), 0)
        assert.deepStrictEqual(desk.lives, ["built", "closed", "built"])
        yield* agree(0)
        for (const n of numbers) desk.gate(n).closeUnsafe()
        desk.lives.length = 1
      }
    }).pipe(inSystem(desk.layer({ concurrency: 2 })))
  })

  it.effect("are waited for, up to drain, when their layer closes", () =>
    Effect.gen(function* () {
      for (const [told, opened] of [
        [[1], [1]],
        [
          [1, 2],
          [2, 1]
        ],
        [
          [1, 2, 3],
          [2, 1, 3]
        ]
      ] as const) {
        const desk = makeDesk()
        const scope = yield* Scope.make()
        yield* Layer.build(Layer.fresh(desk.layer({ concurrency: 2, drain: "5 seconds" }))).pipe(
          Scope.provide(scope)
        )
        const ref = yield* Scripted.ref("a")
        const asked: Array<Fiber.Fiber<number, AskError>> = []
        for (const n of told) asked.push(yield* asking(ref, n))
        yield* settle
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
        yield* TestClock.adjust("4 seconds")
        for (const n of opened) {
          assert.isUndefined(closing.pollUnsafe())
          yield* desk.open(n)
        }
        yield* Fiber.join(closing)
        assert.deepStrictEqual(yield* Effect.forEach(asked, Fiber.join), [...told])
        assert.deepStrictEqual(desk.interrupted, [])
        yield* agree(0)
      }
      const desk = makeDesk()
      const scope = yield* Scope.make()
      yield* Layer.build(Layer.fresh(desk.layer({ concurrency: 2, drain: "5 seconds" }))).pipe(
        Scope.provide(scope)
      )
      const ref = yield* Scripted.ref("a")
      // A message that has just come: its handler begins when the layer closes already.
      yield* ref.tell(new Do({ n: 1 }))
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(desk.begun, [1])
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(desk.interrupted, [1])
      yield* agree(0)
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("keep the actor in memory, however long", () => {
    const desk = makeDesk()
    return Effect.gen(function* () {
      const ref = yield* Scripted.ref("a")
      const first = yield* asking(ref, 1)
      yield* ref.ask(new Do({ n: 0 }))
      yield* TestClock.adjust("1 hour")
      yield* ref.ask(new Do({ n: 0 }))
      yield* (yield* Scripted.ref("b")).ask(new Do({ n: 0 }))
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(desk.interrupted, [])
      yield* desk.open(1)
      assert.strictEqual(yield* Fiber.join(first), 1)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual((yield* agree(0)).actors, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* agree(0)).actors, 0)
    }).pipe(inSystem(desk.layer({ concurrency: 2, passivateAfter: "1 minute", activeMax: 1 })))
  })

  it.effect("may put their messages aside: they come again in order", () => {
    let isOpen = false
    const handled: Array<number> = []
    return Effect.gen(function* () {
      const ref = yield* Scripted.ref("a")
      const asked: Array<Fiber.Fiber<number, AskError>> = []
      for (const n of [1, 2, 3]) asked.push(yield* asking(ref, n))
      yield* settle
      yield* agree(3)
      yield* ref.tell(new Do({ n: 0 }))
      yield* ref.tell(new Do({ n: 4 }))
      yield* settle
      assert.deepStrictEqual(yield* Effect.forEach(asked, Fiber.join), [1, 2, 3])
      assert.deepStrictEqual(handled, [0, 1, 2, 3, 4])
      yield* agree(0)
    }).pipe(
      inSystem(
        makeDesk().layer({ concurrency: 2 }, (n, life) =>
          Effect.gen(function* () {
            if (n > 0 && !isOpen) {
              yield* Effect.yieldNow
              return yield* life.stash
            }
            isOpen = true
            handled.push(n)
            if (n === 0) yield* life.unstashAll
            return n
          })
        )
      )
    )
  })

  it.effect("let an actor be asked back by whom it asks; one at a time waits for itself", () =>
    Effect.gen(function* () {
      const Other = Actor.make("test/Other", [Do])
      for (const concurrency of [1, 2]) {
        yield* Effect.gen(function* () {
          const ref = yield* Scripted.ref("a")
          const asked = yield* Effect.forkChild(
            Effect.exit(ref.ask(new Do({ n: 1 }), { timeout: "10 seconds" }))
          )
          yield* TestClock.adjust("10 seconds")
          const exit = yield* Fiber.join(asked)
          if (concurrency === 2) assert.deepStrictEqual(exit, Exit.succeed(42))
          else assert.include(String(exit), "Timeout")
        }).pipe(
          inSystem(
            Layer.merge(
              makeDesk().layer({ concurrency, drain: 0 }, (n) =>
                n === 2
                  ? Effect.succeed(42)
                  : (Effect.orDie(
                      Effect.flatMap(Other.ref("b"), (other) => other.ask(new Do({ n: 2 })))
                    ) as never)
              ),
              Other.toLayer(
                {
                  Do: ({ n }) =>
                    Effect.orDie(Effect.flatMap(Scripted.ref("a"), (ref) => ref.ask(new Do({ n })))) as never
                },
                { drain: 0 }
              )
            ) as never
          )
        )
      }
    })
  )
})
