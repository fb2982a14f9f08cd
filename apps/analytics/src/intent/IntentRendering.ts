import { Symbols } from "@troupe/clickstream"
import { Table } from "@troupe/console"
import type { IntentReport } from "./IntentReport.ts"
import type { LayeredSession } from "./LayeredSession.ts"
import type { OpenReport } from "./OpenReport.ts"
import type { ScoreReport } from "./ScoreReport.ts"
import type { SessionsReport } from "./SessionsReport.ts"
import type { TrainReport } from "./TrainReport.ts"

const figure = (value: number | null): string => (value === null ? "–" : value.toFixed(3))

const percent = (value: number | null): string => (value === null ? "–" : `${(100 * value).toFixed(1)} %`)

const shownPrefixes = [5, 9, 20]

/** A report of models as text for people. */
export const report = (found: IntentReport): string => {
  const models = Object.entries(found.models)
  const first = models[0]?.[1]
  const { folds, test, train, validation } = found.split
  const prefixes = (first?.byPrefix ?? []).filter(({ n }) => shownPrefixes.includes(n))
  return [
    `${found.input}: ${found.sessions} sessions, ${found.purchaseSessions} with a purchase; ${found.kept} of 5 to 155 events before it, ${found.keptBuyers} of them buyers'.`,
    `The ${found.set.name} set: ${found.set.sessions} sessions, ${found.set.buyers} buyers'. ${
      folds === 1
        ? `Split by user: ${train.sessions} to learn, ${validation.sessions} to choose, ${test.sessions} to test.`
        : `${folds} folds by user: each session is tested once, by models that never saw its user.`
    }`,
    "",
    `After every event from the fifth on (${first?.perEvent.examples ?? 0} events, ${percent(first?.perEvent.rate ?? null)} buyers'):`,
    Table.render([
      ["model", "AUC", "AP", "F1", "accuracy", "log loss", "ECE", "AUC whole"],
      ...models.map(([name, { perEvent, whole }]) => [
        name,
        figure(perEvent.auc),
        figure(perEvent.averagePrecision),
        figure(perEvent.f1),
        figure(perEvent.accuracy),
        figure(perEvent.logLoss),
        figure(perEvent.ece),
        figure(whole.auc)
      ])
    ]),
    "",
    "AUC and F1 by clicks seen:",
    Table.render([
      ["model", ...prefixes.flatMap(({ n, sessions }) => [`AUC ${n} (${sessions})`, `F1 ${n}`])],
      ...models.map(([name, { byPrefix }]) => [
        name,
        ...prefixes.flatMap(({ n }) => {
          const row = byPrefix.find((one) => one.n === n)
          return [figure(row?.auc ?? null), figure(row?.f1 ?? null)]
        })
      ])
    ]),
    "",
    "Whole trajectories flatter: the purchase decides where they end. Compare with length-only.",
    ...found.plots.map((path) => `Plot: ${path}`),
    `${found.seconds.toFixed(1)} s.`
  ].join("\n")
}

/** What a training made, as text for people. */
export const train = (made: TrainReport): string =>
  [
    `${made.model} (${made.bytes} bytes, checksum ${made.checksum}) is the ${made.role} of this run from revision ${made.revision} on.`,
    `Learnt from ${made.train.sessions} sessions (${made.train.buyers} buyers'); on ${made.test.sessions} of other users (${made.test.buyers} buyers') after every event from the fifth on:`,
    Table.render([
      ["AUC", "AP", "F1", "log loss", "ECE"],
      [made.auc, made.averagePrecision, made.f1, made.logLoss, made.ece].map(figure)
    ]),
    ...(made.storedBy === "app" ? ["The app that holds the directory goes on with it."] : [])
  ].join("\n")

/** A scoring as text for people. */
export const score = (found: ScoreReport): string => {
  const { challenger, champion } = found.models
  const row = (name: string, order: ScoreReport["inOrder"]) => [
    name,
    String(order.scores),
    String(order.corrected),
    String(order.retracted),
    order.onlineEqualsOffline ? "yes" : "NO",
    order.digest.slice(0, 16)
  ]
  return [
    `${found.input} on the ${found.broker} broker (durability: ${found.durability}): ${found.events} clicks scored live.`,
    `Champion ${champion.model} (${champion.from}); in its shadow ${challenger.model} (${challenger.from}).`,
    "",
    Table.render([
      ["clicks came", "scores", "corrected", "sessions merged", "equal to offline", "digest"],
      row("in order", found.inOrder),
      ...(found.delayed === null ? [] : [row(`${percent(found.delayed.share)} late`, found.delayed)])
    ]),
    "",
    `An event costs ${Object.entries(found.microsecondsPerEvent)
      .map(([name, micros]) => `${name} ${micros} µs`)
      .join(", ")}.`
  ].join("\n")
}

const clock = (millis: number): string => new Date(millis).toISOString().slice(0, 19).replace("T", " ")

const letters = ["?", "V", "D", "A", "R", "P", "C"]

const layered = (session: LayeredSession): ReadonlyArray<string> => {
  const raw = session.events.slice(0, 4).map(({ symbol, timeMillis }) => {
    const action = Symbols.actions[symbol - 1] ?? "?"
    return `${clock(timeMillis).slice(11)} ${action}`
  })
  const more = session.events.length > raw.length ? ` … ${session.events.length - raw.length} more` : ""
  const cut = session.cut === 0 ? "" : ` │ ${session.cut} cut: first purchase and after`
  return [
    `visitor ${session.key}, ${clock(session.startMillis)}: ${session.label === 1 ? "BOUGHT" : "no purchase"}; ${session.kept ? "kept" : `not kept: ${session.why}`}`,
    `  A  ${raw.join("  ")}${more}`,
    `  B  ${session.events.map(({ symbol }) => letters[symbol] ?? "?").join("")}`,
    `  C  ${session.trajectory.join(" ")}${cut}`
  ]
}

const openLines = ({ sessions }: OpenReport): ReadonlyArray<string> =>
  sessions.map(
    ({ challenger, champion, clicks, key, reasons }) =>
      `  visitor ${key}, ${clicks} clicks: ${percent(champion)}, challenger ${percent(challenger)}${
        reasons.length === 0 ? "" : `; ${reasons.map(({ what }) => what).join(", ")}`
      }`
  )

/** Sessions in their three layers as text for people. */
export const sessions = (found: SessionsReport): string =>
  [
    `${found.input}: ${found.events} clicks, ${found.sessions} sessions, ${found.purchaseSessions} with a purchase; ${found.kept} kept, ${found.keptBuyers} of them buyers'.`,
    "A raw events → B sessions (V view, D detail, A add, R remove, P purchase, C click) → C symbols before the first purchase.",
    "",
    ...found.shown.flatMap((session) => [...layered(session), ""]),
    ...(found.open === null
      ? []
      : [`Open now, ${found.open.open} sessions; the likeliest buyers:`, ...openLines(found.open), ""])
  ].join("\n")
