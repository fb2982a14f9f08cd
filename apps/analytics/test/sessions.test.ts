import { hasServer } from "@troupe/nats/testing"
import { assert, describe, it } from "vitest"
import * as Analytics from "./AnalyticsProcess.ts"

const input = ["--input", "test/fixtures/own-day.csv.gz"]
const brokers = ["memory", "embedded", ...(hasServer ? ["nats"] : [])]

/** The fixture's figures, counted by a script that knows nothing of this project: sort by visitor and time, cut at the gap. */
const figures = { events: 1921, rejected: 1, visitors: 220, sessions: 359, purchaseSessions: 14, leftOut: 0 }
const v2Sessions = 640

const replayOf = (report: Record<string, unknown>) => report["replay"] as Record<string, unknown>

describe("a day of clicks", () => {
  it("gives the fixture's figures, equal digests on every broker, and a replay that equals the live run", async () => {
    const reports = []
    for (const broker of brokers) reports.push(await Analytics.json("--broker", broker, ...input))
    const digests = reports.map((report) => [report["digest"], replayOf(report)["v2Digest"]])
    assert.deepStrictEqual(new Set(digests.map(String)).size, 1)
    for (const [i, report] of reports.entries()) {
      const { differences, ...replay } = replayOf(report)
      assert.strictEqual(report["broker"], brokers[i])
      assert.deepInclude(report, { ...figures, resumedFrom: 0 })
      assert.deepInclude(replay, { replayEqualsLive: true, v1Digest: report["digest"], v2Sessions })
      assert.isAbove((differences as ReadonlyArray<unknown>).length, 0)
    }
  }, 60_000)

  it("prints one JSON object on standard output and nothing else there", async () => {
    const run = await Analytics.start("--once", "--json", "--broker", "memory", ...input).ended
    assert.strictEqual(run.stdout.trimEnd().split("\n").length, 1)
    assert.doesNotThrow(() => JSON.parse(run.stdout))
    assert.include(run.stderr, "ingest")
  })

  it("says which row it refused, in which column and why", async () => {
    const run = await Analytics.start("--once", "--broker", "memory", ...input).ended
    assert.strictEqual(run.code, 0)
    assert.match(
      run.stderr,
      /1 row of the input is no click.*\n\s*line 102, column server_timestamp_epoch_ms: "not-a-time"/
    )
  })

  it("ends with one clear line for a file that is not there, is no CSV, or is cut short", async () => {
    const missing = await Analytics.start("--once", "--input", "no-such-file.csv").ended
    assert.strictEqual(missing.code, 1)
    assert.match(missing.stderr, /^Cannot read .*no-such-file\.csv: .* with --input\.\n$/)
    const foreign = await Analytics.start("--once", "--broker", "memory", "--input", "package.json").ended
    assert.strictEqual(foreign.code, 1)
    assert.match(foreign.stderr, /line 1: column .* is missing/)
  })
})
