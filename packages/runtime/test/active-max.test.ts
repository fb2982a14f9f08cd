import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { settle } from "./probe.ts"
import { agree, Do, Scripted } from "./script.ts"

/** Actors that answer at once; 1 waits for `gate`, and the finalizers of those in `slow` wait for `finalizing`. */
const crowd = (activeMax: number) => {
  const log: Array<string> = []
  const gate = Latch.makeUnsafe()
  const finalizing = Latch.makeUnsafe()
  const slow = new Set<string>()
  const layer = Scripted.toLayer(
    Effect.gen(function* () {
      const { id } = yield* Scripted.context
      log.push(`${id} built`)
      yield* Effect.addFinalizer(() =>
        Effect.andThen(
          slow.has(id) ? finalizing.await : Effect.void,
          Effect.sync(() => log.push(`${id} closed`))
        )
      )
      return Scripted.of({
        Do: ({ n }) => {
          log.push(`${id} ${n}`)
          return n === 1 ? Effect.as(gate.await, n) : Effect.succeed(n)
        }
      })
    }),
    { activeMax, drain: 0 }
  )
  const ask = (id: string, n = 0) => Effect.flatMap(Scripted.ref(id), (ref) => ref.ask(new Do({ n })))
  const tell = (id: string, n = 0) => Effect.flatMap(Scripted.ref(id), (ref) => ref.tell(new Do({ n })))
  /** Who is in memory. */
  const active = Effect.map(
    Effect.flatMap(ActorSystem, (system) => system.tree),
    (nodes) => nodes.map(({ id, state }) => (state === "stopping" ? `${id} leaves` : id)).sort()
  )
  const run = <A, E>(test: Effect.Effect<A, E, ActorSystem>) =>
    Effect.provide(test, layer.pipe(Layer.provideMerge(ActorSystem.layer)))
  return { log, gate, finalizing, slow, ask, tell, active, run }
}

describe("activeMax", () => {
  it.effect("lets the least recently used idle actor leave for a new one", () => {
    const { active, ask, log, run } = crowd(3)
    return run(
      Effect.gen(function* () {
        for (const id of ["a", "b", "c", "a"]) yield* ask(id)
        assert.deepStrictEqual(yield* active, ["a", "b", "c"])
        yield* ask("d")
        assert.deepStrictEqual(yield* active, ["a", "c", "d"])
        yield* ask("e")
        assert.deepStrictEqual(yield* active, ["a", "d", "e"])
        yield* ask("b")
        assert.deepStrictEqual(yield* active, ["b", "d", "e"])
        assert.deepStrictEqual(
          log.filter((line) => line.endsWith("closed")),
          ["b closed", "c closed", "a closed"]
        )
        yield* agree(0)
      })
    )
  })

  it.effect("lets those at work stay, however many, and comes back to the bound as they rest", () => {
    const { active, ask, gate, run, tell } = crowd(2)
    return run(
      Effect.gen(function* () {
        for (const id of ["a", "b", "c", "d"]) yield* tell(id, 1)
        yield* settle
        assert.deepStrictEqual(yield* active, ["a", "b", "c", "d"])
        // There is no room for one that is idle.
        yield* ask("e")
        assert.deepStrictEqual(yield* active, ["a", "b", "c", "d"])
        yield* agree(4)
        gate.openUnsafe()
        yield* settle
        assert.deepStrictEqual(yield* active, ["c", "d"])
        yield* agree(0)
      })
    )
  })

  it.effect("does not make more leave than needed while slow finalizers run", () => {
    const { active, ask, finalizing, run, slow } = crowd(2)
    return run(
      Effect.gen(function* () {
        slow.add("a")
        for (const id of ["a", "b", "c"]) yield* ask(id)
        assert.deepStrictEqual(yield* active, ["a leaves", "b", "c"])
        yield* ask("b")
        yield* settle
        assert.deepStrictEqual(yield* active, ["a leaves", "b", "c"])
        finalizing.openUnsafe()
        yield* settle
        assert.deepStrictEqual(yield* active, ["b", "c"])
      })
    )
  })

  it.effect("counts one that is being stopped as leaving", () => {
    const { active, ask, finalizing, run, slow, tell } = crowd(2)
    return run(
      Effect.gen(function* () {
        slow.add("a")
        yield* ask("b")
        yield* tell("a", 1)
        yield* settle
        yield* Effect.forkChild(Effect.flatMap(Scripted.ref("a"), Actor.stop), { startImmediately: true })
        yield* settle
        assert.deepStrictEqual(yield* active, ["a leaves", "b"])
        yield* ask("c")
        assert.deepStrictEqual(yield* active, ["a leaves", "b", "c"])
        finalizing.openUnsafe()
        yield* settle
        assert.deepStrictEqual(yield* active, ["b", "c"])
        yield* agree(0)
      })
    )
  })

  it.effect(
    "keeps a message to one that leaves for its next life, and then lets another leave for it",
    () => {
      const { active, ask, finalizing, gate, log, run, slow, tell } = crowd(2)
      return run(
        Effect.gen(function* () {
          slow.add("a")
          for (const id of ["a", "b", "c"]) yield* ask(id)
          yield* tell("a", 1)
          const asked = yield* Effect.forkChild(ask("a", 2), { startImmediately: true })
          yield* settle
          assert.deepStrictEqual(yield* active, ["a leaves", "b", "c"])
          yield* agree(2)
          log.length = 0
          finalizing.openUnsafe()
          yield* settle
          assert.deepStrictEqual(log.slice(0, 2), ["a closed", "b closed"])
          assert.deepStrictEqual(log.slice(2), ["a built", "a 1"])
          assert.deepStrictEqual(yield* active, ["a", "c"])
          gate.openUnsafe()
          assert.strictEqual(yield* Fiber.join(asked), 2)
          yield* agree(0)
        })
      )
    }
  )

  it.effect("lets an idle actor that is being stopped leave once", () => {
    const { active, ask, finalizing, log, run, slow } = crowd(2)
    return run(
      Effect.gen(function* () {
        slow.add("a")
        for (const id of ["a", "b"]) yield* ask(id)
        yield* Effect.forkChild(Effect.flatMap(Scripted.ref("a"), Actor.stop), { startImmediately: true })
        yield* settle
        for (const id of ["c", "d"]) yield* ask(id)
        assert.deepStrictEqual(yield* active, ["a leaves", "c", "d"])
        finalizing.openUnsafe()
        yield* settle
        assert.deepStrictEqual(
          log.filter((line) => line.endsWith("closed")),
          ["b closed", "a closed"]
        )
        // One without finalizers to wait for is forgotten at once.
        yield* Effect.flatMap(Scripted.ref("c"), Actor.stop)
        yield* ask("c", 3)
        yield* ask("e")
        assert.deepStrictEqual(yield* active, ["c", "e"])
        yield* agree(0)
      })
    )
  })

  it.effect("10 000 actors under a bound of 100 leave nothing behind", () => {
    const { active, ask, log, run } = crowd(100)
    return run(
      Effect.gen(function* () {
        for (let n = 0; n < 10_000; n++) yield* ask(`${n}`)
        assert.strictEqual((yield* active).length, 100)
        assert.strictEqual(log.filter((line) => line.endsWith("closed")).length, 9_900)
        yield* agree(0)
      })
    )
  })
})
