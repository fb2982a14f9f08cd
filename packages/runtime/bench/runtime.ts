import { type Case, type Contender, define } from "@troupe/bench"
import { Actor, ActorSystem, Message } from "@troupe/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"

/** Cost of a message against a step of one fiber: what an actor adds to plain Effect code. */

class Add extends Message.Class<Add>()("Add", { payload: { n: Schema.Int }, success: Schema.Int }) {}
class AddInRef extends Message.Class<AddInRef>()("AddInRef", {
  payload: { n: Schema.Int },
  success: Schema.Int
}) {}
const Counter = Actor.make("bench/Counter", [Add, AddInRef])
class Step extends Context.Service<Step, { readonly size: number }>()("@troupe/runtime/bench/runtime/Step") {}

const add = new Add({ n: 1 })
const addInRef = new AddInRef({ n: 1 })

const counters = Counter.toLayer(
  Effect.gen(function* () {
    let count = 0
    const ref = yield* Ref.make(0)
    return Counter.of({
      Add: ({ n }) => {
        count += n
        return Effect.succeed(count)
      },
      // Not `Effect.gen` inside the handler: V8 sets up a generator made for one call for more than a microsecond.
      AddInRef: Effect.fnUntraced(function* ({ n }) {
        const { size } = yield* Step
        return yield* Ref.updateAndGet(ref, (count) => count + n * size)
      })
    })
  })
).pipe(Layer.provideMerge(ActorSystem.layer), Layer.provide(Layer.succeed(Step, { size: 1 })))

const messages = (quick: boolean) => (quick ? 100_000 : 500_000)

const contender = (program: (count: number) => Effect.Effect<unknown, unknown, ActorSystem>): Contender => {
  const runtime = ManagedRuntime.make(counters)
  return {
    durability: "memory",
    run: async ({ quick }) => {
      const count = messages(quick)
      await runtime.runPromise(program(count))
      return count
    },
    teardown: () => runtime.dispose()
  }
}

const base: Case["rival"] = {
  name: "base",
  durability: "memory",
  run: async ({ quick }) => {
    const count = messages(quick)
    let sum = 0
    const step = Effect.sync(() => {
      sum += 1
    })
    await Effect.runPromise(
      Effect.gen(function* () {
        for (let n = 0; n < count; n++) yield* step
      })
    )
    if (sum !== count) throw new Error(`counted ${sum} of ${count}`)
    return count
  }
}

/** Tells, and one ask at the end: then all of them are handled. */
const tell = (message: Add | AddInRef) =>
  contender((count) =>
    Effect.gen(function* () {
      const counter = yield* Counter.ref("a")
      for (let n = 1; n < count; n++) yield* counter.tell(message)
      yield* counter.ask(message)
    })
  )

const ask = (message: Add | AddInRef) =>
  contender((count) =>
    Effect.gen(function* () {
      const counter = yield* Counter.ref("a")
      for (let n = 0; n < count; n++) yield* counter.ask(message)
    })
  )

const unit = "messages/s"

export const bench = define("runtime", [
  { case: "tell, handler returns a value", unit, ours: tell(add), rival: base },
  { case: "ask", unit, ours: ask(add), rival: base },
  { case: "tell, handler yields a service, updates a Ref, returns", unit, ours: tell(addInRef), rival: base },
  { case: "ask, handler yields a service, updates a Ref, returns", unit, ours: ask(addInRef), rival: base }
])
