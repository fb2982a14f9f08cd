import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { NodeServices } from "@effect/platform-node"
import { Subject } from "@troupe/broker"
import { hasServer } from "@troupe/nats/testing"
import { count, patience } from "@troupe/vitest/counts"
import { CliOutput, Command } from "effect/cli"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { afterAll, assert, describe, it } from "vitest"
import { BatchReport } from "../src/social/BatchReport.ts"
import * as CompareCommand from "../src/social/compare/CompareCommand.ts"
import { CompareReport } from "../src/social/compare/CompareReport.ts"
import { DiffReport } from "../src/social/DiffReport.ts"
import * as Feed from "../src/social/Feed.ts"
import * as RawTopic from "../src/social/RawTopic.ts"
import { ReplayReport } from "../src/social/ReplayReport.ts"
import { ReprocessReport } from "../src/social/ReprocessReport.ts"
import { commands } from "../src/social/SocialCommands.ts"
import * as SocialEvent from "../src/social/SocialEvent.ts"
import * as SocialRendering from "../src/social/SocialRendering.ts"
import { SwitchReport } from "../src/social/SwitchReport.ts"
import { TrendingReport } from "../src/social/TrendingReport.ts"
import * as Analytics from "./AnalyticsProcess.ts"

/** Each comparison is ten seconds of work: a quick run compares on two brokers. */
const brokers = ["memory", ...(hasServer ? ["nats"] : []), "embedded"].slice(0, count({ quick: 2, long: 3 }))

const directory = Analytics.temporaryDirectory()
afterAll(() => directory[Symbol.dispose]())
const inDirectory = (name: string) => join(directory.path, name)

/** What a command answers with `--json`: nothing more and nothing less than its schema says. */
const told = async <A>(schema: Schema.ConstraintDecoder<A>, ...args: ReadonlyArray<string>): Promise<A> => {
  const { code, stderr, stdout } = await Analytics.start(...args, "--json").ended
  assert.strictEqual(code, 0, stderr)
  assert.strictEqual(stdout.trimEnd().split("\n").length, 1)
  return Schema.decodeUnknownSync(schema, { onExcessProperty: "error" })(JSON.parse(stdout))
}

const lines = 2000
const feed = ["--events", String(lines), "--seed", "7"]
/** Beside the lines the topic holds which input it has, and the end of each partition. */
const records = lines + 5

describe(
  "one feed, asked by one command after the other",
  () => {
    const run = ["--data", inDirectory("run")]
    let trending: TrendingReport
    let diff: DiffReport

    it("trending: the rankings of the newest hour, day and month", async () => {
      trending = await told(TrendingReport, "trending", ...run, ...feed)
      assert.deepInclude(trending, { version: 1, records, editions: [{ version: 1, folded: lines + 4 }] })
      for (const ranking of [trending.trendingHour, trending.trendingDay, trending.influential]) {
        assert.isAbove(ranking.length, 0)
        const scores = ranking.map(({ score }) => score)
        assert.deepStrictEqual(
          scores,
          scores.toSorted((a, b) => b - a)
        )
      }
      const { code, stdout } = await Analytics.start("trending", ...run).ended
      assert.deepStrictEqual([code, stdout], [0, `${SocialRendering.trending(trending)}\n`])
      assert.include(stdout, `version 1: ${trending.rules}; ${trending.rows} rows of ${records} records`)
      assert.include(stdout, `topics, hour ${trending.hour} UTC`)
      assert.match(stdout, /influential, 2026-02/)
    })

    it("batch: DuckDB proves every row", async () => {
      const batch = await told(BatchReport, "batch", ...run)
      assert.deepInclude(batch, { version: 1, archived: records, through: records, verifiedThrough: records })
      assert.deepInclude(batch, { proved: true, differences: [], unequalBuckets: 0, rows: trending.rows })
      assert.isAbove(batch.buckets, 100)
      const text = SocialRendering.batch(batch)
      assert.include(text, `Proved: DuckDB computes the same ${batch.rows} rows`)
      const unequal = { partition: 0, hour: 1, key: "k", view: "1" }
      assert.match(
        SocialRendering.batch({ ...batch, proved: false, differences: [unequal] }),
        /NOT proved: .*\n {2}k: DuckDB no row, view 1/
      )
    })

    it("replay: both stages byte by byte, and one row event by event", async () => {
      const name = trending.influential[0]?.name ?? ""
      const key = `month/${trending.month}/${Subject.partitionOf(name, RawTopic.partitions)}/${name}`
      const replay = await told(ReplayReport, "replay", ...run, "--key", key)
      assert.isTrue(replay.replayEqualsLive)
      assert.deepStrictEqual(
        replay.stages.map(({ differences, inputs, name, replayEqualsLive }) => [
          name,
          inputs,
          replayEqualsLive,
          differences
        ]),
        [
          ["social-preprocessed-v1", records, true, []],
          ["social-aggregated-v1", lines, true, []]
        ]
      )
      const sequences = replay.steps.map(({ raw }) => raw) ?? []
      assert.isAbove(sequences.length, 0)
      assert.deepStrictEqual(
        sequences,
        sequences.toSorted((a, b) => a - b)
      )
      const text = SocialRendering.replay(replay)
      assert.match(text, /every output is the same, byte by byte and in order/)
      assert.include(text, `${sequences[0]}  ${replay.steps[0]?.kind}`)
    })

    it("diff: every row that version 2 has otherwise, and why", async () => {
      diff = await told(DiffReport, "diff", ...run)
      assert.deepInclude(diff, { from: 1, to: 2, through: records, unexplained: 0, unexplainedExamples: [] })
      assert.strictEqual(diff.same + diff.removed + diff.changed, trending.rows)
      assert.notStrictEqual(diff.v1Digest, diff.v2Digest)
      for (const part of [diff.added, diff.removed, diff.changed, diff.examples.length])
        assert.isAbove(part, 0)
      const text = SocialRendering.diff(diff)
      assert.include(text, `version 2 beside version 1, both at record ${records}`)
      assert.match(text, /because of records? \d+.*; the first: e\d+: u\d+ /)
    })

    it("promote and rollback: one record changes, and readers follow", async () => {
      const promoted = await told(SwitchReport, "promote", ...run)
      const differences = diff.added + diff.removed + diff.changed
      assert.deepInclude(promoted, {
        from: 1,
        to: 2,
        provedRows: diff.same + diff.added + diff.changed,
        differences
      })
      assert.match(
        SocialRendering.switched(promoted, "Promoted"),
        /^Promoted: .*version 2 instead of 1.*revision/
      )
      const second = await told(TrendingReport, "trending", ...run)
      assert.deepInclude(second, { version: 2, rows: promoted.provedRows })
      const { code, stdout } = await Analytics.start("rollback", ...run).ended
      assert.strictEqual(code, 0)
      assert.match(
        stdout,
        /^Rolled back: readers are told version 1 instead of 2 after .* ms \(revision \d+\)\.\n$/
      )
      assert.strictEqual((await told(TrendingReport, "trending", ...run)).version, 1)
    })

    it("reprocess: version 2 beside live traffic, proved, promoted and rolled back", async () => {
      const Reprocessed = Schema.Struct({
        ...ReprocessReport.fields,
        promotedInMillis: Schema.Number,
        rolledBackInMillis: Schema.Number
      })
      const report = await told(Reprocessed, "reprocess", "--data", inDirectory("reprocess"), ...feed)
      assert.deepInclude(report, {
        proved: true,
        notProved: 0,
        unexplained: 0,
        v1Digest: diff.v1Digest,
        v2Digest: diff.v2Digest
      })
      assert.isAtLeast(report.reprocessed, Math.floor((lines * 5) / 6))
      const text = SocialRendering.reprocess(report)
      assert.match(text, /^\d+ records folded again in [\d.]+ s beside the live version/)
      assert.match(text, /Proved: DuckDB computes the same \d+ rows from the raw events as version 2/)
    })
  },
  patience(60_000)
)

/** A busy feed with what is no event in it, as somebody would bring it along. */
const bad = [
  "not json",
  '{"id":3}',
  "",
  '{"id":"x","kind":"shout","user":"u","post":"p","author":"u","topic":null,"at":1}'
]
const ownLines = [...Feed.lines({ seed: 7, events: 1500, days: 2 })]
const own = inDirectory("own.ndjson.gz")
writeFileSync(own, gzipSync([...ownLines.slice(0, 700), ...bad, ...ownLines.slice(700)].join("\r\n")))

describe("compare", () => {
  it(
    "finds the same on every broker: every naive wiring wrong, the corrected one and Kappa right",
    async () => {
      const reports = await Promise.all(
        brokers.map((broker) =>
          told(
            CompareReport,
            "compare",
            "--broker",
            broker,
            "--data",
            inDirectory(`compare-${broker}`),
            "--input",
            own
          )
        )
      )
      const found = reports.map(
        ({
          answerMillis: _,
          broker: __,
          cpuSecondsPerMillion: ___,
          durability: ____,
          freshnessMillis: _____,
          ...rest
        }) => rest
      )
      for (const other of found) assert.deepStrictEqual(other, found[0])
      assert.deepStrictEqual(
        reports.map(({ broker }) => broker),
        brokers
      )
      const [report] = reports
      assert.isDefined(report)
      const { kappa, lambda } = report
      assert.strictEqual(Object.keys(lambda.naive.wirings).length, 9)
      for (const [wiring, count] of Object.entries(lambda.naive.wirings)) {
        assert.isAbove(count, 0, wiring)
        assert.lengthOf(
          lambda.naive.disagreements.filter((one) => one.wiring === wiring),
          count
        )
      }
      assert.deepStrictEqual([lambda.corrected.disagreements, kappa.disagreements], [[], []])
      assert.isAbove(report.rows, 1000)

      const events = ownLines
        .map(SocialEvent.parse)
        .filter(Result.isSuccess)
        .map(({ success }) => success.id)
      assert.deepStrictEqual(report.leftOut, {
        rejected: bad.filter((line) => line !== "").length + ownLines.length - events.length,
        late: 0,
        duplicate: events.length - new Set(events).size
      })
      for (const { answerMillis, cpuSecondsPerMillion } of reports) {
        for (const cost of [answerMillis, cpuSecondsPerMillion]) {
          assert.isAbove(cost.kappa, 0)
          assert.isAbove(cost.lambda, 0)
        }
      }
      const text = CompareCommand.render(report)
      assert.match(text, /Lambda, corrected +0 /)
      assert.match(text, /Kappa +0 /)
      for (const [wiring, count] of Object.entries(lambda.naive.wirings)) {
        assert.match(text, new RegExp(`^ *${wiring} +${count}$`, "m"))
        assert.match(text, new RegExp(`^ *${wiring}: .*\\.$`, "m"))
      }
    },
    patience(120_000)
  )
})

describe("a file of lines", () => {
  it("gives what the generated feed gives that it was written from", async () => {
    const text = [...Feed.lines({ seed: 7, events: 600 })].map((line) => `${line}\n`).join("")
    const file = inDirectory("feed.ndjson")
    writeFileSync(file, text)
    const memory = ["batch", "--broker", "memory"]
    const generated = await told(BatchReport, ...memory, "--events", "600", "--seed", "7")
    assert.isTrue(generated.proved)
    // The archive's bytes differ by the times at which the records came in.
    assert.deepStrictEqual(
      { ...(await told(BatchReport, ...memory, "--input", file)), bytes: 0 },
      { ...generated, bytes: 0 }
    )
  })
})

describe("what cannot be done", () => {
  const refused = async (expected: RegExp, ...args: ReadonlyArray<string>) => {
    const { code, stderr, stdout } = await Analytics.start(...args, "--broker", "memory", "--json").ended
    assert.deepStrictEqual([code, stdout], [1, ""], stderr)
    assert.match(stderr, expected)
    assert.notInclude(stderr, "    at ")
  }

  it(
    "is named with the remedy, in few words, and nothing is printed on standard output",
    async () => {
      const folder = inDirectory("folder")
      mkdirSync(folder)
      const cut = inDirectory("cut.ndjson.gz")
      const whole = gzipSync(ownLines.join("\n"))
      writeFileSync(cut, whole.subarray(0, whole.length - 2000))
      const remedy =
        /: it is not a file\. Name a file of one JSON object a line, plain or gzipped, with --input\.\n$/
      for (const [expected, ...args] of [
        [
          /Cannot read .*no-such\.ndjson: NotFound.*with --input\.\n$/,
          "trending",
          "--input",
          "no-such.ndjson"
        ],
        [remedy, "diff", "--input", folder],
        [/cut\.ndjson\.gz|gzip|cut short|damaged/i, "batch", "--input", cut],
        [
          /--events: "-1"\. Expected: a whole number of at least 0\nSee analytics promote --help\.\n$/,
          "promote",
          "--events=-1"
        ],
        [
          /--seed: "9{20}"\. Expected an integer\nSee analytics compare --help\.\n$/,
          "compare",
          "--seed",
          "9".repeat(20)
        ]
      ] as const) {
        await refused(expected, ...args)
      }
    },
    patience(60_000)
  )
})

describe("the help of", () => {
  const shared = ["--broker", "--data", "--seed", "--json", "--input", "--events"]
  const app = Command.make("analytics").pipe(Command.withSubcommands([...commands, CompareCommand.compare]))

  it.each([...commands, CompareCommand.compare].map(({ name }) => name))(
    "%s names its flags",
    async (name) => {
      let help = ""
      const presenter: CliOutput.Presenter = {
        present: (event) =>
          Effect.sync(() => {
            if (event._tag !== "Help") return
            help = CliOutput.defaultFormatter({ colors: false }).formatHelpDoc(event.helpDoc)
          })
      }
      await Effect.runPromise(
        Command.runWith(app, { version: "1" })([name, "--help"]).pipe(
          Effect.provideService(CliOutput.Presenter, presenter),
          Effect.provide(NodeServices.layer)
        )
      )
      for (const flag of [...shared, ...(name === "replay" ? ["--key"] : [])]) {
        // With a description behind it.
        assert.match(help, new RegExp(`^ +${flag}\\b.* {2}\\S+ \\S+`, "m"))
      }
    }
  )
})
