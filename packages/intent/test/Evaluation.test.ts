import { assert, describe, it } from "@effect/vitest"
import {
  Charts,
  Evaluation,
  type InputSymbol,
  Logistic,
  Markov,
  type Model,
  Prior,
  Report,
  Split,
  Training,
  type Trajectory
} from "../src/index.ts"
import { ticks } from "../src/LineChart.ts"
import { walk } from "./two-chains.ts"

const trajectory = (
  id: number,
  label: 0 | 1,
  symbols: ReadonlyArray<InputSymbol>
): Trajectory.Trajectory => ({
  id: `s${id}`,
  user: `u${id}`,
  startMillis: id,
  label,
  symbols
})

/** Says what the newest symbol is worth, and nothing else. */
const worth: Model = {
  ...Training.now(Prior.train([])),
  kind: "markov",
  name: "worth",
  scorer: () => ({ init: () => null, step: (_state, symbol) => symbol / 10 })
}

describe("an evaluation", () => {
  // At two clicks: 0.6 buyer, 0.3 other, 0.2 buyer, 0.2 other. At the third: 0.1 other, 0.4 buyer.
  const test = [
    trajectory(1, 1, [1, 6]),
    trajectory(2, 0, [1, 3, 1]),
    trajectory(3, 1, [2, 2, 4]),
    trajectory(4, 0, [1, 2]),
    trajectory(5, 0, [1])
  ]
  const validation = [trajectory(6, 1, [1, 3]), trajectory(7, 0, [1, 2])]
  const train = [...test, ...validation, trajectory(8, 0, [1, 1, 1])]
  const report = Evaluation.report(
    [worth],
    { train, validation, test },
    { prefixes: [1, 2, 3, 9], fromClicks: 2 }
  )

  it("counts, for each number of clicks, the sessions that have as many, and judges them then", () => {
    const rows = report.models["worth"]?.byPrefix ?? []
    assert.deepStrictEqual(
      rows.map(({ buyers, examples, n, rate, sessions }) => [n, sessions, buyers, examples, rate]),
      [
        [1, 5, 2, 5, 0.4],
        [2, 4, 2, 4, 0.5],
        [3, 2, 1, 2, 0.5],
        [9, 0, 0, 0, null]
      ]
    )
    // Four pairs: 0.6 beats both, 0.2 loses to 0.3 and ties with 0.2.
    assert.strictEqual(rows[1]?.auc, 2.5 / 4)
    assert.strictEqual(rows[2]?.auc, 1)
    assert.isNull(rows[3]?.auc)
  })

  it("takes thresholds from validation, never from the test set", () => {
    const row = report.models["worth"]?.byPrefix[1]
    // On validation 0.3 is the best threshold; on the test set it would be 0.2.
    assert.strictEqual(row?.threshold, 0.3)
    assert.strictEqual(row?.f1, 0.5)
    // Nobody of the validation set has three clicks: the threshold of all its events counts.
    assert.strictEqual(report.models["worth"]?.byPrefix[2]?.threshold, 0.3)
  })

  it("pools the events from the first that counts, and gives whole trajectories beside them", () => {
    const { perEvent, whole } = report.models["worth"] as Report.ModelReport
    assert.deepStrictEqual([perEvent.sessions, perEvent.buyers, perEvent.examples], [4, 2, 6])
    assert.deepStrictEqual([whole.sessions, whole.examples], [5, 5])
    assert.strictEqual(report.fromClicks, 2)
  })

  it("always has the prior and length-only beside it, and refuses two models of one name", () => {
    assert.deepStrictEqual(Object.keys(report.models), ["prior", "length-only", "worth"])
    assert.strictEqual(report.models["prior"]?.perEvent.auc, 0.5)
    assert.deepStrictEqual(report.train, { sessions: 8, buyers: 3, events: 18 })
    assert.throws(
      () => Evaluation.report([worth, worth], { train, validation, test }),
      "two models are called worth"
    )
  })

  it("is JSON, Markdown and SVG, with every model and every count in it", () => {
    assert.deepStrictEqual(JSON.parse(Report.toJson(report)), report)
    const markdown = Report.toMarkdown(report)
    assert.include(markdown, "| test | 5 | 2 | 40.00 % | 11 |")
    assert.include(markdown, "## After 2 clicks\n\n4 sessions, 2 with a purchase (rate 0.500).")
    assert.include(
      markdown,
      "## After 1 click\n\n5 sessions, 2 with a purchase (rate 0.400). These are only sessions"
    )
    assert.include(markdown, "| worth | 0.625 |")
    for (const chart of [Charts.roc(report), Charts.calibration(report), Charts.f1ByClicks(report)]) {
      assert.match(chart, /^<svg [^>]+>\n[\s\S]+<\/svg>\n$/)
      for (const name of Object.keys(report.models)) assert.include(chart, `>${name}`)
      assert.strictEqual(chart.match(/<polyline/g)?.length, 3)
      assert.notMatch(chart, /NaN|undefined|Infinity/)
      // Well-formed: what opens closes.
      const tags = chart.match(/<\/?[a-z]+(?=[\s>])[^>]*>/g) ?? []
      let depth = 0
      for (const tag of tags) depth += tag.startsWith("</") ? -1 : tag.endsWith("/>") ? 0 : 1
      assert.strictEqual(depth, 0)
    }
    assert.include(Charts.roc(report), "true positive rate")
    assert.include(Charts.f1ByClicks(report), "clicks seen")
  })

  it("labels axes with round numbers", () => {
    assert.deepStrictEqual(ticks(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1])
    assert.deepStrictEqual(ticks(0, 50), [0, 10, 20, 30, 40, 50])
    assert.deepStrictEqual(ticks(0, 20), [0, 5, 10, 15, 20])
    assert.deepStrictEqual(ticks(0.02, 0.11), [0.02, 0.04, 0.06, 0.08, 0.1])
  })
})

describe("a cross-validation", () => {
  const set = walk({ seed: 3, sessions: 600, least: 5 })

  it("tests every session once, by models that never saw its user, and is the same every time", () => {
    const seen: Array<ReadonlySet<string>> = []
    const run = () =>
      Training.now(
        Evaluation.crossValidate(
          set,
          [
            (split: Split.Split) => {
              assert.strictEqual(split.test.length, 0)
              seen.push(new Set([...split.train, ...split.validation].map(({ user }) => user)))
              return Logistic.train(split.train)
            },
            (split) => Markov.train(split.train)
          ],
          { seed: 2, folds: 4, prefixes: [5] }
        )
      )
    const report = run()
    assert.strictEqual(report.test.sessions, 600)
    assert.strictEqual(report.models["logistic"]?.byPrefix[0]?.sessions, 600)
    for (const [i, { test }] of Split.folds(set, { seed: 2, count: 4 }).entries()) {
      assert.isTrue(test.every(({ user }) => !seen[i]?.has(user)))
    }
    // A prior ranks nobody: whoever pools folds sees it do worse than a coin.
    assert.strictEqual(report.models["prior"]?.perEvent.auc, 0.5)
    assert.isAbove(report.models["logistic"]?.perEvent.auc as number, 0.75)
    assert.include(Report.toMarkdown(report), "Sums over 4 folds by user")
    assert.deepStrictEqual(run(), report)
  })
})
