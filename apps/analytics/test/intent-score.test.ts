import { hasServer } from "@troupe/nats/testing"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Schema from "effect/Schema"
import { assert, describe, it } from "vitest"
import { ScoreReport } from "../src/intent/ScoreReport.ts"
import { TrainReport } from "../src/intent/TrainReport.ts"
import * as Analytics from "./AnalyticsProcess.ts"

const input = ["--input", "test/fixtures/own-day.csv.gz"]
const brokers = ["memory", "embedded", ...(hasServer ? ["nats"] : [])]

const run = async <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  ...args: ReadonlyArray<string>
) => {
  const { code, stderr, stdout } = await Analytics.start(...args, "--json").ended
  assert.strictEqual(code, 0, stderr)
  assert.strictEqual(stdout.trimEnd().split("\n").length, 1)
  return Schema.decodeUnknownSync(schema)(JSON.parse(stdout))
}
const score = (...args: ReadonlyArray<string>) => run(ScoreReport, "score", ...input, ...args)
let once: ReturnType<typeof score> | undefined
/** One run in memory, for all who compare with it. */
const undisturbed = () => {
  once ??= score("--broker", "memory")
  return once
}
const train = (...args: ReadonlyArray<string>) => run(TrainReport, "train", ...args)

/** Without what may differ between two runs of the same clicks. */
const lasting = (report: typeof ScoreReport.Type) => ({
  ...report,
  broker: "",
  durability: "",
  eventsPerSecond: 0,
  microsecondsPerEvent: {},
  models: {},
  inOrder: { ...report.inOrder, resumedFrom: 0 },
  delayed: report.delayed === null ? null : { ...report.delayed, resumedFrom: 0 }
})

describe("score", () => {
  it(
    "gives the scores of offline, and the same digest on every broker, in order and with a fifth of the clicks late",
    async () => {
      const reports = await Promise.all(
        brokers.map((broker) => (broker === "memory" ? undisturbed() : score("--broker", broker)))
      )
      const [first] = reports
      assert.isDefined(first)
      for (const [i, report] of reports.entries()) {
        assert.strictEqual(report.broker, brokers[i])
        assert.deepStrictEqual(lasting(report), lasting(first))
      }
      assert.deepInclude(first, {
        events: 1921,
        rejected: 1,
        onlineEqualsOffline: true,
        sameDigestDelayed: true
      })
      const { delayed, inOrder } = first
      // One click is there twice.
      assert.deepInclude(inOrder, { scores: 1920, leftOut: 0, retracted: 0, digest: first.digest })
      // The late ones do put it to the test.
      assert.deepInclude(delayed, { scores: 1920, leftOut: 0, digest: first.digest })
      assert.closeTo(delayed?.late ?? 0, 1921 / 5, 80)
      assert.isAbove(delayed?.corrected ?? 0, 1000)
      assert.isAbove(delayed?.retracted ?? 0, 10)
      assert.hasAllKeys(first.microsecondsPerEvent, ["logistic", "lstm16"])
      for (const micros of Object.values(first.microsecondsPerEvent)) assert.isAbove(micros, 0)
      assert.match(first.models.champion.from, /trained on .* simulated sessions, seed 1000010/)
    },
    patience(60_000)
  )

  it(
    "goes on with the model that was trained for the run, as another version beside the old one",
    async () => {
      using directory = Analytics.temporaryDirectory()
      const data = ["--data", directory.path]
      const before = await score(...data)
      const learn = ["--events", "8000", "--model", "markov-2"]
      const made = await train(...data, ...learn, "--role", "champion")
      assert.deepInclude(made, { model: "markov-2", role: "champion", storedBy: "here", revision: 3 })
      assert.isAbove(made.bytes, 100)
      assert.isAbove(made.auc ?? 0, 0.5)
      const after = await score(...data)
      assert.deepInclude(after, { onlineEqualsOffline: true, sameDigestDelayed: true })
      assert.deepInclude(after.models.champion, { model: "markov-2", checksum: made.checksum, revision: 3 })
      assert.strictEqual(after.models.challenger.checksum, before.models.challenger.checksum)
      assert.notStrictEqual(after.digest, before.digest)
      const again = await train(...data, ...learn, "--role", "challenger")
      assert.deepInclude(again, { revision: 4, checksum: made.checksum })
    },
    patience(60_000)
  )
})

/** The fixture's twenty hours in about four seconds. */
const slowly = ["--speed", "20000"]

const wait = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** Milliseconds after the first clicks went in, the same for the same seed. */
const moment = (seed: number) => ((seed * 2654435761) % 2 ** 32) % 2500

// Servers are killed in the long run too, and in killed.test.ts.
describe.each(["embedded", ...(hasServer && count({ quick: 0, long: 1 }) === 1 ? ["nats"] : [])])(
  "score killed in the middle on %s",
  (broker) => {
    it(
      "goes on from the row that the topic names, and leaves the scores of an undisturbed run",
      async () => {
        const wanted = lasting(await undisturbed())
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 1, long: 12 }); seed++) {
          using directory = Analytics.temporaryDirectory()
          const args = ["--broker", broker, "--data", directory.path]
          // In order first, then among the late ones.
          for (const order of [/in-order/, /delayed/]) {
            const killed = Analytics.start(
              "score",
              "--json",
              ...input,
              ...args,
              ...(order.source === "delayed" ? [] : slowly)
            )
            await killed.says(order)
            await wait(order.source === "delayed" ? 0 : 300 + moment(seed))
            killed.kill("SIGKILL")
            assert.strictEqual((await killed.ended).signal, "SIGKILL", `seed ${seed}`)
          }
          const report = await score(...args)
          assert.deepStrictEqual(lasting(report), wanted, `seed ${seed}`)
          assert.isAbove(report.inOrder.resumedFrom, 0, `seed ${seed}`)
          assert.match(report.models.champion.from, /registry/, `seed ${seed}`)
        }
      },
      patience(60_000)
    )
  }
)
