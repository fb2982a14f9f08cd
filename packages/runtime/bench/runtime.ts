import { type Case, type Contender, define } from "@troupe/bench"
import { Actor, ActorSystem, EventSourced, Journal, Message, Router } from "@troupe/runtime"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Accounts from "./cases/accounts.ts"
import * as Events from "./cases/events.ts"
import { wait } from "./cases/fairness.ts"
import { growth, heap, weight } from "./cases/population.ts"
import * as Entity from "./rivals/entity.ts"
import { limit } from "./rivals/limit.ts"
import * as Nact from "./rivals/nact.ts"
import * as ByHand from "./rivals/queue.ts"

/** Cost of a message against a step of one fiber: what an actor adds to plain Effect code. */

class Add extends Message.Class<Add>()("Add", { payload: { n: Schema.Int }, success: Schema.Int }) {}
class AddInRef extends Message.Class<AddInRef>()("AddInRef", {
  payload: { n: Schema.Int },
  success: Schema.Int
}) {}
class AddLater extends Message.Class<AddLater>()("AddLater", { success: Schema.Int }) {}
const Counter = Actor.make("bench/Counter", [Add, AddInRef, AddLater])
class Step extends Context.Service<Step, { readonly size: number }>()("@troupe/runtime/bench/runtime/Step") {}

const add = new Add({ n: 1 })
const addInRef = new AddInRef({ n: 1 })
const addLater = new AddLater()

/** Suspends once, until the next microtask. */
const later = Effect.gen(function* () {
  const turn = yield* Deferred.make<number>()
  queueMicrotask(() => Deferred.doneUnsafe(turn, Exit.succeed(1)))
  return yield* Deferred.await(turn)
})

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
      }),
      AddLater: () => later
    })
  })
).pipe(Layer.provideMerge(ActorSystem.layer), Layer.provide(Layer.succeed(Step, { size: 1 })))

class Deposit extends Message.Class<Deposit>()("Deposit", {
  payload: { id: Schema.String, amount: Schema.Int },
  success: Schema.Int,
  primaryKey: ({ id }) => id
}) {}
class Deposited extends Schema.TaggedClass<Deposited>()("Deposited", { amount: Schema.Int }) {}
const Account = Actor.make("bench/Account", [Deposit])

const accounts = Account.toLayer(
  EventSourced.make(Account, {
    state: Schema.Int,
    events: [Deposited],
    initial: () => 0,
    evolve: { Deposited: (balance, { amount }) => balance + amount },
    decide: {
      Deposit: (_, { amount }) => EventSourced.persist(new Deposited({ amount }), (balance) => balance)
    }
  })
).pipe(Layer.provide(Journal.layerMemory))

const messages = (quick: boolean) => (quick ? 100_000 : 500_000)

const contender = (program: (count: number) => Effect.Effect<unknown, unknown, ActorSystem>) => {
  const runtime = ManagedRuntime.make(accounts.pipe(Layer.provideMerge(counters)))
  const contender: Contender = {
    durability: "memory",
    run: async ({ quick }) => {
      const count = messages(quick)
      await runtime.runPromise(program(count))
      return count
    },
    teardown: () => runtime.dispose()
  }
  return { ...contender, program }
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

/** The same by a router, over one routee: what the router costs. */
const tellRouted = contender((count) =>
  Effect.gen(function* () {
    const router = Router.roundRobin([yield* Counter.ref("a")])
    for (let n = 1; n < count; n++) yield* router.tell(add)
    yield* router.ask(add)
  })
)

const ask = (message: Add | AddInRef | AddLater) =>
  contender((count) =>
    Effect.gen(function* () {
      const counter = yield* Counter.ref("a")
      for (let n = 0; n < count; n++) yield* counter.ask(message)
    })
  )

/** The handler that yields a service and updates a `Ref`, in a loop of one fiber: what no actor can beat. */
const alone: Contender = {
  durability: "memory",
  run: async ({ quick }) => {
    const count = messages(quick)
    const ref = Ref.makeUnsafe(0)
    const handler = Effect.fnUntraced(function* ({ n }: AddInRef) {
      const { size } = yield* Step
      return yield* Ref.updateAndGet(ref, (sum) => sum + n * size)
    })
    const loop = Effect.gen(function* () {
      for (let n = 0; n < count; n++) yield* handler(addInRef)
    })
    await Effect.runPromise(Effect.provideService(loop, Step, { size: 1 }))
    return count
  }
}

let deposits = 0
const deposit = contender((count) =>
  Effect.gen(function* () {
    const account = yield* Account.ref("a")
    for (let n = 0; n < count; n++) yield* account.ask(new Deposit({ id: `${deposits++}`, amount: 1 }))
  })
)

/** The same with somebody who listens to the inspection. */
const inspected = (program: ReturnType<typeof tell>["program"]) =>
  contender((count) =>
    Effect.scoped(
      Effect.gen(function* () {
        const system = yield* ActorSystem
        yield* Effect.forkScoped(Stream.runDrain(system.inspection), { startImmediately: true })
        yield* program(count)
      })
    )
  )

const unit = "messages/s"

export const bench = define("runtime", [
  { case: "tell, handler returns a value", unit, ours: tell(add), rival: base },
  { case: "ask", unit, ours: ask(add), rival: base },
  { case: "tell, handler yields a service, updates a Ref, returns", unit, ours: tell(addInRef), rival: base },
  { case: "ask, handler yields a service, updates a Ref, returns", unit, ours: ask(addInRef), rival: base },
  { case: "the same handler in a plain loop, no actor", unit, ours: alone, rival: base },
  { case: "tell", unit, ours: tell(add), rival: Entity.tell },
  { case: "ask", unit, ours: ask(add), rival: Entity.ask },
  { case: "tell", unit, ours: tell(add), rival: Nact.tell },
  { case: "ask", unit, ours: ask(add), rival: Nact.ask },
  { case: "ask, handler suspends once", unit, ours: ask(addLater), rival: ByHand.ask(later) },
  { case: "event-sourced ask, journal in memory", unit, ours: deposit, rival: Entity.askPersisted },
  {
    case: "tell, with the inspection listened to",
    unit,
    ours: inspected(tell(add).program),
    rival: { name: "nobody listens", ...tell(add) }
  },
  {
    case: "tell by a round robin router",
    unit,
    ours: tellRouted,
    rival: { name: "without the router", ...tell(add) }
  },
  {
    case: "publish, nobody subscribed",
    unit: "events/s",
    ours: Events.ours(false),
    rival: Events.pubSub(false)
  },
  { case: "publish, one reader", unit: "events/s", ours: Events.ours(true), rival: Events.pubSub(true) },
  {
    case: "activation, first message handled",
    unit: "actors/s",
    ours: growth(Accounts.settle),
    rival: { name: "nact, spawn alone", ...growth(Nact.settle) }
  },
  {
    case: "activation, first message handled",
    unit: "actors/s",
    ours: growth(Accounts.settle),
    rival: { name: "nact, first message handled", ...growth(Nact.settleAndTell) }
  },
  {
    case: "memory of an idle actor",
    unit: "bytes",
    ours: weight(Accounts.settle),
    rival: { name: "nact", ...weight(Nact.settleAndTell) }
  },
  {
    case: "memory of 1 M idle actors",
    unit: "MB",
    ours: heap(Accounts.settle, 1_000_000),
    rival: limit(400, "400 B an actor")
  },
  {
    case: "p99 wait of a quiet actor beside a flooded one, handlers of 1 µs",
    unit: "ms",
    ours: wait(5),
    rival: limit(5, "5 ms")
  },
  {
    case: "p99 wait of a quiet actor beside a flooded one, handlers of 12 µs",
    unit: "ms",
    ours: wait(100),
    rival: limit(5, "5 ms")
  }
])
