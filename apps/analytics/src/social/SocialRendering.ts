/** Reports of the feed's commands as text for people. */
import { Table } from "@troupe/console"
import type { Ranked } from "./Answers.ts"
import type { BatchReport } from "./BatchReport.ts"
import type { DiffReport } from "./DiffReport.ts"
import type { ReplayReport } from "./ReplayReport.ts"
import type { ReprocessReport } from "./ReprocessReport.ts"
import type { SwitchReport } from "./SwitchReport.ts"
import type { TrendingReport } from "./TrendingReport.ts"

const places = (heading: string, ranked: ReadonlyArray<Ranked>): string =>
  Table.render([[heading, "score"], ...ranked.map(({ name, score }) => [name, String(score)])])

export const trending = (report: TrendingReport): string =>
  [
    `version ${report.version}: ${report.rules}; ${report.rows} rows of ${report.records} records`,
    "",
    places(`topics, hour ${report.hour} UTC`, report.trendingHour),
    "",
    places(`topics, ${report.day}`, report.trendingDay),
    "",
    places(`influential, ${report.month}`, report.influential),
    "",
    "in the top 5 of many hours of a day:",
    ...report.consistent.map(({ day, topics }) => `  ${day}  ${topics === "" ? "–" : topics}`)
  ].join("\n")

const kilobytes = (bytes: number) => `${Math.round(bytes / 1024)} KiB`

const verdict = (isProved: boolean, rows: number, version: number): string =>
  isProved
    ? `Proved: DuckDB computes the same ${rows} rows from the raw events as version ${version} of the view holds.`
    : `NOT proved: version ${version} of the view and DuckDB differ.`

const differencesShown = 5

export const batch = (report: BatchReport): string =>
  [
    Table.render([
      ["archived now", "through", "read back through", "Parquet files", "size", "rows", "buckets", "unequal"],
      [
        String(report.archived),
        String(report.through),
        String(report.verifiedThrough),
        String(report.files),
        kilobytes(report.bytes),
        String(report.rows),
        String(report.buckets),
        String(report.unequalBuckets)
      ]
    ]),
    "",
    verdict(report.proved, report.rows, report.version),
    ...report.differences
      .slice(0, differencesShown)
      .map(({ batch, key, view }) => `  ${key}: DuckDB ${batch ?? "no row"}, view ${view ?? "no row"}`)
  ].join("\n")

export const replay = (report: ReplayReport): string =>
  [
    Table.render([
      ["stage", "inputs folded", "outputs", "equal"],
      ...report.stages.map(({ inputs, name, outputs, replayEqualsLive }) => [
        name,
        String(inputs),
        String(outputs),
        replayEqualsLive ? "yes" : "NO"
      ])
    ]),
    "",
    report.replayEqualsLive
      ? `Folded again from the first record (${report.recordsPerSecond} records a second): every output is the same, byte by byte and in order.`
      : "Folded again from the first record: the outputs DIFFER from what is stored.",
    ...report.steps.map(({ kind, raw, row }) => `  ${raw}  ${kind.padEnd(7)}  ${JSON.stringify(row)}`)
  ].join("\n")

export const diff = (report: DiffReport): string =>
  [
    `version ${report.to} beside version ${report.from}, both at record ${report.through}`,
    "",
    Table.render([
      ["same", "added", "removed", "changed", "unexplained"],
      [report.same, report.added, report.removed, report.changed, report.unexplained].map(String)
    ]),
    "",
    ...report.examples.flatMap(({ after, because, before, key, sequences }) => [
      `  ${key}: ${JSON.stringify(before)} → ${JSON.stringify(after)}`,
      `    because of ${sequences.length === 1 ? "record" : "records"} ${sequences.slice(0, 8).join(", ")}${sequences.length > 8 ? " …" : ""}; the first: ${because}`
    ]),
    ...report.unexplainedExamples.map(({ key, reason }) => `  UNEXPLAINED ${key}: ${reason}`)
  ].join("\n")

const millis = (value: number | null): string => (value === null ? "–" : `${Math.round(value * 10) / 10} ms`)

export const reprocess = (report: ReprocessReport): string =>
  [
    report.reprocessed === 0
      ? `Version ${report.to} was running already: there was nothing to fold again`
      : `${report.reprocessed} records folded again in ${(report.reprocessMillis / 1000).toFixed(1)} s beside the live version`,
    "",
    Table.render([
      ["live p99 before", "during", "budget", "backfill halved"],
      [
        millis(report.liveP99Before),
        millis(report.liveP99During),
        millis(report.budgetMillis),
        String(report.throttleCuts)
      ]
    ]),
    "",
    diff(report),
    "",
    verdict(report.proved, report.provedRows, report.to)
  ].join("\n")

export const switched = (report: SwitchReport, what: "Promoted" | "Rolled back"): string =>
  `${what}: readers are told version ${report.to} instead of ${report.from} after ${millis(report.millis)} (revision ${report.revision}).`
