import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { BrokerChoice, HeldRun, Page, RunDirectory, reporting, runFlags } from "@troupe/console"
import { ActorSystem } from "@troupe/runtime"
import * as Console from "effect/Console"
import { Command, Flag } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as DemoCommand from "./DemoCommand.ts"
import { commands as intentCommands } from "./intent/IntentCommands.ts"
import { LiveScores } from "./intent/LiveScores.ts"
import * as Live from "./Live.ts"
import { LiveSessions } from "./LiveSessions.ts"
import * as Once from "./Once.ts"
import * as Rendering from "./Rendering.ts"
import * as Server from "./Server.ts"
import * as Source from "./Source.ts"
import { compare } from "./social/compare/CompareCommand.ts"
import * as LiveFeed from "./social/LiveFeed.ts"
import { LiveSocial } from "./social/LiveSocial.ts"
import { commands as socialCommands } from "./social/SocialCommands.ts"
import { SocialRun } from "./social/SocialRun.ts"
import { storage, storageWriter } from "./storage/StorageCommand.ts"
import { wal, walPrimary } from "./wal/WalCommand.ts"

const defaultEvents = 20_000
const defaultLiveSpeed = 600
const feedRateMax = 10_000

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
  ),
  feedRate: Flag.Finite("feed-rate").pipe(
    Flag.withDefault(LiveFeed.defaultPerSecond),
    Flag.withDescription(
      `without --once: lines a second of the social feed, 1 to ${feedRateMax}; its first ${LiveFeed.historyRows} come at once`
    ),
    Flag.filter(
      (rate) => rate >= 1 && rate <= feedRateMax,
      (rate) => `--feed-rate must be 1 to ${feedRateMax}, not ${rate}`
    )
  )
}

type Flags = Command.Command.Config.Infer<typeof flags>
type OnceFlags = Omit<Flags, "feedRate" | "port" | "json">

const sourceOf = Effect.fnUntraced(function* ({ events, input, once, seed, speed }: OnceFlags) {
  const count = Option.getOrElse(events, () => (once ? defaultEvents : undefined))
  const source = Option.isSome(input)
    ? yield* Source.file(yield* RunDirectory.fromUser(input.value))
    : Source.simulator({ seed, ...(count === undefined ? {} : { events: count }) })
  const pace = Option.getOrElse(speed, () => (once ? 0 : defaultLiveSpeed))
  return pace > 0 ? Source.paced(source, pace) : source
})

/** Everything a run needs, on the broker that was chosen, in its directory. */
const services = (broker: BrokerChoice.BrokerName, directory: RunDirectory.RunDirectory) =>
  Layer.merge(BrokerChoice.layer({ broker, directory }), ActorSystem.layer)

const once = Effect.fnUntraced(function* (given: OnceFlags) {
  const directory = yield* RunDirectory.acquire({ app: "analytics", data: given.data, keeps: false })
  const source = yield* sourceOf(given)
  const report = yield* Once.run(source).pipe(
    Effect.scoped,
    Effect.provide(services(given.broker, directory))
  )
  if (report.rejected > 0) yield* Rendering.tellRejects(report)
  return report
}, Effect.scoped)

/** Stays up with the page, and takes clicks and the social feed in until it is stopped. */
const live = Effect.fnUntraced(function* (given: Flags) {
  yield* Page.build(Server.pageSources)
  const { broker, data, feedRate, port, seed } = given
  const directory = yield* RunDirectory.acquire({ app: "analytics", data, keeps: true })
  const source = yield* sourceOf(given)
  const app = yield* HeldRun.make({ broker, seed: String(seed) })
  const page = Server.layer({ port, app }).pipe(
    Layer.provideMerge(LiveSessions.layer(source)),
    Layer.provideMerge(LiveScores.layer({ seed })),
    Layer.provideMerge(LiveSocial.layer({ seed, perSecond: feedRate })),
    Layer.provideMerge(SocialRun.layer(directory.path)),
    Layer.provideMerge(services(broker, directory))
  )
  return yield* Live.run(directory.path, app).pipe(Effect.provide(page))
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
  input: Option.none(),
  events: Option.none(),
  speed: Option.none()
}

const demo = DemoCommand.demo((broker) => once({ ...demoFlags, broker }))

const analytics = Command.make("analytics", flags, run).pipe(
  Command.withDescription(
    "The live page: clicks and a social feed into topics, views live beside them; with --once sessions of one input, and the history again with version 2"
  ),
  Command.withSubcommands([
    demo,
    ...socialCommands,
    compare,
    ...intentCommands,
    storage,
    storageWriter,
    wal,
    walPrimary
  ])
)

analytics.pipe(
  Command.run({ version: "0.1.0" }),
  reporting,
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
