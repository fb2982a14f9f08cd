import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, Inspection, Message } from "@troupe/runtime"
import { count, patience } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { bytesAlive } from "../bench/cases/heap.ts"
import { counted } from "./letters.ts"
import { settle } from "./probe.ts"

class Ping extends Message.Class<Ping>()("Ping", { success: Schema.String }) {}
/** Spawns a child under the number, watches it and stops it. */
class Raise extends Message.Class<Raise>()("Raise", { payload: { n: Schema.Int } }) {}
class Ended extends Message.Class<Ended>()("Ended", {}) {}
const Short = Actor.make("test/Short", [Ping])
const Long = Actor.make("test/Long", [Raise, Ended])

const times = count({ quick: 50_000, long: 1_000_000 })
const options = { timeout: patience(60_000) }

/** Does a thing so often, and asserts that fewer bytes stay than the smallest object that could be left each time would take. */
const leavesNothing = <E, R>(once: (n: number) => Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    const many = (from: number, to: number) =>
      Effect.whileLoop({ while: () => from < to, body: () => once(from++), step: () => undefined })
    // What is made once is there after these.
    yield* many(0, 2000)
    yield* settle
    const before = bytesAlive()
    yield* many(2000, 2000 + times)
    yield* settle
    const grown = bytesAlive() - before
    assert.isBelow(grown, Math.max(1_000_000, times * 10), "bytes left")
  })

const build = Effect.gen(function* () {
  const { id } = yield* Short.context
  yield* Effect.addFinalizer(() => Effect.void)
  return Short.of({ Ping: () => Effect.sync(() => id) })
})

describe("nothing is left", () => {
  it.effect(
    "of actors that were spawned and stopped in a scope that stays open",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* leavesNothing((n) =>
          Effect.gen(function* () {
            const short = yield* Short.spawn(`s${n}`, build).pipe(Scope.provide(scope))
            assert.strictEqual(yield* short.ask(new Ping()), `s${n}`)
            yield* Actor.stop(short)
          })
        )
        const all = times + 2000
        assert.deepStrictEqual(yield* counted, {
          sent: all,
          handled: all,
          deadLettered: 0,
          queued: 0,
          actors: 0
        })
        assert.strictEqual(scope.state._tag, "Empty")
        assert.deepStrictEqual(yield* Inspection.tree, [])
      }).pipe(Effect.provide(ActorSystem.layer)),
    options
  )

  it.effect(
    "of virtual actors that were activated and stopped",
    () =>
      Effect.gen(function* () {
        yield* Layer.build(Short.toLayer(build))
        yield* leavesNothing((n) =>
          Effect.gen(function* () {
            const short = yield* Short.ref(`s${n}`)
            yield* short.tell(new Ping())
            yield* Actor.stop(short)
          })
        )
        const all = times + 2000
        assert.deepStrictEqual(yield* counted, {
          sent: all,
          handled: all,
          deadLettered: 0,
          queued: 0,
          actors: 0
        })
      }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer)),
    options
  )

  it.effect(
    "of children that a long-lived actor spawned, watched and stopped",
    () =>
      Effect.gen(function* () {
        let ended = 0
        const long = yield* Long.spawn(
          "long",
          Effect.map(ActorSystem, (system) =>
            Long.of({
              Raise: ({ n }) =>
                Effect.gen(function* () {
                  const child = yield* Short.spawnChild(`c${n}`, build)
                  yield* Actor.watch(child, () => new Ended())
                  yield* Effect.orDie(child.ask(new Ping()))
                  yield* Actor.stop(child)
                }).pipe(Effect.provideService(ActorSystem, system)),
              Ended: () => Effect.sync(() => void ended++)
            })
          )
        )
        yield* leavesNothing((n) => long.ask(new Raise({ n })))
        assert.strictEqual(ended, times + 2000)
        assert.strictEqual((yield* counted).actors, 1)
        assert.deepStrictEqual(
          (yield* Inspection.tree).map(({ children }) => children),
          [[]]
        )
      }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer)),
    options
  )

  it.effect(
    "of watchers that ended before the actor that they watched",
    () =>
      Effect.gen(function* () {
        const watched = yield* Short.spawn("watched", build)
        yield* leavesNothing((n) =>
          Effect.gen(function* () {
            const long = yield* Long.spawn(
              `w${n}`,
              Effect.as(
                Actor.watch(watched, () => new Ended()),
                Long.of({ Raise: () => Effect.void, Ended: () => Effect.void })
              )
            )
            yield* long.ask(new Raise({ n }))
            yield* Actor.stop(long)
            const waiting = yield* Effect.forkChild(Actor.awaitStop(watched), { startImmediately: true })
            yield* Fiber.interrupt(waiting)
          })
        )
        assert.strictEqual((yield* counted).actors, 1)
      }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer)),
    options
  )
})
