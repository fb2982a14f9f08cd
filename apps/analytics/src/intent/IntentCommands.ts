import { BrokerChoice, flagDefaults, givenFlags, RunDirectory, runFlags } from "@troupe/console"
import { Charts, type Model, Report } from "@troupe/intent"
import { ActorSystem } from "@troupe/runtime"
import * as Console from "effect/Console"
import { Command, Flag } from "effect/cli"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Candidates from "./Candidates.ts"
import * as HeldIntent from "./HeldIntent.ts"
import * as IntentEvaluation from "./IntentEvaluation.ts"
import * as IntentInput from "./IntentInput.ts"
import * as IntentRegistry from "./IntentRegistry.ts"
import * as IntentRendering from "./IntentRendering.ts"
import { sessionsOf } from "./Labelled.ts"
import type { LayeredSession } from "./LayeredSession.ts"
import type { OpenReport } from "./OpenReport.ts"
import * as Score from "./Score.ts"
import type { SessionsReport } from "./SessionsReport.ts"
import { SetName } from "./SetName.ts"
import * as Train from "./Train.ts"
import { Role } from "./TrainReport.ts"

/** Simulated clicks: some 18 000 sessions, 280 with a purchase. */
const reportEvents = 100_000

/** Draws an evaluation into a directory; answers the files. */
const draw = Effect.fnUntraced(function* (found: Report.Report, given: string) {
  const files = yield* FileSystem.FileSystem
  const directory = yield* RunDirectory.fromUser(given)
  const unusable = ({ message }: { readonly message: string }) =>
    new RunDirectory.DirectoryUnusable({ directory, detail: message })
  const plots = {
    "roc.svg": Charts.roc(found),
    "calibration.svg": Charts.calibration(found),
    "f1-by-clicks.svg": Charts.f1ByClicks(found)
  }
  yield* files.makeDirectory(directory, { recursive: true }).pipe(Effect.mapError(unusable))
  return yield* Effect.forEach(Object.entries(plots), ([name, svg]) =>
    files
      .writeFileString(`${directory}/${name}`, svg)
      .pipe(Effect.mapError(unusable), Effect.as(`${directory}/${name}`))
  )
})

/** `analytics report`: how well models tell buyers. */
const report = Command.make(
  "report",
  {
    ...IntentInput.flags,
    models: Flag.String("models").pipe(
      Flag.withDefault(Candidates.usual.join(",")),
      Flag.withDescription(
        "models, with commas between them; the prior and length-only are there in any case"
      )
    ),
    set: Flag.Literals("set", SetName.literals).pipe(
      Flag.withDefault("natural"),
      Flag.withDescription(
        "which sessions: as they are, as many buyers as others, or the paper's shares of buyers"
      )
    ),
    svg: Flag.String("svg").pipe(
      Flag.optional,
      Flag.withDescription("directory for plots: ROC, calibration, F1 by clicks")
    ),
    markdown: Flag.Boolean("markdown").pipe(
      Flag.withDefault(false),
      Flag.withDescription("print everything as Markdown")
    )
  },
  Effect.fnUntraced(function* ({ json, markdown, models, seed, set, svg, ...given }) {
    const trainers = yield* Candidates.trainers(models, seed)
    const clicks = yield* IntentInput.read({ ...given, seed }, reportEvents)
    const { found, report } = yield* IntentEvaluation.run(clicks, { trainers, set, seed })
    const plots = Option.isSome(svg) ? yield* draw(found, svg.value) : []
    const shown = { ...report, plots }
    yield* Console.log(
      json
        ? JSON.stringify(shown)
        : markdown
          ? Report.toMarkdown(found).trimEnd()
          : IntentRendering.report(shown)
    )
  })
).pipe(
  Command.withDescription(
    "How well models tell shoppers who will buy: sessions labelled, cut before the purchase, split by user; by clicks seen and after every event"
  )
)

/** The broker of a run. */
const brokerOf = (broker: BrokerChoice.BrokerName, directory: RunDirectory.RunDirectory) =>
  Layer.merge(BrokerChoice.layer({ broker, directory }), ActorSystem.layer)

/** `analytics train`: a model for the run in a directory. */
const train = Command.make(
  "train",
  {
    ...IntentInput.flags,
    data: runFlags.data,
    broker: givenFlags.broker,
    model: Flag.String("model").pipe(
      Flag.withDefault("logistic"),
      Flag.withDescription(`which: ${Candidates.usual.join(", ")}; the LSTMs with any multiple of 4 units`)
    ),
    role: Flag.Literals("role", Role.literals).pipe(
      Flag.withDefault("challenger"),
      Flag.withDescription("champion: its probabilities count; challenger: it runs in the champion's shadow")
    )
  },
  Effect.fnUntraced(function* ({ broker, data, json, model, role, seed, ...given }) {
    const trainer = yield* Candidates.trainer(model, seed)
    const app = yield* HeldIntent.held(data, broker)
    const clicks = yield* IntentInput.read({ ...given, seed: IntentRegistry.otherSeed(seed) }, reportEvents)
    const common = { trainer, seed }
    const made = Option.isSome(app)
      ? yield* Train.run(clicks, {
          ...common,
          storedBy: "app",
          store: (model: Model) => app.value.model({ payload: { role, blob: Train.toBytes(model) } })
        })
      : yield* Effect.gen(function* () {
          const directory = yield* RunDirectory.acquire({ app: "analytics", data, keeps: true })
          return yield* Effect.gen(function* () {
            const registry = yield* IntentRegistry.open
            return yield* Train.run(clicks, {
              ...common,
              storedBy: "here",
              store: (model: Model) => IntentRegistry.put(registry, role, model)
            })
          }).pipe(
            Effect.provide(
              brokerOf(
                Option.getOrElse(broker, () => flagDefaults.broker),
                directory
              )
            )
          )
        }).pipe(Effect.scoped)
    yield* Console.log(json ? JSON.stringify(made) : IntentRendering.train(made))
  })
).pipe(
  Command.withDescription(
    "Trains a model on an input, tests it on other users, and stores it for the run in --data DIR; an app that runs there goes on with it at once"
  )
)

const scoreEvents = 20_000

/** `analytics score`: live probabilities, and the proof that they are those of offline. */
const score = Command.make(
  "score",
  {
    ...IntentInput.flags,
    data: runFlags.data,
    broker: runFlags.broker,
    delayed: Flag.Finite("delayed").pipe(
      Flag.withDefault(0.2),
      Flag.withDescription(
        "share of the clicks that come up to two hours late in a second run; 0 for no such run"
      ),
      Flag.filter(
        (share) => share >= 0 && share <= 1,
        (share) => `--delayed must be 0 to 1, not ${share}`
      )
    ),
    speed: Flag.Finite("speed").pipe(
      Flag.withDefault(0),
      Flag.withDescription(
        "how many times faster than the clicks' own times; as fast as it goes unless given"
      )
    )
  },
  Effect.fnUntraced(function* ({ broker, data, delayed, json, seed, speed, ...given }) {
    const clicks = yield* IntentInput.read({ ...given, seed }, scoreEvents)
    const directory = yield* RunDirectory.acquire({ app: "analytics", data, keeps: false })
    const found = yield* Score.run(clicks, { seed, delayed, speed }).pipe(
      Effect.provide(brokerOf(broker, directory))
    )
    yield* Console.log(json ? JSON.stringify(found) : IntentRendering.score(found))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "A probability after every click: champion and challenger over a topic live, in order and with clicks late, and the proof that both equal what is computed offline"
  )
)

/** Sessions with a purchase first, of them those that are kept, then the longest, then the earliest. */
const byInterest = (a: LayeredSession, b: LayeredSession): number =>
  b.label - a.label ||
  Number(b.kept) - Number(a.kept) ||
  b.events.length - a.events.length ||
  a.startMillis - b.startMillis

const countsOf = (sessions: ReadonlyArray<LayeredSession>) => {
  const kept = sessions.filter((session) => session.kept)
  return {
    sessions: sessions.length,
    purchaseSessions: sessions.filter(({ label }) => label === 1).length,
    kept: kept.length,
    keptBuyers: kept.filter(({ label }) => label === 1).length
  }
}

/** `analytics sessions`: from raw events to symbols. */
const sessions = Command.make(
  "sessions",
  {
    ...IntentInput.flags,
    data: runFlags.data,
    top: Flag.Int("top").pipe(
      Flag.withDefault(5),
      Flag.withDescription("sessions shown: those with a purchase first, then the longest"),
      Flag.filter(
        (top) => top >= 0,
        (top) => `--top must not be negative: ${top}`
      )
    )
  },
  Effect.fnUntraced(function* ({ data, json, seed, top, ...given }) {
    const app = Option.isSome(data) ? yield* HeldIntent.held(data, Option.none()) : Option.none()
    const open: OpenReport | null = Option.isSome(app) ? yield* app.value.open() : null
    const isAboutApp = Option.isSome(app) && Option.isNone(given.input) && Option.isNone(given.events)
    const found = yield* Effect.gen(function* () {
      if (isAboutApp) {
        const { sessions } = yield* app.value.layers()
        const input = "the last sessions of the app"
        return {
          input,
          events: open?.scored ?? 0,
          rejected: 0,
          all: sessions.map(({ open: _, ...one }) => one)
        }
      }
      const clicks = yield* IntentInput.read({ ...given, seed }, scoreEvents)
      const { events, name, rejects } = clicks
      return { input: name, events: events.length, rejected: rejects.length, all: sessionsOf(events) }
    })
    const { all, ...about } = found
    const report: SessionsReport = {
      ...about,
      ...countsOf(all),
      shown: [...all].sort(byInterest).slice(0, top),
      open
    }
    yield* Console.log(json ? JSON.stringify(report) : IntentRendering.sessions(report))
  })
).pipe(
  Command.withDescription(
    "Raw events, the sessions that they are, the symbols that a model sees: labelled, cut before the purchase, kept or why not; with --data the open ones of an app that runs there"
  )
)

/** Every command about shoppers' intent. */
export const commands = [report, train, score, sessions] as const
