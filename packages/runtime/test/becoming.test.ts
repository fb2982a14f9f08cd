import { assert, describe, it } from "@effect/vitest"
import { ActorSystem, type LifeOf, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { settle } from "./probe.ts"
import { Do, Scripted } from "./script.ts"

const withScripted = (layer: Layer.Layer<never, never, ActorSystem>) =>
  Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer)))

const restarts = Supervision.restart({ schedule: Schedule.forever })

describe("become", () => {
  /** Answers plainly; 1 becomes doubled, 2 becomes the old one, 3 crashes. */
  const build = Effect.map(Scripted.context, (life) => {
    const handlers = (times: number): { Do: (message: Do) => Effect.Effect<number> } =>
      Scripted.of({
        Do: ({ n }: Do): Effect.Effect<number> => {
          if (n === 1) return Effect.as(life.become(handlers(times * 2)), n * times)
          if (n === 2) return Effect.as(life.unbecome, n * times)
          return n === 3 ? Effect.die("crash") : Effect.succeed(n * times)
        }
      })
    return handlers(1)
  })
  const ask = (n: number) => Effect.flatMap(Scripted.ref("a"), (ref) => ref.ask(new Do({ n })))

  it.effect(
    "begins with the next message, and unbecome goes back to what was built, however often it became",
    () =>
      Effect.gen(function* () {
        const answers: Array<number> = []
        for (const n of [10, 1, 10, 1, 10, 2, 10, 2, 10]) answers.push(yield* ask(n))
        assert.deepStrictEqual(answers, [10, 1, 20, 2, 40, 8, 10, 2, 10])
      }).pipe(withScripted(Scripted.toLayer(build)))
  )

  it.effect("holds for messages that wait already", () =>
    Effect.gen(function* () {
      const ref = yield* Scripted.ref("a")
      const asked = yield* Effect.forkChild(
        Effect.forEach([1, 10, 1, 10, 2, 10], (n) => ref.ask(new Do({ n })), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      assert.deepStrictEqual(yield* Fiber.join(asked), [1, 20, 2, 40, 8, 10])
    }).pipe(withScripted(Scripted.toLayer(build)))
  )

  it.effect("ends with the life: a restart begins as it was built", () =>
    Effect.gen(function* () {
      yield* ask(1)
      assert.strictEqual(yield* ask(10), 20)
      yield* Effect.flip(ask(3))
      assert.strictEqual(yield* ask(10), 10)
      // There is nothing to go back to.
      yield* ask(2)
      assert.strictEqual(yield* ask(10), 10)
    }).pipe(withScripted(Scripted.toLayer(build, { supervision: restarts })))
  )

  it.effect("in a build, holds from the first message on, in every life", () =>
    Effect.gen(function* () {
      for (const pause of [Effect.void, Effect.yieldNow]) {
        const other = (life: LifeOf<Do>) =>
          Scripted.of({
            Do: ({ n }: Do) =>
              n === 3 ? Effect.die("crash") : Effect.as(n === 2 ? life.unbecome : Effect.void, -n)
          })
        yield* Effect.gen(function* () {
          assert.strictEqual(yield* ask(10), -10)
          yield* ask(2)
          assert.strictEqual(yield* ask(10), 10)
          yield* Effect.flip(ask(3))
          assert.strictEqual(yield* ask(10), -10)
          yield* ask(2)
          assert.strictEqual(yield* ask(10), 10)
        }).pipe(
          withScripted(
            Scripted.toLayer(
              Effect.gen(function* () {
                const life = yield* Scripted.context
                yield* life.become(other(life))
                yield* pause
                return yield* build
              }),
              { supervision: restarts }
            )
          )
        )
      }
    })
  )

  it.effect("of a life that has ended does nothing", () =>
    Effect.gen(function* () {
      const lives: Array<LifeOf<Do>> = []
      yield* Effect.gen(function* () {
        yield* ask(1)
        yield* Effect.flip(ask(3))
        assert.strictEqual(yield* ask(10), 10)
        assert.strictEqual(lives.length, 2)
        yield* (lives[0] as LifeOf<Do>).become(Scripted.of({ Do: () => Effect.succeed(-1) }))
        assert.strictEqual(yield* ask(10), 10)
        yield* ask(1)
        yield* (lives[0] as LifeOf<Do>).unbecome
        assert.strictEqual(yield* ask(10), 20)
      }).pipe(
        withScripted(
          Scripted.toLayer(
            Effect.gen(function* () {
              lives.push(yield* Scripted.context)
              return yield* build
            }),
            { supervision: restarts }
          )
        )
      )
    })
  )
})

describe("stop in a build", () => {
  it.effect("comes before the first message", () =>
    Effect.gen(function* () {
      for (const pause of [Effect.void, Effect.yieldNow]) {
        const handled: Array<number> = []
        yield* Effect.gen(function* () {
          const ref = yield* Scripted.ref("a")
          const error = yield* Effect.flip(ref.ask(new Do({ n: 1 })))
          assert.strictEqual(error.reason._tag, "Stopped")
          yield* settle
          assert.deepStrictEqual(handled, [])
        }).pipe(
          withScripted(
            Scripted.toLayer(
              Effect.gen(function* () {
                const life = yield* Scripted.context
                yield* life.stop
                yield* pause
                return Scripted.of({ Do: ({ n }) => Effect.sync(() => handled.push(n)) })
              })
            )
          )
        )
      }
    })
  )
})
