/**
 * What an evaluation found, as plain data that is valid JSON; and as Markdown.
 */
import type { Bin, RocPoint } from "./Metrics.ts"

/** Figures over some examples. A figure that needs both classes is `null` where there is only one. */
export interface Figures {
  /** Sessions that the examples are from. */
  readonly sessions: number
  /** Of them with a purchase. */
  readonly buyers: number
  /** Examples: one a session, or one an event where events are pooled. */
  readonly examples: number
  /** Share of the examples that are of buyers. */
  readonly rate: number | null
  readonly auc: number | null
  readonly averagePrecision: number | null
  /** At the threshold that was best on validation. */
  readonly f1: number | null
  /** That threshold; the mean over folds. */
  readonly threshold: number | null
  /** At probability 0.5. */
  readonly accuracy: number | null
  /** In nats. */
  readonly logLoss: number | null
  /** Expected calibration error, 15 bins. */
  readonly ece: number | null
}

/** Figures after the n-th event, of the sessions that have as many. */
export interface PrefixFigures extends Figures {
  readonly n: number
}

/** One model's figures. */
export interface ModelReport {
  readonly byPrefix: ReadonlyArray<PrefixFigures>
  /** After every event from the `fromClicks`-th on, all in one: what a live scorer shows. */
  readonly perEvent: Figures
  /** After the last event before the purchase or the end. Flattering: where that is depends on what is to be predicted. */
  readonly whole: Figures
  /** Of `perEvent`. */
  readonly roc: ReadonlyArray<RocPoint>
  /** Of `perEvent`. */
  readonly calibration: ReadonlyArray<Bin>
}

/** A set in numbers. */
export interface SetSize {
  readonly sessions: number
  readonly buyers: number
  readonly events: number
}

/** Everything an evaluation found. */
export interface Report {
  /** 1, or as many as each user was in the test set of one of. */
  readonly folds: number
  /** Sizes; over folds, their sums. */
  readonly train: SetSize
  readonly validation: SetSize
  readonly test: SetSize
  readonly fromClicks: number
  readonly models: Readonly<Record<string, ModelReport>>
}

/** As indented JSON. */
export const toJson = (report: Report): string => JSON.stringify(report, null, 2)

const number = (value: number | null): string => (value === null ? "–" : value.toFixed(3))

const table = (headers: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [headers, headers.map((_, i) => (i === 0 ? "---" : "---:")), ...rows]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n")

const columns = ["AUC", "AP", "F1", "accuracy", "log loss", "ECE"]

const cells = (figures: Figures): ReadonlyArray<string> =>
  [figures.auc, figures.averagePrecision, figures.f1, figures.accuracy, figures.logLoss, figures.ece].map(
    number
  )

const size = (name: string, { buyers, events, sessions }: SetSize): ReadonlyArray<string> => [
  name,
  `${sessions}`,
  `${buyers}`,
  sessions === 0 ? "–" : `${((100 * buyers) / sessions).toFixed(2)} %`,
  `${events}`
]

/** As Markdown: the sets, all events pooled, each number of clicks, whole trajectories. */
export const toMarkdown = (report: Report): string => {
  const models = Object.entries(report.models)
  const prefixes = models[0]?.[1].byPrefix ?? []
  const sections = [
    "# Purchase intent",
    table(
      ["set", "sessions", "buyers", "rate", "events"],
      [size("train", report.train), size("validation", report.validation), size("test", report.test)]
    )
  ]
  if (report.folds > 1) {
    sections.push(
      `Sums over ${report.folds} folds by user: each session is tested once. AUC and AP are means over folds, the others are of all tested sessions together.`
    )
  }
  const first = models[0]?.[1].perEvent
  sections.push(
    `## After every event from event ${report.fromClicks} on`,
    `${first?.examples ?? 0} events of ${first?.sessions ?? 0} sessions, ${first?.buyers ?? 0} with a purchase; ${number(first?.rate ?? null)} of the events are buyers'.`,
    table(
      ["model", ...columns],
      models.map(([name, { perEvent }]) => [name, ...cells(perEvent)])
    )
  )
  for (const { buyers, n, rate, sessions } of prefixes) {
    sections.push(
      `## After ${n} ${n === 1 ? "click" : "clicks"}`,
      `${sessions} sessions, ${buyers} with a purchase (rate ${number(rate)}).${
        n < report.fromClicks
          ? " These are only sessions that are known to go on; nobody knows that live."
          : ""
      }`,
      table(
        ["model", ...columns],
        models.map(([name, { byPrefix }]) => [
          name,
          ...cells(byPrefix.find((row) => row.n === n) as PrefixFigures)
        ])
      )
    )
  }
  sections.push(
    "## Whole trajectories",
    "Flattering figures: where a trajectory ends depends on the purchase. Compare with `length-only`.",
    table(
      ["model", ...columns],
      models.map(([name, { whole }]) => [name, ...cells(whole)])
    )
  )
  return `${sections.join("\n\n")}\n`
}
