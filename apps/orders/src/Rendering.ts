import { Table } from "@troupe/console"
import type { ModeReport, Report } from "./Story.ts"

const millis = (value: number) => `${Math.round(value)} ms`

const columns: ReadonlyArray<readonly [string, (mode: ModeReport) => string]> = [
  ["placed", ({ placed }) => String(placed)],
  ["accepted", ({ accepted }) => String(accepted)],
  ["refused", ({ refused }) => String(refused)],
  ["answer p50", ({ answerMillisP50 }) => millis(answerMillisP50)],
  ["answer p99", ({ answerMillisP99 }) => millis(answerMillisP99)],
  ["shipped", ({ shipped }) => String(shipped)],
  ["rejected", ({ rejected }) => String(Object.values(rejected).reduce((sum, count) => sum + count, 0))],
  ["charged twice", ({ chargedTwice }) => String(chargedTwice)],
  ["lost", ({ lost }) => String(lost)],
  ["drained after", ({ drainedAfterMillis }) => millis(drainedAfterMillis)]
]

/** The story's report as text for people. */
export const render = (report: Report): string => {
  const rows = (["sync", "queued"] as const).map((name) => [
    name === "sync" ? "synchronous" : "queued",
    ...columns.map(([, cell]) => cell(report.modes[name]))
  ])
  const reasons = Object.entries(report.modes.queued.rejected)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(", ")
  return [
    `${report.orders} orders on the ${report.broker} broker (durability: ${report.durability}); payment is down for the middle third`,
    "",
    Table.render([["", ...columns.map(([name]) => name)], ...rows]),
    "",
    `Rejected in the queued lane: ${reasons === "" ? "none" : reasons}.`,
    `Outcomes of the queued lane: ${report.digest.slice(0, 16)} (the same on every broker).`
  ].join("\n")
}

/** The story's report in one line; `where` says on which brokers it was told. */
export const summary = ({ modes, orders }: Report, where: string): string => {
  const { queued, sync } = modes
  return `of ${orders} orders while payment is down, the queues took ${queued.accepted}, answered in ${millis(queued.answerMillisP99)} (p99), shipped ${queued.shipped}, lost ${queued.lost}, charged twice ${queued.chargedTwice}; without queues ${sync.refused} were refused and ${sync.chargedTwice} charged twice; ${where}`
}
