import { NodeHttpClient, NodeRuntime, NodeServices } from "@effect/platform-node"
import { BrokerChoice, Demo, Page, RunDirectory, reporting, runFlags } from "@troupe/console"
import { Journal } from "@troupe/journal"
import { ActorSystem } from "@troupe/runtime"
import * as Console from "effect/Console"
import { Command, Flag } from "effect/cli"
import * as Effect from "effect/Effect"
import { HttpServer } from "effect/http"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Faults } from "./Faults.ts"
import * as LiveShop from "./LiveShop.ts"
import * as LiveShoppers from "./LiveShoppers.ts"
import { behaviour, Order } from "./Order.ts"
import * as OrderTopic from "./OrderTopic.ts"
import * as QueuedLane from "./QueuedLane.ts"
import * as Rendering from "./Rendering.ts"
import * as Server from "./Server.ts"
import { Services } from "./Services.ts"
import * as Story from "./Story.ts"

const everyMillis = 20
const drainMillisMax = 60_000

const flags = {
  ...runFlags,
  orders: Flag.Int("orders").pipe(
    Flag.withDefault(120),
    Flag.withDescription("with --once: how many orders in each lane")
  ),
  speed: Flag.Finite("speed").pipe(
    Flag.withDefault(1),
    Flag.withDescription("how many times faster shoppers and services are")
  ),
  port: Flag.Int("port").pipe(
    Flag.withDefault(4100),
    Flag.withDescription("where the page listens, on loopback; 0 takes a free port")
  )
}

type Flags = Command.Command.Config.Infer<typeof flags>

const demoFlags = { data: Option.none(), seed: 7, once: true, json: false, orders: 120, speed: 2, port: 0 }

/** The shop, open on a port, on the broker that was chosen. */
const shop = (options: Flags & { readonly directory: RunDirectory.RunDirectory }) =>
  Server.layer({ port: options.once ? 0 : options.port }).pipe(
    Layer.provideMerge(LiveShop.layer),
    Layer.provideMerge(QueuedLane.workers),
    Layer.provideMerge(Services.layer),
    Layer.provideMerge(Faults.layer({ seed: options.seed, speed: options.speed })),
    Layer.provideMerge(Order.toLayer(behaviour, { passivateAfter: "1 minute" })),
    Layer.provideMerge(Journal.layer({ topic: OrderTopic.name })),
    Layer.provideMerge(ActorSystem.layer),
    Layer.provideMerge(BrokerChoice.layer({ broker: options.broker, directory: options.directory })),
    Layer.provideMerge(NodeHttpClient.layerUndici)
  )

/** The story on one broker, in a run of its own unless `data` names one. */
const story = Effect.fnUntraced(function* (given: Flags) {
  const directory = yield* RunDirectory.acquire({ app: "orders", data: given.data, keeps: false })
  const { orders, seed, speed } = given
  return yield* Story.run({ seed, orders, speed, everyMillis, drainMillisMax }).pipe(
    Effect.scoped,
    Effect.provide(shop({ ...given, directory }))
  )
}, Effect.scoped)

const live = Effect.fnUntraced(function* (given: Flags) {
  const directory = yield* RunDirectory.acquire({ app: "orders", data: given.data, keeps: true })
  yield* Page.build(Server.pageSources)
  const { seed, speed } = given
  return yield* Effect.gen(function* () {
    const { address } = yield* HttpServer.HttpServer
    yield* Console.log(
      `The shop is open: ${HttpServer.formatAddress(address)} (API at /docs). Ctrl-C closes it.`
    )
    return yield* LiveShoppers.run({ seed, speed, everyMillis: everyMillis * 5 })
  }).pipe(Effect.scoped, Effect.provide(shop({ ...given, directory })))
}, Effect.scoped)

const run = Effect.fn("orders")(function* (given: Flags) {
  if (!given.once) return yield* live(given)
  const report = yield* story(given)
  yield* Console.log(given.json ? JSON.stringify(report) : Rendering.render(report))
})

const demo = Command.make(
  "demo",
  {},
  Effect.fnUntraced(function* () {
    const told = yield* Demo.both(
      Effect.fnUntraced(function* (broker) {
        const report = yield* story({ ...demoFlags, broker })
        yield* Console.log(Rendering.render(report))
        return report
      })
    )
    yield* Demo.sumUp("Message queues", Rendering.summary(told.embedded, Demo.brokersOf(told)))
  })
).pipe(Command.withDescription("The story on the embedded broker, then on NATS, with equal outcomes"))

const orders = Command.make("orders", flags, run).pipe(
  Command.withDescription(
    "An order through payment, warehouse and delivery: synchronous beside queued, under the same failure"
  ),
  Command.withSubcommands([demo])
)

orders.pipe(
  Command.run({ version: "0.1.0" }),
  reporting,
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
