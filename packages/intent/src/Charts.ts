/**
 * An evaluation's pictures as SVG documents: ROC, calibration, F1 by clicks. No script, no font of its own.
 */
import * as LineChart from "./LineChart.ts"
import type { ModelReport, Report } from "./Report.ts"

const seriesOf = (
  report: Report,
  points: (model: ModelReport) => ReadonlyArray<LineChart.Point>
): ReadonlyArray<LineChart.Series> =>
  Object.entries(report.models).map(([name, model]) => ({ name, points: points(model) }))

const figure = (value: number | null): string => (value === null ? "–" : value.toFixed(3))

/**
 * True positive rate over false positive rate, of all events from `fromClicks` on; the legend gives the AUC. Over
 * folds the curve ranks the scores of all models together, the AUC does not.
 */
export const roc = (report: Report): string =>
  LineChart.draw({
    title: `ROC, every event from event ${report.fromClicks} on`,
    xLabel: "others called buyers (false positive rate)",
    yLabel: "buyers called (true positive rate)",
    xRange: [0, 1],
    yRange: [0, 1],
    diagonal: true,
    series: Object.entries(report.models).map(([name, model]) => ({
      name: `${name} ${figure(model.perEvent.auc)}`,
      points: model.roc.map(({ falsePositiveRate, truePositiveRate }) => [
        falsePositiveRate,
        truePositiveRate
      ])
    }))
  })

/** What came true over what was said, of all events from `fromClicks` on; the legend gives the calibration error. */
export const calibration = (report: Report): string =>
  LineChart.draw({
    title: `Calibration, every event from event ${report.fromClicks} on`,
    xLabel: "probability said (mean of the bin)",
    yLabel: "share that bought",
    xRange: [0, 1],
    yRange: [0, 1],
    diagonal: true,
    marked: true,
    series: Object.entries(report.models).map(([name, model]) => ({
      name: `${name} ${figure(model.perEvent.ece)}`,
      points: model.calibration.map(({ meanScore, rate }) => [meanScore, rate])
    }))
  })

/** F1 by the number of clicks seen; numbers of clicks without buyers are left out. */
export const f1ByClicks = (report: Report): string => {
  const clicks = Object.values(report.models)[0]?.byPrefix.map(({ n }) => n) ?? []
  return LineChart.draw({
    title: "F1 by clicks seen",
    xLabel: "clicks seen",
    yLabel: "F1 at the validation threshold",
    xRange: [0, Math.max(1, ...clicks)],
    yRange: [0, 1],
    marked: true,
    series: seriesOf(report, ({ byPrefix }) =>
      byPrefix.flatMap(({ f1, n }) => (f1 === null ? [] : [[n, f1] as const]))
    )
  })
}
