/**
 * How good models are at telling buyers, by the number of clicks seen and over all events, always beside the two
 * baselines that know nothing of what was clicked.
 *
 * Figures are of the test set. Thresholds are those with the best F1 on the validation set, for the same number of clicks.
 */
import * as LengthOnly from "./LengthOnly.ts"
import * as Metrics from "./Metrics.ts"
import type { Model } from "./Model.ts"
import * as Prior from "./Prior.ts"
import type { Figures, ModelReport, Report, SetSize } from "./Report.ts"
import * as Scores from "./Scores.ts"
import * as Split from "./Split.ts"
import * as Training from "./Training.ts"
import { countBuyers, paperLengths, type Trajectory } from "./Trajectory.ts"

/** What to look at. */
export interface EvaluationOptions {
  /** Numbers of clicks to report; default 1, 2, 3, 5, 7, 9, 10, 15, 20, 30, 50. */
  readonly prefixes?: ReadonlyArray<number>
  /** Events before this one are not pooled: a live scorer is silent there. Default 5, the least length kept. */
  readonly fromClicks?: number
}

const defaultPrefixes = [1, 2, 3, 5, 7, 9, 10, 15, 20, 30, 50]

/** One fold's scores of one model. */
interface Fold {
  readonly test: Scores.Scores
  readonly validation: Scores.Scores
}

/** A threshold where validation has no buyer at all. */
const noBuyersThreshold = 0.5

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

/** The figures of one slice of all folds; `slice` cuts the same from validation and test. */
const figuresOf = (
  folds: ReadonlyArray<Fold>,
  slice: (scores: Scores.Scores) => Scores.Examples,
  pooled: (scores: Scores.Scores) => Scores.Examples,
  reached: number
): Figures => {
  const thresholds = folds.map(({ validation }) => {
    for (const examples of [slice(validation), pooled(validation)]) {
      const best = Metrics.bestThreshold(examples.scores, examples.labels)
      if (best !== null) return best.threshold
    }
    return noBuyersThreshold
  })
  const tests = folds.map(({ test }) => slice(test))
  const scores = Float64Array.from(tests.flatMap((examples) => [...examples.scores]))
  const labels = Uint8Array.from(tests.flatMap((examples) => [...examples.labels]))
  const calls = Uint8Array.from(
    tests.flatMap((examples, i) =>
      Array.from(examples.scores, (score) => (score >= (thresholds[i] ?? 1) ? 1 : 0))
    )
  )
  const sessions = folds.map(({ test }) => sessionsOf(test, reached))
  return {
    sessions: sum(sessions.map((counted) => counted.sessions)),
    buyers: sum(sessions.map((counted) => counted.buyers)),
    examples: labels.length,
    rate: labels.length === 0 ? null : Metrics.positives(labels) / labels.length,
    auc: overFolds(tests, Metrics.auc, (all, none) => all * none),
    averagePrecision: overFolds(tests, Metrics.averagePrecision, (all) => all),
    f1: Metrics.f1(calls, labels, 1),
    threshold: thresholds.length === 0 ? null : sum(thresholds) / thresholds.length,
    accuracy: Metrics.accuracy(scores, labels),
    logLoss: Metrics.logLoss(scores, labels),
    ece: Metrics.calibrationError(scores, labels)
  }
}

/**
 * The mean of a ranking figure over folds, by what it is a mean of. Scores of different folds' models are not ranked against
 * each other: a fold with more buyers to test has fewer to train on, and pooling them would punish that.
 */
const overFolds = (
  tests: ReadonlyArray<Scores.Examples>,
  figure: (scores: Float64Array, labels: Uint8Array) => number | null,
  weight: (positives: number, negatives: number) => number
): number | null => {
  let total = 0
  let weighted = 0
  for (const { labels, scores } of tests) {
    const value = figure(scores, labels)
    if (value === null) continue
    const positives = Metrics.positives(labels)
    const counts = weight(positives, labels.length - positives)
    total += counts
    weighted += counts * value
  }
  return total === 0 ? null : weighted / total
}

/** Sessions with at least so many events. */
const sessionsOf = ({ labels, sessions, starts }: Scores.Scores, reached: number) => {
  const found = { sessions: 0, buyers: 0 }
  for (let i = 0; i < sessions; i++) {
    if ((starts[i + 1] as number) - (starts[i] as number) < reached) continue
    found.sessions++
    found.buyers += labels[i] as number
  }
  return found
}

const reportOf = (folds: ReadonlyArray<Fold>, options: EvaluationOptions): ModelReport => {
  const fromClicks = options.fromClicks ?? paperLengths.least
  const pooled = (scores: Scores.Scores) => Scores.perEvent(scores, fromClicks)
  const events = pooled(Scores.concat(folds.map(({ test }) => test)))
  return {
    byPrefix: (options.prefixes ?? defaultPrefixes).map((n) => ({
      n,
      ...figuresOf(folds, (scores) => Scores.afterClicks(scores, n), pooled, n)
    })),
    perEvent: figuresOf(folds, pooled, pooled, fromClicks),
    whole: figuresOf(folds, Scores.atEnd, pooled, 1),
    roc: Metrics.roc(events.scores, events.labels),
    calibration: Metrics.bins(events.scores, events.labels)
  }
}

const sizeOf = (sets: ReadonlyArray<ReadonlyArray<Trajectory>>): SetSize => ({
  sessions: sum(sets.map((set) => set.length)),
  buyers: sum(sets.map(countBuyers)),
  events: sum(sets.flatMap((set) => set.map(({ symbols }) => symbols.length)))
})

const assemble = (
  splits: ReadonlyArray<Split.Split>,
  models: ReadonlyArray<ReadonlyArray<Model>>,
  options: EvaluationOptions
): Report => {
  const reports: Record<string, ModelReport> = {}
  for (const [i, { name }] of (models[0] ?? []).entries()) {
    if (Object.hasOwn(reports, name)) throw new RangeError(`two models are called ${name}: rename one`)
    const folds = splits.flatMap(({ test, validation }, k) => {
      const model = models[k]?.[i]
      return model === undefined
        ? []
        : [{ test: Scores.of(model, test), validation: Scores.of(model, validation) }]
    })
    reports[name] = reportOf(folds, options)
  }
  return {
    folds: splits.length,
    train: sizeOf(splits.map(({ train }) => train)),
    validation: sizeOf(splits.map(({ validation }) => validation)),
    test: sizeOf(splits.map(({ test }) => test)),
    fromClicks: options.fromClicks ?? paperLengths.least,
    models: reports
  }
}

/** The baselines of a training set that are not among `models`, and then these. */
const withBaselines = (
  models: ReadonlyArray<Model>,
  train: ReadonlyArray<Trajectory>
): ReadonlyArray<Model> => [
  ...(models.some(({ kind }) => kind === "prior") ? [] : [Training.now(Prior.train(train))]),
  ...(models.some(({ kind }) => kind === "length") ? [] : [Training.now(LengthOnly.train(train))]),
  ...models
]

/** Evaluates models that were trained on `split.train`; the prior and length-only are added where they are missing. */
export const report = (
  models: ReadonlyArray<Model>,
  split: Split.Split,
  options: EvaluationOptions = {}
): Report => assemble([split], [withBaselines(models, split.train)], options)

/**
 * Trains and evaluates over folds by user, so that every session is tested once by models that never saw its user: for
 * data with few buyers. `trainers` make a model from a split's train and validation sets.
 */
export const crossValidate = (
  trajectories: ReadonlyArray<Trajectory>,
  trainers: ReadonlyArray<(split: Split.Split) => Training.Training<Model>>,
  options: EvaluationOptions & { readonly folds?: number; readonly seed: number }
): Training.Training<Report> => ({
  model: "cross-validation",
  *steps() {
    const splits = Split.folds(trajectories, { count: options.folds ?? 5, seed: options.seed })
    const all: Array<ReadonlyArray<Model>> = []
    for (const [i, split] of splits.entries()) {
      const models: Array<Model> = []
      for (const trainer of trainers) {
        const training = trainer({ ...split, test: [] })
        const steps = training.steps()
        for (let step = steps.next(); ; step = steps.next()) {
          if (step.done === true) {
            models.push(step.value)
            break
          }
          const done = (i + (models.length + step.value.done) / trainers.length) / splits.length
          yield { ...step.value, done }
        }
      }
      all.push(withBaselines(models, split.train))
    }
    return assemble(splits, all, options)
  }
})
