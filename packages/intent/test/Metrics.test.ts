import { assert, describe, it } from "@effect/vitest"
import { Prng } from "@troupe/clickstream"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Metrics from "../src/Metrics.ts"

const seeds = Array.from({ length: count({ quick: 200, long: 5000 }) }, (_, i) => firstSeed() + i)

/** Few distinct scores, so that ties are the rule. */
const examples = (seed: number) => {
  const prng = Prng.make(seed)
  const length = 2 + Math.floor(prng.next() * 40)
  const levels = 1 + Math.floor(prng.next() * 8)
  const scores = Array.from({ length }, () => Math.floor(prng.next() * levels) / levels)
  const labels = Array.from({ length }, () => (prng.next() < 0.4 ? 1 : 0))
  labels[0] = 1
  labels[1] = 0
  return { scores, labels }
}

describe("AUC", () => {
  it("is the share of pairs in the right order, ties counting half", () => {
    for (const seed of seeds) {
      const { labels, scores } = examples(seed)
      let right = 0
      let pairs = 0
      for (const [i, a] of scores.entries()) {
        for (const [j, b] of scores.entries()) {
          if (labels[i] !== 1 || labels[j] !== 0) continue
          pairs++
          right += a > b ? 1 : a === b ? 0.5 : 0
        }
      }
      assert.closeTo(Metrics.auc(scores, labels) as number, right / pairs, 1e-12, `seed ${seed}`)
    }
  })

  it("is a half for a constant, and nothing where there is one class only", () => {
    assert.strictEqual(Metrics.auc([0.3, 0.3, 0.3], [0, 1, 0]), 0.5)
    assert.isNull(Metrics.auc([0.1, 0.2], [1, 1]))
    assert.isNull(Metrics.auc([], []))
  })
})

describe("average precision, F1 and accuracy", () => {
  it("do not depend on the order of the examples", () => {
    for (const seed of seeds) {
      const { labels, scores } = examples(seed)
      const order = scores.map((_, i) => (i * 7 + seed) % scores.length)
      if (new Set(order).size < order.length) continue
      const mixedScores = order.map((i) => scores[i] as number)
      const mixedLabels = order.map((i) => labels[i] as number)
      for (const figure of [Metrics.auc, Metrics.averagePrecision, Metrics.bestThreshold, Metrics.roc]) {
        assert.deepStrictEqual(figure(mixedScores, mixedLabels), figure(scores, labels), `seed ${seed}`)
      }
    }
  })

  it("average precision is the sum of precisions over recall steps, ties together", () => {
    // By hand: at 0.9 one hit of one; at 0.5 three called, two hits; at 0.1 all five, three hits.
    const scores = [0.9, 0.5, 0.5, 0.1, 0.1]
    const labels = [1, 1, 0, 0, 1]
    assert.closeTo(
      Metrics.averagePrecision(scores, labels) as number,
      (1 / 3) * 1 + (1 / 3) * (2 / 3) + (1 / 3) * (3 / 5),
      1e-12
    )
    assert.isNull(Metrics.averagePrecision([0.1], [0]))
  })

  it("the best threshold is the best of all thresholds", () => {
    for (const seed of seeds) {
      const { labels, scores } = examples(seed)
      const all = scores.map((threshold) => Metrics.f1(scores, labels, threshold) as number)
      const best = Metrics.bestThreshold(scores, labels)
      assert.strictEqual(best?.f1, Math.max(...all), `seed ${seed}`)
      assert.strictEqual(Metrics.f1(scores, labels, best?.threshold as number), best?.f1, `seed ${seed}`)
    }
    assert.isNull(Metrics.bestThreshold([0.2], [0]))
  })

  it("accuracy counts who is at the threshold as called", () => {
    assert.strictEqual(Metrics.accuracy([0.5, 0.4, 0.6, 0.5], [1, 0, 0, 0]), 0.5)
  })
})

describe("log loss and calibration", () => {
  it("log loss is the mean of −log of what was given to the truth, and never infinite", () => {
    assert.closeTo(Metrics.logLoss([0.8, 0.3], [1, 0]) as number, -(Math.log(0.8) + Math.log(0.7)) / 2, 1e-15)
    assert.closeTo(Metrics.logLoss([0], [1]) as number, -Math.log(1e-15), 1e-9)
  })

  it("the calibration error is the gap between said and seen, weighted by examples", () => {
    // Bin of 0.1: two examples, one positive, 0.4 off. Bin of 0.9: one example, positive, 0.1 off.
    assert.closeTo(Metrics.calibrationError([0.1, 0.1, 0.9], [1, 0, 1]) as number, (2 * 0.4 + 0.1) / 3, 1e-12)
    assert.deepStrictEqual(
      Metrics.bins([0, 1, 1], [0, 1, 0]).map(({ count }) => count),
      [1, 2]
    )
  })

  it("the ROC curve begins at nobody, ends at everybody, and has the AUC below it", () => {
    for (const seed of seeds) {
      const { labels, scores } = examples(seed)
      const points = Metrics.roc(scores, labels)
      const area = points.slice(1).reduce((sum, point, i) => {
        const before = points[i] as Metrics.RocPoint
        return (
          sum +
          ((point.falsePositiveRate - before.falsePositiveRate) *
            (point.truePositiveRate + before.truePositiveRate)) /
            2
        )
      }, 0)
      assert.closeTo(area, Metrics.auc(scores, labels) as number, 1e-12, `seed ${seed}`)
      assert.deepStrictEqual(points[0], { falsePositiveRate: 0, truePositiveRate: 0 })
      assert.deepStrictEqual(points[points.length - 1], { falsePositiveRate: 1, truePositiveRate: 1 })
    }
  })
})
