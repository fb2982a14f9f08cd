import { assert, describe, it } from "@effect/vitest"
import { merchandiseShop } from "@troupe/clickstream"
import { count, patience } from "@troupe/vitest/counts"
import {
  Boosting,
  type InputSymbol,
  Logistic,
  Lstm,
  Metrics,
  type Model,
  score,
  Training
} from "../src/index.ts"
import { posterior, walk } from "./two-chains.ts"

/** Buyers are one in twenty: after the selection of sessions that reach five events, one in eight. */
const profile = { ...merchandiseShop, conversion: 0.05 }
const least = 5
const train = walk({ seed: 1, sessions: 24_000, least, profile })
const test = walk({ seed: 2, sessions: 12_000, least, profile })

/** The figures over all events from the first on, and over those that a live scorer shows. */
const figuresOf = (probabilities: (symbols: ReadonlyArray<InputSymbol>) => ReadonlyArray<number>) =>
  [1, least].map((from) => {
    const scores: Array<number> = []
    const labels: Array<number> = []
    for (const { label, symbols } of test) {
      for (const probability of probabilities(symbols).slice(from - 1)) {
        scores.push(probability)
        labels.push(label)
      }
    }
    return {
      auc: Metrics.auc(scores, labels) as number,
      logLoss: Metrics.logLoss(scores, labels) as number
    }
  })

const exact = figuresOf((symbols) => posterior(symbols, least, profile))

/** How far a model stays behind what can be known at all. */
const behind = (model: Model) =>
  figuresOf((symbols) => score(model, symbols)).map(({ auc, logLoss }, i) => ({
    auc: (exact[i]?.auc ?? 0) - auc,
    logLoss: logLoss / (exact[i]?.logLoss ?? 1) - 1
  }))

describe("sessions of two known chains", () => {
  it("have a posterior that is calibrated, and better than what any model reaches", () => {
    const [all] = exact
    assert.closeTo(all?.auc as number, 0.9, 0.01)
    assert.closeTo(all?.logLoss as number, 0.33, 0.01)
    for (const { meanScore, rate, count } of Metrics.bins(
      test.flatMap(({ symbols }) => posterior(symbols, least, profile).slice(least - 1, least)),
      test.flatMap(({ label }) => [label]),
      10
    )) {
      assert.closeTo(meanScore, rate, 4 * Math.sqrt((meanScore * (1 - meanScore)) / count) + 0.01)
    }
  })

  it("logistic regression is within 0.005 of the posterior's AUC and 1.5 % of its log loss", () => {
    const model = Training.now(Logistic.train(train))
    for (const { auc, logLoss } of behind(model)) {
      assert.isBelow(auc, 0.005)
      assert.isBelow(logLoss, 0.015)
      // Nothing knows more than the posterior: a model that does has seen the future.
      assert.isAbove(auc, -0.001)
      assert.isAbove(logLoss, -0.001)
    }
  })

  it("boosted trees are within 0.01 of the posterior's AUC and 5 % of its log loss", () => {
    const model = Training.now(Boosting.train(train.slice(0, 8000), { trees: 30 }))
    for (const { auc, logLoss } of behind(model)) {
      assert.isBelow(auc, 0.01)
      assert.isBelow(logLoss, 0.05)
      assert.isAbove(auc, -0.001)
    }
  })

  it(
    "an LSTM of 16 units is within 0.008 of the posterior's AUC (0.005 when trained longer)",
    () => {
      const model = Training.now(
        Lstm.train(train, { hidden: 16, seed: 2, epochs: count({ quick: 8, long: 14 }) })
      )
      for (const { auc, logLoss } of behind(model)) {
        assert.isBelow(auc, count({ quick: 0.008, long: 0.005 }))
        assert.isBelow(logLoss, count({ quick: 0.05, long: 0.03 }))
        assert.isAbove(auc, -0.001)
      }
    },
    patience(60_000)
  )
})
