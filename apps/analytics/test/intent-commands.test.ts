import { readFileSync } from "node:fs"
import * as Schema from "effect/Schema"
import { assert, describe, it } from "vitest"
import { IntentReport } from "../src/intent/IntentReport.ts"
import { SessionsReport } from "../src/intent/SessionsReport.ts"
import * as Analytics from "./AnalyticsProcess.ts"
import { countBySession, writeCoveo } from "./intent-input.ts"

const ownDay = ["--input", "test/fixtures/own-day.csv.gz"]

/**
 * The fixture's figures, counted by a script that knows nothing of this project: cut at the gap and at the purchase, count. Of its 1 921
 * clicks one is there twice; the kept ones have 1 400 before the cut.
 */
const figures = { sessions: 359, purchaseSessions: 14, kept: 139, keptBuyers: 7 }

/** A command to its end; its one line of standard output. */
const ask = async (...args: ReadonlyArray<string>) => {
  const { code, stderr, stdout } = await Analytics.start(...args).ended
  assert.strictEqual(code, 0, stderr)
  return { stdout, stderr }
}

const askJson = async <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  ...args: ReadonlyArray<string>
) => {
  const { stderr, stdout } = await ask(...args, "--json")
  assert.strictEqual(stdout.trimEnd().split("\n").length, 1)
  return { stderr, report: Schema.decodeUnknownSync(schema)(JSON.parse(stdout)) }
}

describe("report", () => {
  it("counts the fixture's sessions, evaluates over folds beside the baselines, and draws", async () => {
    using directory = Analytics.temporaryDirectory()
    const { report, stderr } = await askJson(
      IntentReport,
      "report",
      ...ownDay,
      "--models",
      "logistic,lstm8",
      "--svg",
      directory.path
    )
    assert.deepInclude(report, { ...figures, events: 1921, rejected: 1 })
    assert.match(stderr, /1 row of the input is no click:\n\s*line 102, column server_timestamp_epoch_ms/)
    assert.match(stderr, /cross-validation .*100%/)
    assert.deepStrictEqual(Object.keys(report.models), ["prior", "length-only", "logistic", "lstm-8"])
    assert.deepInclude(report.split, { folds: 5, test: { sessions: 139, buyers: 7, events: 1400 } })
    for (const [name, { byPrefix, perEvent, whole }] of Object.entries(report.models)) {
      assert.deepStrictEqual(
        byPrefix.map(({ n }) => n),
        [1, 2, 3, 5, 7, 9, 10, 15, 20, 30, 50],
        name
      )
      assert.deepInclude(byPrefix[3], { n: 5, sessions: 139, buyers: 7, examples: 139, rate: 7 / 139 }, name)
      assert.strictEqual(perEvent.examples, 1400 - 4 * 139, name)
      assert.strictEqual(whole.examples, 139, name)
    }
    // Whoever does not look at clicks cannot rank sessions of one length.
    for (const { auc } of report.models["length-only"]?.byPrefix ?? []) assert.oneOf(auc, [0.5, null])
    assert.strictEqual(report.plots.length, 3)
    for (const plot of report.plots)
      assert.match(readFileSync(plot, "utf8"), /^<svg [\s\S]*logistic[\s\S]*<\/svg>\s*$/)
  })

  it("reads the release's format, evaluates a balanced set, and says it as Markdown", async () => {
    using directory = Analytics.temporaryDirectory()
    const file = `${directory.path}/coveo.csv`
    const events = writeCoveo(file, { seed: 11, sessions: 900, conversion: 0.08 })
    const counts = countBySession(events)
    assert.isAbove(counts.keptBuyers, 20)
    const args = [
      "report",
      "--input",
      file,
      "--models",
      "markov-1,motifs",
      "--set",
      "balanced",
      "--seed",
      "3"
    ]
    const [first, { stdout }] = await Promise.all([
      askJson(IntentReport, ...args),
      ask(...args, "--markdown")
    ])
    assert.deepInclude(first.report, { ...counts, events: events.length, rejected: 0 })
    const { keptBuyers } = counts
    assert.deepStrictEqual(first.report.set, {
      name: "balanced",
      sessions: 2 * keptBuyers,
      buyers: keptBuyers
    })
    // Buyers of the simulator browse otherwise: whoever looks at clicks sees some of it.
    assert.isAbove(first.report.models["markov-1"]?.perEvent.auc ?? 0, 0.6)
    assert.match(stdout, /^# Purchase intent\n[\s\S]*\| length-only \|[\s\S]*## Whole trajectories/)
  })

  it("ends with one clear line for what it cannot do", async () => {
    const refusals: ReadonlyArray<readonly [RegExp, ReadonlyArray<string>]> = [
      [/^line 1: column session is missing.*Give a CSV/m, ["--input", "package.json"]],
      [/^There is no model "lstm-17"\. Name one of /m, ["--models", "logistic,lstm-17"]],
      [/0 of them with a purchase: too few.*--set/m, ["--events", "100"]],
      [/^Cannot use .*package\.json.* --data/m, [...ownDay, "--models", "motifs", "--svg", "package.json/x"]]
    ]
    const ended = await Promise.all(
      refusals.map(([, args]) => Analytics.start("report", "--json", ...args).ended)
    )
    for (const [i, { code, stderr, stdout }] of ended.entries()) {
      const [pattern] = refusals[i] ?? [/never/]
      assert.strictEqual(code, 1, stderr)
      assert.match(stderr, pattern)
      assert.strictEqual(stdout, "")
    }
  })
})

describe("sessions", () => {
  it("lays every click in one session, cuts at the first purchase, and says why one is not kept", async () => {
    const { report } = await askJson(SessionsReport, "sessions", ...ownDay, "--top", "1000")
    assert.deepInclude(report, { ...figures, events: 1921, rejected: 1, open: null })
    assert.strictEqual(report.shown.length, 359)
    assert.strictEqual(
      new Set(report.shown.flatMap(({ events }) => events.map(({ eventId }) => eventId))).size,
      1920
    )
    for (const { cut, events, kept, label, lastMillis, startMillis, trajectory, why } of report.shown) {
      const symbols = events.map(({ symbol }) => symbol)
      const purchase = symbols.indexOf(5)
      assert.strictEqual(label, purchase < 0 ? 0 : 1)
      assert.deepStrictEqual(trajectory, purchase < 0 ? symbols : symbols.slice(0, purchase))
      assert.strictEqual(cut, symbols.length - trajectory.length)
      assert.strictEqual(kept, trajectory.length >= 5 && trajectory.length <= 155)
      assert.strictEqual(why === "", kept)
      const times = events.map(({ timeMillis }) => timeMillis)
      assert.deepStrictEqual(
        times,
        times.toSorted((a, b) => a - b)
      )
      assert.deepStrictEqual([startMillis, lastMillis], [times[0], times.at(-1)])
    }
    const { stdout } = await ask("sessions", ...ownDay, "--top", "1")
    assert.match(
      stdout,
      /BOUGHT; kept\n {2}A {2}.*\n {2}B {2}[VDARC]+P[VDARPC]*\n {2}C {2}[12346 ]+ │ \d+ cut/
    )
  })
})
