import { BrokerChoice, Progress, RunDirectory } from "@troupe/console"
import { ActorSystem } from "@troupe/runtime"
import * as Console from "effect/Console"
import { Command, Flag } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { OtherInput } from "../Feeding.ts"
import * as BatchAnswers from "./BatchAnswers.ts"
import * as EditionDiff from "./EditionDiff.ts"
import * as HeldFeed from "./HeldFeed.ts"
import * as Promotion from "./Promotion.ts"
import * as ReplayCheck from "./ReplayCheck.ts"
import * as Reprocess from "./Reprocess.ts"
import * as SocialIngest from "./SocialIngest.ts"
import * as SocialInput from "./SocialInput.ts"
import * as SocialRendering from "./SocialRendering.ts"
import { SocialRun } from "./SocialRun.ts"
import * as SocialSource from "./SocialSource.ts"
import * as Trending from "./Trending.ts"

/** A command that names no feed is about the one that the run's directory holds: also when that has no end, and stands still now. */
const orEndless = <A, E, R>(
  { events, input }: SocialInput.Flags,
  ingest: Effect.Effect<A, E, R>
): Effect.Effect<A | undefined, E, R> =>
  Effect.catchIf(
    ingest,
    (error) =>
      error instanceof OtherInput &&
      Option.isNone(events) &&
      Option.isNone(input) &&
      SocialSource.isEndless(error.held),
    () => Effect.undefined
  )

/** Runs `work` on the run that the flags name, with its feed taken in and its current edition caught up. */
const withFeed = Effect.fnUntraced(function* <A, E, R>(
  given: SocialInput.Flags,
  work: Effect.Effect<A, E, R>
) {
  const directory = yield* RunDirectory.acquire({ app: "analytics", data: given.data, keeps: false })
  const shown = yield* Progress.shown
  const broker = Layer.merge(BrokerChoice.layer({ broker: given.broker, directory }), ActorSystem.layer)
  return yield* Effect.gen(function* () {
    const isNamed = Option.isSome(given.input) || Option.isSome(given.events)
    if (isNamed || !(yield* SocialIngest.isWhole)) {
      const source = yield* SocialInput.sourceOf(given)
      yield* orEndless(
        given,
        shown("feed    ", (onProgress) => SocialIngest.run(source, { onProgress }))
      )
    }
    return yield* Effect.provide(work, SocialRun.layer(directory.path))
  }).pipe(Effect.provide(broker))
}, Effect.scoped)

/** Waits until the stages of every edition that runs have done what there is, with their progress on standard error. */
const caughtUp = Effect.gen(function* () {
  const social = yield* SocialRun
  const shown = yield* Progress.shown
  const end = (yield* social.raw.info).lastSequence
  for (const running of yield* social.running) {
    yield* shown(`version ${running.edition.version}`, (tell) =>
      running.preprocess.progress("100 millis").pipe(
        Stream.map((progress) => ({ ...progress, done: Math.min(progress.done, end), total: end })),
        Stream.tap(tell),
        Stream.takeUntil(({ done }) => done >= end),
        Stream.runDrain
      )
    )
    yield* running.caughtUp(end)
  }
})

/** A command that answers with one report: by an app that holds the run, or on its own. */
const asking = <Report, E, R, E2>(
  name: string,
  description: string,
  ask: Effect.Effect<Report, E, R>,
  askApp: (client: HeldFeed.SocialClient) => Effect.Effect<Report, E2>,
  render: (report: Report) => string
) =>
  Command.make(
    name,
    SocialInput.askFlags,
    Effect.fnUntraced(function* (given: SocialInput.AskFlags) {
      const app = yield* HeldFeed.held(given)
      const report = Option.isSome(app)
        ? yield* askApp(app.value)
        : yield* withFeed(SocialInput.settled(given), Effect.andThen(caughtUp, ask))
      yield* Console.log(given.json ? JSON.stringify(report) : render(report))
    })
  ).pipe(Command.withDescription(description))

const trending = asking(
  "trending",
  "What trends in the last hour and day, who has influence over the month, what trends consistently: from the served rows",
  Trending.ask(),
  (client) => client.trending(),
  SocialRendering.trending
)

const batch = asking(
  "batch",
  "Archives the raw topic to Parquet, recomputes everything by DuckDB, and proves the current version equal, or lists every row that is not",
  BatchAnswers.run(),
  (client) => client.batch(),
  SocialRendering.batch
)

const diff = asking(
  "diff",
  "Version 2 beside version 1 at one sequence: rows added, removed and changed, each with the events that made the difference",
  Effect.map(EditionDiff.run(), ({ report }) => report),
  (client) => client.diff(),
  SocialRendering.diff
)

const promote = asking(
  "promote",
  "Tells readers to read version 2: wants every difference explained and every row proved, then changes one record; see --data",
  Promotion.promote(),
  (client) => client.promote(),
  (report) => SocialRendering.switched(report, "Promoted")
)

const rollback = asking(
  "rollback",
  "Tells readers to read the version before again, which has been running on; see --data",
  Promotion.rollback(),
  (client) => client.rollback(),
  (report) => SocialRendering.switched(report, "Rolled back")
)

const replay = Command.make(
  "replay",
  {
    ...SocialInput.askFlags,
    key: Flag.String("key").pipe(
      Flag.optional,
      Flag.withDescription("show how a row came about event by event, such as hour/2026-01-05T13/2/cats")
    )
  },
  Effect.fnUntraced(function* ({ key, ...given }) {
    const options = Option.isSome(key) ? { key: key.value } : {}
    const app = yield* HeldFeed.held(given)
    const report = Option.isSome(app)
      ? yield* HeldFeed.replay(app.value, options)
      : yield* withFeed(SocialInput.settled(given), Effect.andThen(caughtUp, ReplayCheck.run(options)))
    yield* Console.log(given.json ? JSON.stringify(report) : SocialRendering.replay(report))
  })
).pipe(
  Command.withDescription(
    "Folds everything again from the first record, and compares every output with what is stored, byte by byte"
  )
)

/** The part of a feed that is history when it is reprocessed; the rest comes in meanwhile, at this rate. */
const historyShare = 5 / 6
const livePerSecond = 1000

/** Reprocesses a feed of its own, whose rest comes in meanwhile; then promotes, and rolls back. */
const reprocessApart = Effect.fnUntraced(function* (given: SocialInput.Flags) {
  const directory = yield* RunDirectory.acquire({ app: "analytics", data: given.data, keeps: false })
  const shown = yield* Progress.shown
  const source = yield* SocialInput.sourceOf(given, 60_000)
  const rows = yield* SocialInput.rowsOf(source, given)
  const report = yield* Effect.gen(function* () {
    const history = SocialSource.until(source, Math.floor(rows * historyShare))
    yield* orEndless(
      given,
      shown("feed    ", (onProgress) => SocialIngest.run(history, { end: false, onProgress }))
    )
    return yield* Effect.gen(function* () {
      yield* caughtUp
      const live = yield* orEndless(
        given,
        SocialIngest.run(SocialSource.paced(source, { perSecond: livePerSecond }), {
          onProgress: () => Effect.void
        })
      ).pipe(Effect.forkChild({ startImmediately: true }))
      const found = yield* shown("version 2", (onProgress) =>
        Reprocess.run({ onProgress, arrival: Fiber.join(live) })
      )
      const promoted = yield* Promotion.promoteOn({
        through: found.through,
        rows: found.provedRows,
        notProved: found.notProved,
        differences: found.added + found.removed + found.changed
      })
      const rolledBack = yield* Promotion.rollback()
      return { ...found, promotedInMillis: promoted.millis, rolledBackInMillis: rolledBack.millis }
    }).pipe(Effect.provide(SocialRun.layer(directory.path)))
  }).pipe(
    Effect.provide(Layer.merge(BrokerChoice.layer({ broker: given.broker, directory }), ActorSystem.layer))
  )
  return report
}, Effect.scoped)

const reprocess = Command.make(
  "reprocess",
  SocialInput.askFlags,
  Effect.fnUntraced(function* (given: SocialInput.AskFlags) {
    const app = yield* HeldFeed.held(given)
    if (Option.isSome(app)) {
      // The app is live by itself, and what it serves is for whoever asks it for a promotion.
      const found = yield* HeldFeed.reprocess(app.value)
      yield* Console.log(given.json ? JSON.stringify(found) : SocialRendering.reprocess(found))
      return
    }
    const report = yield* reprocessApart(SocialInput.settled(given))
    yield* Console.log(
      given.json
        ? JSON.stringify(report)
        : [
            SocialRendering.reprocess(report),
            `Promoted by one compare-and-set in ${report.promotedInMillis.toFixed(1)} ms, rolled back by another in ${report.rolledBackInMillis.toFixed(1)} ms; version 1 serves, version 2 is ready.`
          ].join("\n")
    )
  })
).pipe(
  Command.withDescription(
    "Version 2 over the whole history beside version 1 under live traffic: throttled, compared, proved, promoted and rolled back; in an app that is running only up to the proof"
  )
)

/** Every command about the feed but `compare`. */
export const commands = [trending, batch, replay, reprocess, diff, promote, rollback] as const
