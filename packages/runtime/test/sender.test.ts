import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, type AnyRef, Message } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { settle } from "./probe.ts"

/** Notes who sent it, and answers with that. */
class Greet extends Message.Class<Greet>()("Greet", {
  payload: { wait: Schema.optionalKey(Schema.Boolean) },
  success: Schema.String
}) {}
class Pong extends Message.Class<Pong>()("Pong", {}) {}
const Greeter = Actor.make("test/Greeter", [Greet])
/** Greets, in one way or another. */
class Go extends Message.Class<Go>()("Go", {
  payload: {
    to: Schema.String,
    how: Schema.Literals(["tell", "ask", "fork", "scoped fork", "pipe", "nothing"])
  },
  success: Schema.String
}) {}
class Piped extends Message.Class<Piped>()("Piped", { payload: { text: Schema.String } }) {}
const Caller = Actor.make("test/Caller", [Go, Piped, Pong])

const nameOf = (ref: AnyRef | undefined) => (ref === undefined ? "nobody" : `${ref.actor}/${ref.id}`)

const greeters = () => {
  const greeted: Array<string> = []
  const gate = Latch.makeUnsafe()
  const build = Effect.gen(function* () {
    const context = yield* Greeter.context
    return Greeter.of({
      Greet: ({ wait }) =>
        Effect.gen(function* () {
          if (wait === true) yield* gate.await
          const sender = yield* context.sender
          greeted.push(nameOf(sender))
          if (Caller.is(sender)) yield* sender.tell(new Pong())
          return nameOf(sender)
        })
    })
  })
  return { greeted, gate, build }
}

const callers = (fromBuild?: string) => {
  const piped: Array<string> = []
  const build = Effect.gen(function* () {
    const context = yield* Caller.context
    const greeter = (id: string) => Effect.provideService(Greeter.ref(id), ActorSystem, system)
    const system = yield* ActorSystem
    if (fromBuild !== undefined) yield* (yield* greeter(fromBuild)).tell(new Greet({}))
    return Caller.of({
      Go: ({ how, to }) =>
        Effect.gen(function* () {
          const ref = yield* greeter(to)
          const ask = Effect.orDie(ref.ask(new Greet({})))
          switch (how) {
            case "tell":
              yield* ref.tell(new Greet({}))
              return ""
            case "ask":
              return yield* ask
            case "fork":
              return yield* Fiber.join(yield* Effect.forkChild(Effect.andThen(Effect.yieldNow, ask)))
            case "scoped fork":
              yield* Effect.forkScoped(Effect.andThen(Effect.yieldNow, ref.tell(new Greet({}))))
              return ""
            case "pipe":
              yield* context.pipeToSelf(
                ask,
                (exit) => new Piped({ text: exit._tag === "Success" ? exit.value : "failed" })
              )
              return ""
            case "nothing":
              return nameOf(yield* context.sender)
          }
        }),
      Piped: ({ text }) =>
        Effect.flatMap(context.sender, (sender) => Effect.sync(() => void piped.push(text, nameOf(sender)))),
      Pong: () =>
        Effect.flatMap(context.sender, (sender) =>
          Effect.sync(() => void piped.push(`pong of ${nameOf(sender)}`))
        )
    })
  })
  return { piped, build }
}

const runs = Effect.provide(ActorSystem.layer)

describe("the sender of a message", () => {
  for (const how of ["tell", "ask", "fork", "scoped fork", "pipe"] as const) {
    it.effect(`is the actor whose handler sent it by ${how}, and can be answered`, () =>
      Effect.gen(function* () {
        const { build, greeted } = greeters()
        yield* Layer.build(Greeter.toLayer(build))
        const { build: caller, piped } = callers()
        yield* Layer.build(Caller.toLayer(caller))
        for (const id of ["a", "b"]) yield* (yield* Caller.ref(id)).ask(new Go({ how, to: "g" }))
        yield* settle
        assert.deepStrictEqual(greeted, ["test/Caller/a", "test/Caller/b"])
        const pongs = piped.filter((line) => line === "pong of test/Greeter/g")
        assert.strictEqual(pongs.length, 2)
        if (how === "pipe") {
          // What an actor pipes to itself it has sent itself.
          assert.deepStrictEqual(
            piped.filter((line) => line.startsWith("test/Caller")),
            ["test/Caller/a", "test/Caller/a", "test/Caller/b", "test/Caller/b"]
          )
        }
      }).pipe(Effect.scoped, runs)
    )
  }

  it.effect("is the actor whose build sent it", () =>
    Effect.gen(function* () {
      const { build, greeted } = greeters()
      yield* Layer.build(Greeter.toLayer(build))
      yield* Caller.spawn("built", callers("g").build)
      yield* settle
      assert.deepStrictEqual(greeted, ["test/Caller/built"])
    }).pipe(Effect.scoped, runs)
  )

  it.effect("is undefined where no actor sent it, also right after one did", () =>
    Effect.gen(function* () {
      const { build, greeted } = greeters()
      yield* Layer.build(Greeter.toLayer(build))
      yield* Layer.build(Caller.toLayer(callers().build))
      const greeter = yield* Greeter.ref("g")
      const caller = yield* Caller.ref("a")
      assert.strictEqual(yield* greeter.ask(new Greet({})), "nobody")
      assert.strictEqual(yield* caller.ask(new Go({ how: "ask", to: "g" })), "test/Caller/a")
      assert.strictEqual(yield* caller.ask(new Go({ how: "nothing", to: "g" })), "nobody")
      assert.strictEqual(yield* greeter.ask(new Greet({})), "nobody")
      yield* greeter.tell(new Greet({}))
      yield* settle
      assert.deepStrictEqual(greeted, ["nobody", "test/Caller/a", "nobody", "nobody"])
    }).pipe(Effect.scoped, runs)
  )

  it.effect("is each message's own among many that wait", () =>
    Effect.gen(function* () {
      const { build, gate, greeted } = greeters()
      yield* Layer.build(Greeter.toLayer(build))
      yield* Layer.build(Caller.toLayer(callers().build))
      const greeter = yield* Greeter.ref("g")
      yield* greeter.tell(new Greet({ wait: true }))
      for (const id of ["a", "b", "a", "c"]) {
        yield* (yield* Caller.ref(id)).ask(new Go({ how: "tell", to: "g" }))
        yield* greeter.tell(new Greet({}))
      }
      gate.openUnsafe()
      yield* settle
      const [a, b, c] = ["test/Caller/a", "test/Caller/b", "test/Caller/c"]
      assert.deepStrictEqual(greeted, ["nobody", a, "nobody", b, "nobody", a, "nobody", c, "nobody"])
    }).pipe(Effect.scoped, runs)
  )

  it.effect("is each handler's own in a re-entrant actor", () =>
    Effect.gen(function* () {
      const greeted: Array<string> = []
      const gate = Latch.makeUnsafe()
      yield* Layer.build(
        Greeter.toLayer(
          Effect.map(Greeter.context, (context) =>
            Greeter.of({
              Greet: () =>
                Effect.gen(function* () {
                  const before = nameOf(yield* context.sender)
                  yield* gate.await
                  const after = nameOf(yield* context.sender)
                  greeted.push(`${before} ${after}`)
                  return after
                })
            })
          ),
          { concurrency: 3 }
        )
      )
      yield* Layer.build(Caller.toLayer(callers().build))
      const fibers: Array<Fiber.Fiber<string, unknown>> = []
      for (const id of ["a", "b"]) {
        const go = (yield* Caller.ref(id)).ask(new Go({ how: "ask", to: "g" }))
        fibers.push(yield* Effect.forkChild(go, { startImmediately: true }))
      }
      yield* (yield* Greeter.ref("g")).tell(new Greet({}))
      yield* settle
      gate.openUnsafe()
      assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), ["test/Caller/a", "test/Caller/b"])
      yield* settle
      assert.deepStrictEqual(greeted, [
        "test/Caller/a test/Caller/a",
        "test/Caller/b test/Caller/b",
        "nobody nobody"
      ])
    }).pipe(Effect.scoped, runs)
  )

  it.effect("is nobody to an actor of another system", () =>
    Effect.gen(function* () {
      const { build, greeted } = greeters()
      yield* Effect.gen(function* () {
        yield* Layer.build(Greeter.toLayer(build))
        const far = yield* Greeter.ref("g")
        yield* Effect.gen(function* () {
          const near = yield* Greeter.spawn(
            "near",
            Effect.map(ActorSystem, () => ({ Greet: () => Effect.orDie(far.ask(new Greet({}))) }))
          )
          assert.strictEqual(yield* near.ask(new Greet({})), "nobody")
        }).pipe(Effect.scoped, Effect.provide(Layer.fresh(ActorSystem.layer), { local: true }))
      }).pipe(Effect.scoped)
      assert.deepStrictEqual(greeted, ["nobody"])
    }).pipe(runs)
  )
})
