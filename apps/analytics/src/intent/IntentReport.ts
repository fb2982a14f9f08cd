import * as Schema from "effect/Schema"

const Figure = Schema.NullOr(Schema.Number)

/** Figures over some examples; null where both classes are needed and only one is there. */
export const Figures = Schema.Struct({
  sessions: Schema.Int,
  buyers: Schema.Int,
  /** One a session, or one an event where events are pooled. */
  examples: Schema.Int,
  /** Share of the examples that are buyers'. */
  rate: Figure,
  auc: Figure,
  averagePrecision: Figure,
  /** At the threshold that was best on validation. */
  f1: Figure,
  threshold: Figure,
  /** At probability 0.5. */
  accuracy: Figure,
  /** In nats. */
  logLoss: Figure,
  /** Expected calibration error, 15 bins. */
  ece: Figure
})

const SetSize = Schema.Struct({ sessions: Schema.Int, buyers: Schema.Int, events: Schema.Int })

/** How well models tell buyers on one input, by clicks seen and after every event. */
export const IntentReport = Schema.Struct({
  sessions: Schema.Int,
  /** Of them with a purchase. */
  purchaseSessions: Schema.Int,
  /** Those with 5 … 155 events before the first purchase. */
  kept: Schema.Int,
  keptBuyers: Schema.Int,
  models: Schema.Record(
    Schema.String,
    Schema.Struct({
      byPrefix: Schema.Array(Schema.Struct({ n: Schema.Int, ...Figures.fields })),
      /** After every event from the fifth on, all in one. */
      perEvent: Figures,
      /** After the last event before the cut: flattering, because the purchase decides where that is. */
      whole: Figures
    })
  ),
  input: Schema.String,
  events: Schema.Int,
  /** Rows of the input that are no clicks. */
  rejected: Schema.Int,
  seed: Schema.Int,
  /** Which of the kept sessions were evaluated. */
  set: Schema.Struct({ name: Schema.String, sessions: Schema.Int, buyers: Schema.Int }),
  /** How: over `folds` by user, or with 1 by one split by user. Sizes are sums over folds. */
  split: Schema.Struct({ folds: Schema.Int, train: SetSize, validation: SetSize, test: SetSize }),
  /** Files with plots. */
  plots: Schema.Array(Schema.String),
  seconds: Schema.Number
})
export type IntentReport = typeof IntentReport.Type
