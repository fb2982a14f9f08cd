import { BrokerChoice, Progress, RunDirectory, Table } from "@troupe/console"
import { ActorSystem } from "@troupe/runtime"
import * as Console from "effect/Console"
import { Command } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SocialInput from "../SocialInput.ts"
import * as Compare from "./Compare.ts"
import type { CompareReport, LambdaDisagreement } from "./CompareReport.ts"

const defaultEvents = 200_000

const text = (row: object | null): string => (row === null ? "no row" : JSON.stringify(row))

/** The first disagreement of each wiring, in words. */
const firsts = (disagreements: ReadonlyArray<LambdaDisagreement>): ReadonlyArray<string> => {
  const seen = new Map<string, LambdaDisagreement>()
  for (const one of disagreements) if (!seen.has(one.wiring)) seen.set(one.wiring, one)
  return [...seen.values()].flatMap(({ cause, key, lambda, question, truth, wiring }) => [
    `  ${wiring}: ${cause}.`,
    `    ${question} ${key}: answered ${text(lambda)}, true is ${text(truth)}`
  ])
}

const millis = (value: number | null): string => (value === null ? "–" : `${Math.round(value)} ms`)

/** A comparison as text for people. */
export const render = (report: CompareReport): string => {
  const { answerMillis, cpuSecondsPerMillion, freshnessMillis, kappa, lambda } = report
  const row = (name: "lambda" | "kappa", disagreements: number) => [
    name === "lambda" ? "Lambda, corrected" : "Kappa",
    String(disagreements),
    `${millis(freshnessMillis[name].p50)} / ${millis(freshnessMillis[name].p99)}`,
    millis(answerMillis[name]),
    `${cpuSecondsPerMillion[name]} s`
  ]
  return [
    `${report.events} records on the ${report.broker} broker (durability: ${report.durability}); ${report.rows} rows of truth by DuckDB`,
    "",
    Table.render([
      ["", "disagreements", "fresh after p50 / p99", "one answer", "CPU a million records"],
      row("lambda", lambda.corrected.disagreements.length),
      row("kappa", kappa.disagreements.length)
    ]),
    "",
    "Lambda wired the classic ways:",
    Table.render([
      ["wiring", "disagreements"],
      ...Object.entries(lambda.naive.wirings).map(([name, count]) => [name, String(count)])
    ]),
    "",
    ...firsts(lambda.naive.disagreements)
  ].join("\n")
}

/** `analytics compare`: Lambda beside Kappa over one feed. */
export const compare = Command.make(
  "compare",
  SocialInput.flags,
  Effect.fnUntraced(function* (given: SocialInput.Flags) {
    const directory = yield* RunDirectory.acquireEmpty({ app: "analytics", data: given.data })
    const source = yield* SocialInput.sourceOf(given, defaultEvents)
    const rows = yield* SocialInput.rowsOf(source, given)
    const shown = yield* Progress.shown
    const settings = { seed: given.seed, source, rows, directory: directory.path, shown }
    const report = yield* Compare.run(settings).pipe(
      Effect.scoped,
      Effect.provide(Layer.merge(BrokerChoice.layer({ broker: given.broker, directory }), ActorSystem.layer))
    )
    yield* Console.log(given.json ? JSON.stringify(report) : render(report))
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    `Lambda beside Kappa over one feed (${defaultEvents} records): every answer that is not the truth, freshness, CPU; and the classic ways to wire a Lambda wrong`
  )
)
