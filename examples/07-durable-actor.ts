// An order remembers: what it decides are events in a topic, and after a restart it folds them again. The same command
// sent twice takes effect once, also when the process ended in between.
import { Embedded } from "@troupe/broker-embedded"
import { Journal } from "@troupe/journal"
import { Actor, ActorSystem, EventSourced, Message } from "@troupe/runtime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { temporaryDirectory } from "./temporary-directory.ts"

class AddLine extends Message.Class<AddLine>()("AddLine", {
  payload: { request: Schema.String, sku: Schema.NonEmptyString },
  success: Schema.Int,
  primaryKey: (message) => message.request
}) {}

const Order = Actor.make("shop/Order", [AddLine])

class LineAdded extends Schema.TaggedClass<LineAdded>()("LineAdded", { sku: Schema.String }) {}

const orders = Order.toLayer(
  EventSourced.make(Order, {
    state: Schema.Struct({ skus: Schema.Array(Schema.String) }),
    events: [LineAdded],
    initial: () => ({ skus: [] }),
    evolve: { LineAdded: (state, { sku }) => ({ skus: [...state.skus, sku] }) },
    decide: {
      AddLine: (_, { sku }) => EventSourced.persist(new LineAdded({ sku }), (next) => next.skus.length)
    }
  })
)

/** A process from its start to its end. */
const shop = (directory: string) =>
  orders.pipe(
    Layer.provide(Journal.layer({ topic: "orders" })),
    Layer.provide(Embedded.layer({ directory, durability: "disk" })),
    Layer.provideMerge(ActorSystem.layer),
    Layer.fresh
  )

const program = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const addLine = (request: string, sku: string) =>
    Effect.flatMap(Order.ref("order-1"), (order) => order.ask(new AddLine({ request, sku }))).pipe(
      Effect.provide(shop(directory), { local: true })
    )
  yield* Console.log("lines:", yield* addLine("request-1", "a cup"))
  yield* Console.log("lines, after a restart:", yield* addLine("request-2", "a plate"))
  yield* Console.log("lines, the second request again:", yield* addLine("request-2", "a plate"))
})

await Effect.runPromise(Effect.scoped(program))
