import { assert, describe, it } from "@effect/vitest"
import {
  Actor,
  type ActorContext,
  ActorSystem,
  type AnyRef,
  Inspection,
  Message,
  Supervision
} from "@troupe/runtime"
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
import { settle } from "./probe.ts"

/** Spawns a child under the name. */
class Spawn extends Message.Class<Spawn>()("Spawn", { payload: { name: Schema.String } }) {}
/** Spawns an actor in a scope of its own, and answers with its parent and the children of this actor meanwhile. */
class Scoped extends Message.Class<Scoped>()("Scoped", { success: Schema.Array(Schema.String) }) {}
class Family extends Message.Class<Family>()("Family", { success: Schema.Array(Schema.String) }) {}
class Hang extends Message.Class<Hang>()("Hang", {}) {}
class Fail extends Message.Class<Fail>()("Fail", {}) {}
const Node = Actor.make("test/Node", [Spawn, Scoped, Family, Hang, Fail])

const nameOf = (ref: AnyRef | undefined) => (ref === undefined ? "nobody" : `${ref.actor}/${ref.id}`)

/** A tree of nodes that log what they live through. */
const family = (options: Parameters<typeof Node.spawn>[2] = {}) => {
  const log: Array<string> = []
  /** What the finalizer of an id waits for. */
  const gates = new Map<string, Latch.Latch>()
  const build = (children: ReadonlyArray<string>): Effect.Effect<NodeHandlers, never, NodeServices> =>
    Effect.gen(function* () {
      const context = yield* Node.context
      const system = yield* ActorSystem
      log.push(`${context.id} built`)
      const first = children[0]
      if (first !== undefined) yield* Node.spawnChild(first, build(children.slice(1)), options)
      // After the child was spawned: the order of finalizers alone would run this one first.
      yield* Effect.addFinalizer(() =>
        Effect.andThen(
          gates.get(context.id)?.await ?? Effect.void,
          Effect.sync(() => log.push(`${context.id} closed`))
        )
      )
      const provided = Effect.provideService(ActorSystem, system)
      return Node.of({
        Spawn: ({ name }) => Effect.asVoid(Node.spawnChild(name, build([]), options)).pipe(provided),
        Scoped: () =>
          Effect.gen(function* () {
            const ref = yield* Node.spawn("guest", build([]))
            const parent = yield* ref.ask(new Family())
            return [parent[0] as string, ...(yield* context.children).map(nameOf)]
          }).pipe(Effect.scoped, provided, Effect.orDie),
        Family: () =>
          Effect.map(context.children, (children) => [nameOf(context.parent), ...children.map(nameOf)]),
        Hang: () =>
          Effect.onInterrupt(Effect.never, () =>
            Effect.sync(() => void log.push(`${context.id} interrupted`))
          ),
        Fail: () => Effect.die(new Error("fails"))
      })
    })
  return { log, gates, build }
}

type NodeHandlers = Actor.Handlers<Spawn | Scoped | Family | Hang | Fail, Scope.Scope | ActorContext>
type NodeServices = Scope.Scope | ActorContext | ActorSystem

const begin = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.forkChild(effect, { startImmediately: true })

describe("an actor that is spawned in the life of another", () => {
  it.effect("is its child: they know each other, and the child's id begins with the parent's", () =>
    Effect.gen(function* () {
      const { build } = family()
      const root = yield* Node.spawn("root", build(["kid"]))
      yield* settle
      yield* root.ask(new Spawn({ name: "late" }))
      assert.deepStrictEqual(yield* root.ask(new Family()), [
        "nobody",
        "test/Node/root/kid",
        "test/Node/root/late"
      ])
      const kid = yield* Node.ref("root/kid")
      assert.deepStrictEqual(yield* kid.ask(new Family()), ["test/Node/root"])
      yield* Actor.stop(kid)
      assert.deepStrictEqual(yield* root.ask(new Family()), ["nobody", "test/Node/root/late"])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("in a scope of its own is nobody's child, and ends with that scope", () =>
    Effect.gen(function* () {
      const { build, log } = family()
      const root = yield* Node.spawn("root", build(["kid"]))
      assert.deepStrictEqual(yield* root.ask(new Scoped()), ["nobody", "test/Node/root/kid"])
      assert.deepStrictEqual(log, ["root built", "root/kid built", "guest built", "guest closed"])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("outside of every actor is nobody's child", () =>
    Effect.gen(function* () {
      const { build } = family()
      const root = yield* Node.spawn("root", build([]))
      assert.deepStrictEqual(yield* root.ask(new Family()), ["nobody"])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("has the context of its own kind of actor only", () =>
    Effect.gen(function* () {
      class Ask extends Message.Class<Ask>()("Ask", { success: Schema.Array(Schema.Boolean) }) {}
      const Other = Actor.make("test/Other", [Ask])
      const other = yield* Other.spawn("o", {
        Ask: () =>
          Effect.map(
            Effect.forEach(
              [
                Effect.asVoid(Other.context),
                Effect.asVoid(Other.self),
                Effect.asVoid(Node.context),
                Effect.asVoid(Node.self)
              ],
              Effect.exit
            ),
            (exits) => exits.map(Exit.hasDies)
          )
      })
      assert.deepStrictEqual(yield* other.ask(new Ask()), [false, false, true, true])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("is below its parent in the tree, which says what each does", () =>
    Effect.gen(function* () {
      const { build } = family({
        supervision: Supervision.restart({ schedule: Schedule.spaced("1 minute") })
      })
      const root = yield* Node.spawn("root", build(["kid", "grandkid"]))
      yield* Layer.build(Node.toLayer(build([]), { drain: 0 }))
      yield* settle
      yield* root.ask(new Spawn({ name: "late" }))
      const virtual = yield* Node.ref("virtual")
      yield* virtual.tell(new Hang())
      yield* settle
      yield* virtual.tell(new Hang())
      yield* (yield* Node.ref("root/late")).tell(new Fail())
      yield* settle
      const idle = { actor: "test/Node", state: "idle" as const, queued: 0, stashed: 0, restarts: 0 }
      const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : 1)
      assert.deepStrictEqual([...(yield* Inspection.tree)].sort(byId), [
        {
          ...idle,
          id: "root",
          children: [
            { ...idle, id: "root/kid", children: [{ ...idle, id: "root/kid/grandkid", children: [] }] },
            { ...idle, id: "root/late", state: "restarting", children: [] }
          ]
        },
        { ...idle, id: "virtual", state: "working", queued: 2, children: [] }
      ])
      yield* TestClock.adjust("1 minute")
      const late = (yield* Inspection.tree)
        .flatMap(({ children }) => children)
        .find(({ id }) => id === "root/late")
      assert.deepStrictEqual(late, { ...idle, id: "root/late", restarts: 1, children: [] })
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )
})

describe("children end before their parents, and all finalizers run", () => {
  const fromBelow = ["root/kid/grandkid closed", "root/kid closed", "root closed"]

  it.effect("when the parent is stopped", () =>
    Effect.gen(function* () {
      const { build, gates, log } = family()
      const gate = Latch.makeUnsafe()
      gates.set("root/kid/grandkid", gate)
      const root = yield* Node.spawn("root", build(["kid", "grandkid"]))
      yield* settle
      log.length = 0
      const stop = yield* begin(Actor.stop(root))
      yield* settle
      assert.deepStrictEqual(log, [])
      gate.openUnsafe()
      yield* Fiber.join(stop)
      assert.deepStrictEqual(log, fromBelow)
      assert.strictEqual((yield* counted).actors, 0)
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("when the system stops", () =>
    Effect.gen(function* () {
      const { build, gates, log } = family()
      const gate = Latch.makeUnsafe()
      gates.set("root/kid/grandkid", gate)
      const outer = yield* Scope.make()
      const running = yield* begin(
        Effect.gen(function* () {
          yield* Node.spawn("root", build(["kid", "grandkid"])).pipe(Scope.provide(outer))
          yield* settle
          log.length = 0
        }).pipe(Effect.provide(ActorSystem.layer))
      )
      yield* settle
      assert.deepStrictEqual(log, [])
      assert.isUndefined(running.pollUnsafe())
      gate.openUnsafe()
      yield* Fiber.join(running)
      assert.deepStrictEqual(log, fromBelow)
    })
  )

  it.effect("when the parent crashes: then it is built anew, and its children with it", () =>
    Effect.gen(function* () {
      const { build, gates, log } = family()
      const gate = Latch.makeUnsafe()
      gates.set("root/kid/grandkid", gate)
      const supervision = Supervision.restart({ schedule: Schedule.spaced("1 second") })
      const root = yield* Node.spawn("root", build(["kid", "grandkid"]), { supervision })
      yield* settle
      log.length = 0
      yield* root.tell(new Fail())
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(log, [])
      gate.openUnsafe()
      yield* settle
      assert.deepStrictEqual(log, fromBelow)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log, [...fromBelow, "root built", "root/kid built", "root/kid/grandkid built"])
      assert.deepStrictEqual(yield* root.ask(new Family()), ["nobody", "test/Node/root/kid"])
      yield* counted
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("when the parent gives up", () =>
    Effect.gen(function* () {
      const { build, log } = family()
      const root = yield* Node.spawn("root", build(["kid", "grandkid"]), { supervision: Supervision.stop })
      yield* settle
      log.length = 0
      yield* root.tell(new Fail())
      yield* Actor.awaitStop(root)
      assert.deepStrictEqual(log, fromBelow)
      assert.strictEqual((yield* counted).actors, 0)
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("when a virtual parent is passivated", () =>
    Effect.gen(function* () {
      const { build, log } = family()
      yield* Layer.build(Node.toLayer(build([]), { passivateAfter: "1 minute" }))
      const root = yield* Node.ref("root")
      yield* root.ask(new Spawn({ name: "kid" }))
      yield* settle
      // An actor with children waits for more than messages: it stays.
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(log, ["root built", "root/kid built"])
      yield* Actor.stop(yield* Node.ref("root/kid"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(log.slice(2), ["root/kid closed", "root closed"])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("when the deadlines of their drains pass", () =>
    Effect.gen(function* () {
      const { build, log } = family({ drain: "1 second" })
      const scope = yield* Scope.make()
      const root = yield* Node.spawn("root", build(["kid"]), { drain: "2 seconds" }).pipe(
        Scope.provide(scope)
      )
      yield* settle
      for (const id of ["root", "root/kid"]) yield* (yield* Node.ref(id)).tell(new Hang())
      yield* settle
      log.length = 0
      const closing = yield* begin(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(log, ["root interrupted"])
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(log, ["root interrupted"])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, [
        "root interrupted",
        "root/kid interrupted",
        "root/kid closed",
        "root closed"
      ])
      assert.deepStrictEqual(yield* counted, { sent: 2, handled: 0, deadLettered: 2, queued: 0, actors: 0 })
      assert.strictEqual(root.id, "root")
    }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("when a stop comes while a crashed parent ends its life", () =>
    Effect.gen(function* () {
      for (const slow of ["root", "root/kid", "root/kid/grandkid"]) {
        const { build, gates, log } = family()
        const gate = Latch.makeUnsafe()
        gates.set(slow, gate)
        const scope = yield* Scope.make()
        const root = yield* Node.spawn("root", build(["kid", "grandkid"])).pipe(Scope.provide(scope))
        yield* settle
        log.length = 0
        yield* root.tell(new Fail())
        yield* settle
        const closing = yield* begin(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("1 minute")
        assert.isUndefined(closing.pollUnsafe(), slow)
        gate.openUnsafe()
        yield* Fiber.join(closing)
        assert.deepStrictEqual(log, fromBelow, slow)
        assert.strictEqual((yield* counted).actors, 0)
      }
    }).pipe(Effect.provide(ActorSystem.layer))
  )
})
