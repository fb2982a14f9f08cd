/**
 * Figures of merit of predicted probabilities. Scores and labels are given in parallel; labels are 0 or 1.
 *
 * Equal scores are treated as equal throughout: no figure depends on the order of the examples. Figures that need both
 * classes are `null` where there is only one.
 */
import { log } from "./Elementary.ts"

type Scores = ArrayLike<number>
type Labels = ArrayLike<number>

/** Positions by falling score. */
const ranking = (scores: Scores): Uint32Array => {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i)
  return order.sort((a, b) => (scores[b] as number) - (scores[a] as number))
}

/** Calls back once for each distinct score, from the highest: what is at it or above by then. */
const thresholds = (
  scores: Scores,
  labels: Labels,
  at: (above: { readonly score: number; readonly hits: number; readonly alarms: number }) => void
): void => {
  const order = ranking(scores)
  let hits = 0
  let alarms = 0
  for (let i = 0; i < order.length; i++) {
    const place = order[i] as number
    if (labels[place] === 1) hits++
    else alarms++
    const score = scores[place] as number
    if (i + 1 === order.length || scores[order[i + 1] as number] !== score) at({ score, hits, alarms })
  }
}

/** How many labels are 1. */
export const positives = (labels: Labels): number => {
  let count = 0
  for (let i = 0; i < labels.length; i++) count += labels[i] as number
  return count
}

/**
 * Area under the ROC curve: how often a positive scores above a negative, ties counting half. Exact: sums of whole and
 * half numbers (Mann-Whitney U), no integration.
 */
export const auc = (scores: Scores, labels: Labels): number | null => {
  const all = positives(labels)
  const none = labels.length - all
  if (all === 0 || none === 0) return null
  let twice = 0
  let hits = 0
  let alarms = 0
  thresholds(scores, labels, (above) => {
    const more = above.alarms - alarms
    twice += more * (above.hits + hits)
    hits = above.hits
    alarms = above.alarms
  })
  return twice / 2 / all / none
}

/** Average precision: the mean over positives of the precision at their score, equal scores taken together. */
export const averagePrecision = (scores: Scores, labels: Labels): number | null => {
  const all = positives(labels)
  if (all === 0) return null
  let sum = 0
  let before = 0
  thresholds(scores, labels, ({ alarms, hits }) => {
    sum += ((hits - before) * hits) / (hits + alarms)
    before = hits
  })
  return sum / all
}

/** A threshold, and what it gave where it was chosen; whoever scores at least `threshold` is called a buyer. */
export interface Threshold {
  readonly threshold: number
  readonly f1: number
}

/** The score at which F1 is highest; of several, the highest score. `null` without positives. */
export const bestThreshold = (scores: Scores, labels: Labels): Threshold | null => {
  const all = positives(labels)
  if (all === 0) return null
  let best: Threshold = { threshold: Number.POSITIVE_INFINITY, f1: 0 }
  thresholds(scores, labels, ({ alarms, hits, score }) => {
    const f1 = (2 * hits) / (hits + alarms + all)
    if (f1 > best.f1) best = { threshold: score, f1 }
  })
  return best
}

/** F1 of calling everybody a buyer who scores at least `threshold`; 0 when nobody is called one rightly, `null` without positives. */
export const f1 = (scores: Scores, labels: Labels, threshold: number): number | null => {
  let hits = 0
  let called = 0
  for (let i = 0; i < labels.length; i++) {
    if (!((scores[i] as number) >= threshold)) continue
    called++
    hits += labels[i] as number
  }
  const all = positives(labels)
  return all === 0 ? null : (2 * hits) / (called + all)
}

/** The share that is called rightly when everybody who scores at least `threshold` is called a buyer. */
export const accuracy = (scores: Scores, labels: Labels, threshold = 0.5): number | null => {
  if (labels.length === 0) return null
  let right = 0
  for (let i = 0; i < labels.length; i++)
    if ((scores[i] as number) >= threshold === (labels[i] === 1)) right++
  return right / labels.length
}

/** Nobody is surer than this in the log loss: one mistake of an all too sure model must not make it infinite. */
const surest = 1e-15

/** Mean log loss in nats. */
export const logLoss = (scores: Scores, labels: Labels): number | null => {
  if (labels.length === 0) return null
  let sum = 0
  for (let i = 0; i < labels.length; i++) {
    const score = scores[i] as number
    const given = labels[i] === 1 ? score : 1 - score
    sum -= log(Math.min(1 - surest, Math.max(surest, given)))
  }
  return sum / labels.length
}

/** Examples of about the same score: a point of a calibration plot. */
export interface Bin {
  readonly count: number
  readonly meanScore: number
  readonly rate: number
}

/** Bins of equal width over [0, 1]; empty ones are left out. */
export const bins = (scores: Scores, labels: Labels, count = 15): ReadonlyArray<Bin> => {
  const found = Array.from({ length: count }, () => ({ count: 0, score: 0, positives: 0 }))
  for (let i = 0; i < labels.length; i++) {
    const score = scores[i] as number
    const bin = found[Math.max(0, Math.min(count - 1, Math.floor(score * count)))]
    if (bin === undefined) continue
    bin.count++
    bin.score += score
    bin.positives += labels[i] as number
  }
  return found
    .filter((bin) => bin.count > 0)
    .map((bin) => ({ count: bin.count, meanScore: bin.score / bin.count, rate: bin.positives / bin.count }))
}

/** Expected calibration error over 15 bins of equal width (Guo et al. 2017). */
export const calibrationError = (scores: Scores, labels: Labels): number | null =>
  labels.length === 0
    ? null
    : bins(scores, labels).reduce((sum, bin) => sum + bin.count * Math.abs(bin.meanScore - bin.rate), 0) /
      labels.length

/** A point of a ROC curve. */
export interface RocPoint {
  readonly falsePositiveRate: number
  readonly truePositiveRate: number
}

/** The ROC curve from (0, 0) to (1, 1): at most `most` points, evenly chosen; none when there is only one class. */
export const roc = (scores: Scores, labels: Labels, most = 200): ReadonlyArray<RocPoint> => {
  const all = positives(labels)
  const none = labels.length - all
  if (all === 0 || none === 0) return []
  const points: Array<RocPoint> = [{ falsePositiveRate: 0, truePositiveRate: 0 }]
  thresholds(scores, labels, ({ alarms, hits }) => {
    points.push({ falsePositiveRate: alarms / none, truePositiveRate: hits / all })
  })
  if (points.length <= most) return points
  return Array.from(
    { length: most },
    (_, i) => points[Math.round((i * (points.length - 1)) / (most - 1))] as RocPoint
  )
}
