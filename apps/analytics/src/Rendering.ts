import { Table } from "@troupe/console"
import * as Effect from "effect/Effect"
import type { Report } from "./Once.ts"

const shownDifferences = 3

/** A run's report as text for people. */
export const render = (report: Report): string => {
  const { replay } = report
  const lines = [
    `${report.input} on the ${report.broker} broker (durability: ${report.durability})`,
    "",
    Table.render([
      ["", "v1, 30 min", "v2, 15 min"],
      ["sessions", String(report.sessions), String(replay.v2Sessions)],
      ["digest", report.digest.slice(0, 12), replay.v2Digest.slice(0, 12)]
    ]),
    "",
    Table.render([
      ["clicks", "visitors", "with a purchase", "left out", "rows rejected"],
      [
        String(report.events),
        String(report.visitors),
        String(report.purchaseSessions),
        String(report.leftOut),
        String(report.rejected)
      ]
    ]),
    "",
    Object.entries(report.symbols)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join("  "),
    "",
    replay.replayEqualsLive
      ? "Version 1 replayed from the beginning equals the live table, byte for byte."
      : "Version 1 replayed from the beginning DIFFERS from the live table.",
    `Version 2 cuts ${replay.differences.length} stretches of browsing otherwise:`
  ]
  for (const { key, v1, v2 } of replay.differences.slice(0, shownDifferences)) {
    const from = new Date(v1[0]?.startMillis ?? v2[0]?.startMillis ?? 0).toISOString()
    lines.push(
      `  visitor ${key} at ${from}: ${v1.length} session${v1.length === 1 ? "" : "s"} → ${v2.length}`
    )
  }
  if (report.resumedFrom > 0) lines.push("", `Resumed after row ${report.resumedFrom}.`)
  return lines.join("\n")
}

/** Tells on standard error which rows of the input were refused. */
export const tellRejects = ({ firstRejects, rejected }: Report) =>
  Effect.sync(() => {
    const rows =
      rejected === 1 ? "1 row of the input is no click" : `${rejected} rows of the input are no clicks`
    const more = rejected > firstRejects.length ? ["…"] : []
    const lines = [
      `${rows}; the topic clicks-rejected lists all:`,
      ...[...firstRejects, ...more].map((text) => `  ${text}`)
    ]
    process.stderr.write(`${lines.join("\n")}\n`)
  })
