import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { BrokerChoice, Demo, Page, RunDirectory, reporting, runFlags } from "@troupe/console"
import { ActorSystem } from "@troupe/runtime"
import * as Console from "effect/Console"
import { Command, Flag } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Live from "./Live.ts"
import { LiveSessions } from "./LiveSessions.ts"
import * as Once from "./Once.ts"
import * as Rendering from "./Rendering.ts"
import * as Server from "./Server.ts"
import * as Source from "./Source.ts"
import { compare } from "./social/compare/CompareCommand.ts"
import { commands as socialCommands } from "./social/SocialCommands.ts"
import { storage, storageWriter } from "./storage/StorageCommand.ts"
import { wal, walPrimary } from "./wal/WalCommand.ts"

const defaultEvents = 20_000
const defaultLiveSpeed = 600

const flags = {
  ...runFlags,
  input: Flag.String("input").pipe(
    Flag.optional,
    Flag.withDescription(
      "clickstream CSV, plain or gzipped (Coveo release, Google day); without it shoppers are simulated"
    )
  ),
  port: Flag.Int("port").pipe(
    Flag.withDefault(4200),
    Flag.withDescription("without --once: where the page listens, on loopback; 0 takes a free port")
  ),
  events: Flag.Int("events").pipe(
    Flag.optional,
    Flag.withDescription(`simulated clicks; with --once ${defaultEvents} unless given, else without end`)
  ),
  speed: Flag.Finite("speed").pipe(
    Flag.optional,
    Flag.withDescription(
      `how many times faster than the clicks' own times; with --once as fast as it goes unless given, else ${defaultLiveSpeed}`
    )
  )
}

type Flags = Command.Command.Config.Infer<typeof flags>

const sourceOf = Effect.fnUntraced(function* ({ events, input, once, seed, speed }: Flags) {
  const count = Option.getOrElse(events, () => (once ? defaultEvents : undefined))
  const source = Option.isSome(input)
    ? yield* Source.file(yield* RunDirectory.fromUser(input.value))
    : Source.simulator({ seed, ...(count === undefined ? {} : { events: count }) })
  const pace = Option.getOrElse(speed, () => (once ? 0 : defaultLiveSpeed))
  return pace > 0 ? Source.paced(source, pace) : source
})

/** Everything a run needs, on the broker that was chosen, in its directory. */
const services = Effect.fnUntraced(function* ({
  broker,
  data,
  once
}: Pick<Flags, "broker" | "data" | "once">) {
  const directory = yield* RunDirectory.acquire({ app: "analytics", data, keeps: !once })
  return Layer.merge(BrokerChoice.layer({ broker, directory }), ActorSystem.layer)
})

const once = Effect.fnUntraced(function* (given: Flags) {
  const source = yield* sourceOf(given)
  const report = yield* Once.run(source).pipe(Effect.scoped, Effect.provide(yield* services(given)))
  if (report.rejected > 0) yield* Rendering.tellRejects(report)
  return report
}, Effect.scoped)

/** Stays up with the page, and takes clicks in until it is stopped. */
const live = Effect.fnUntraced(function* (given: Flags) {
  yield* Page.build(Server.pageSources)
  const source = yield* sourceOf(given)
  const page = Server.layer({ port: given.port }).pipe(
    Layer.provideMerge(LiveSessions.layer(source)),
    Layer.provideMerge(yield* services(given))
  )
  return yield* Live.run().pipe(Effect.provide(page))
}, Effect.scoped)

const run = Effect.fn("analytics")(function* (given: Flags) {
  if (!given.once) return yield* live(given)
  const report = yield* once(given)
  yield* Console.log(given.json ? JSON.stringify(report) : Rendering.render(report))
})

const demoFlags = {
  data: Option.none(),
  seed: 7,
  once: true,
  json: false,
  port: 0,
  input: Option.none(),
  events: Option.none(),
  speed: Option.none()
}

const demo = Command.make(
  "demo",
  {},
  Effect.fnUntraced(function* () {
    yield* Demo.both(
      Effect.fnUntraced(function* (broker) {
        const report = yield* once({ ...demoFlags, broker })
        yield* Console.log(Rendering.render(report))
        return report
      })
    )
  })
).pipe(
  Command.withDescription("Simulated shoppers on the embedded broker, then on NATS, with equal sessions")
)

const analytics = Command.make("analytics", flags, run).pipe(
  Command.withDescription(
    "Clicks into one topic, sessions live beside it; then the history again with version 2 of the view beside version 1"
  ),
  Command.withSubcommands([demo, ...socialCommands, compare, storage, storageWriter, wal, walPrimary])
)

analytics.pipe(
  Command.run({ version: "0.1.0" }),
  reporting,
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
