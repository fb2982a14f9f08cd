// A supervision tree: a shop spawns its till and its printer. The printer's crash is the printer's own business, until there are too
// many of them; then it becomes the shop's, and the shop starts anew with a fresh till. Children stop before their parent.
import { Actor, ActorSystem, Inspection, Message, Supervision } from "@troupe/runtime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

class Sell extends Message.Class<Sell>()("Sell", { payload: { euros: Schema.Int }, success: Schema.Int }) {}
class Print extends Message.Class<Print>()("Print", {
  payload: { page: Schema.String },
  success: Schema.String
}) {}
class Taken extends Message.Class<Taken>()("Taken", {
  payload: { euros: Schema.Int },
  success: Schema.Int
}) {}

const Till = Actor.make("shop/Till", [Taken])
const Printer = Actor.make("shop/Printer", [Print])
const Shop = Actor.make("shop/Shop", [Sell])

const startAnew = (more?: Partial<Parameters<typeof Supervision.restart>[0]>) =>
  Supervision.restart({ schedule: Schedule.spaced("1 millis"), ...more })

const shops = Shop.toLayer(
  Effect.gen(function* () {
    const till = yield* Till.spawnChild("till", () => {
      let sum = 0
      return {
        Taken: ({ euros }: Taken) =>
          Effect.sync(() => {
            sum += euros
            return sum
          })
      }
    })
    yield* Printer.spawnChild(
      "printer",
      {
        Print: ({ page }: Print) =>
          page === "jam" ? Effect.die(new Error("paper jam")) : Effect.succeed(`printed ${page}`)
      },
      // Two restarts in a minute; the third crash is the shop's.
      { supervision: startAnew({ limit: { restarts: 2, within: "1 minute" }, otherwise: "escalate" }) }
    )
    yield* Effect.addFinalizer(() => Console.log("the shop closes"))
    return Shop.of({ Sell: ({ euros }) => Effect.orDie(till.ask(new Taken({ euros }))) })
  }),
  { supervision: startAnew() }
)

const program = Effect.gen(function* () {
  const shop = yield* Shop.ref("1")
  const printer = yield* Printer.ref("1/printer")
  yield* shop.ask(new Sell({ euros: 10 }))
  yield* Console.log("in the till:", yield* shop.ask(new Sell({ euros: 5 })))

  for (const jams of [1, 2]) {
    const { reason } = yield* Effect.flip(printer.ask(new Print({ page: "jam" })))
    yield* Console.log(`jam ${jams}: ${reason._tag},`, yield* printer.ask(new Print({ page: "a receipt" })))
  }
  yield* Console.log("the till has not noticed:", yield* shop.ask(new Sell({ euros: 1 })))

  yield* Effect.flip(printer.ask(new Print({ page: "jam" })))
  yield* Console.log("one jam too many, a fresh till:", yield* shop.ask(new Sell({ euros: 1 })))

  for (const { actor, children } of yield* Inspection.tree) {
    yield* Console.log(actor, "has", children.map((child) => child.actor).join(" and "))
  }
})

// What actors log about their crashes is left out here.
const layer = shops.pipe(Layer.provideMerge(ActorSystem.layer), Layer.provide(Logger.layer([])))
await Effect.runPromise(Effect.provide(program, layer))
