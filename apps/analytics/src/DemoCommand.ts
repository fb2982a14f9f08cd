import { BrokerChoice, Demo, Progress, RunDirectory } from "@troupe/console"
import { ActorSystem } from "@troupe/runtime"
import * as Console from "effect/Console"
import { Command } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Candidates from "./intent/Candidates.ts"
import * as IntentEvaluation from "./intent/IntentEvaluation.ts"
import * as IntentInput from "./intent/IntentInput.ts"
import * as IntentRendering from "./intent/IntentRendering.ts"
import type { IntentReport } from "./intent/IntentReport.ts"
import * as Score from "./intent/Score.ts"
import type { Report } from "./Once.ts"
import * as Rendering from "./Rendering.ts"
import * as Stories from "./Stories.ts"
import * as CompareStory from "./social/CompareStory.ts"
import { render as renderStorage } from "./storage/StorageCommand.ts"
import { render as renderWal } from "./wal/WalCommand.ts"

const seed = 7
const comparedEvents = 10_000
const scoredEvents = 20_000
const judgedEvents = 40_000

const title = (text: string) => Console.log(`\n── ${text} ──\n`)

const walPart = Effect.gen(function* () {
  yield* title("A write-ahead log: replicas, kill -9 of the primary, promotion, restore")
  const report = yield* Stories.inDirectoryOfItsOwn((directory) => Stories.wal({ directory, seed }))
  yield* Console.log(renderWal(report))
  yield* Demo.sumUp(
    "Append-only logs and WAL",
    `${report.acknowledged} records acknowledged by two disks, then kill -9 of the primary: ${report.acknowledgedLost} lost; ${report.promoted} promoted (epoch ${report.promotedEpoch}) took ${report.acknowledgedAfter} more; restored from ${report.archivedFiles} files to record ${report.restoredTo}, ${report.restoreWrong} wrong`
  )
})

const storagePart = Effect.gen(function* () {
  yield* title("A log-structured store: writers under kill -9, history, compaction")
  const report = yield* Stories.inDirectoryOfItsOwn((directory) =>
    Stories.storage({ directory, seed, kill: true })
  )
  yield* Console.log(renderStorage(report))
  yield* Demo.sumUp(
    "Log-structured storage",
    `${report.puts} puts and ${report.deletes} deletes under ${report.kills} × kill -9, ${report.acknowledgedLost} acknowledged ones lost; compaction left ${Math.round(report.bytesAfter / 1024)} of ${Math.round(report.bytesBefore / 1024)} KiB; ${report.asOfChecked} questions about the past, ${report.asOfWrong} answered wrong`
  )
})

/** Sessions live and again by both versions, on both brokers; then the two architectures over one feed. */
const architecturesPart = Effect.fnUntraced(function* <E, R>(
  once: (broker: BrokerChoice.BrokerName) => Effect.Effect<Report, E, R>
) {
  yield* title("Kappa: sessions live, the same history replayed, version 2 beside version 1")
  const told = yield* Demo.both(
    Effect.fnUntraced(function* (broker) {
      const report = yield* once(broker)
      yield* Console.log(Rendering.render(report))
      return report
    })
  )
  yield* title(`Lambda beside Kappa: one social feed of ${comparedEvents} records, in memory`)
  const shown = yield* Progress.shown
  const compared = yield* shown("compare  ", () => CompareStory.run({ seed, events: comparedEvents }))
  const naive = Object.values(compared.lambda.naive.wirings).reduce((sum, wrong) => sum + wrong, 0)
  const { kappa, lambda } = compared.freshnessMillis
  yield* Console.log(
    Object.entries(compared.lambda.naive.wirings)
      .map(([name, wrong]) => `Lambda wired the classic way "${name}": ${wrong} wrong rows`)
      .join("\n")
  )
  const { replay, sessions } = told.embedded
  yield* Demo.sumUp(
    "Lambda and Kappa",
    `of ${compared.rows} rows that DuckDB knows the truth of, Kappa had ${compared.kappa.count} wrong, Lambda wired right ${compared.lambda.corrected.count}, wired the classic ways ${naive}; fresh after ${ms(kappa.p50)} against ${ms(lambda.p50)} (p50); ${sessions} sessions ${replay.replayEqualsLive ? "replayed byte for byte" : "DIFFER when replayed"} ${Demo.brokersOf(told)}`
  )
})

const ms = (value: number | null): string => (value === null ? "–" : `${Math.round(value)} ms`)

const figure = (report: IntentReport, model: string): string => {
  const auc = report.models[model]?.perEvent.auc ?? null
  return `${model} ${auc === null ? "–" : auc.toFixed(3)}`
}

const intentPart = Effect.gen(function* () {
  yield* title("Shoppers' intent: who will buy, by their clicks")
  const given = { seed, input: Option.none(), events: Option.none() }
  const judged = yield* IntentInput.read(given, judgedEvents)
  const trainers = yield* Candidates.trainers("logistic,lstm-16", seed)
  const { report } = yield* IntentEvaluation.run(judged, { trainers, set: "natural", seed })
  yield* Console.log(`${IntentRendering.report(report)}\n`)

  const clicks = yield* IntentInput.read(given, scoredEvents)
  const told = yield* Demo.both(
    Effect.fnUntraced(function* (broker) {
      const directory = yield* RunDirectory.acquire({ app: "analytics", data: Option.none(), keeps: false })
      const scored = yield* Score.run(clicks, { seed, delayed: 0.2, speed: 0 }).pipe(
        Effect.provide(Layer.merge(BrokerChoice.layer({ broker, directory }), ActorSystem.layer))
      )
      yield* Console.log(IntentRendering.score(scored))
      return scored
    }, Effect.scoped)
  )
  const { events, onlineEqualsOffline, sameDigestDelayed } = told.embedded
  const isEqual = onlineEqualsOffline && sameDigestDelayed === true
  yield* Demo.sumUp(
    "Clickstream intent",
    `${events} clicks scored live by two models, in order and with a fifth of them late: ${isEqual ? "equal to offline, bit for bit" : "NOT EQUAL to offline"}, ${Demo.brokersOf(told)}; AUC after every click, users never seen: ${["length-only", "logistic", "lstm-16"].map((model) => figure(report, model)).join(", ")}`
  )
})

/** `analytics demo`: every part that this app shows, one after the other; sessions and scores on the embedded broker, then on NATS. */
export const demo = <E, R>(once: (broker: BrokerChoice.BrokerName) => Effect.Effect<Report, E, R>) =>
  Command.make(
    "demo",
    {},
    Effect.fnUntraced(function* () {
      yield* walPart
      yield* storagePart
      yield* architecturesPart(once)
      yield* intentPart
    }, Effect.provide(ActorSystem.layer))
  ).pipe(
    Command.withDescription(
      "A write-ahead log, a store, Lambda beside Kappa, shoppers' intent: each with its figures; on the embedded broker, then on NATS, with equal digests"
    )
  )
