import * as Schema from "effect/Schema"

const Row = Schema.NullOr(Schema.Record(Schema.String, Schema.Union([Schema.Number, Schema.String])))

/** An answer that is not the truth. */
const Disagreement = Schema.Struct({
  question: Schema.String,
  key: Schema.String,
  /** Sequence of the raw topic at which it was read. */
  at: Schema.Int,
  truth: Row,
  cause: Schema.String
})

const LambdaDisagreement = Schema.Struct({
  ...Disagreement.fields,
  /** Name of the wiring that answered so. */
  wiring: Schema.String,
  lambda: Row
})

const KappaDisagreement = Schema.Struct({ ...Disagreement.fields, kappa: Row })

const Latencies = Schema.Struct({
  samples: Schema.Int,
  p50: Schema.NullOr(Schema.Number),
  p99: Schema.NullOr(Schema.Number)
})

/** What a comparison of Lambda with Kappa found. */
export const CompareReport = Schema.Struct({
  broker: Schema.String,
  durability: Schema.String,
  seed: Schema.Int,
  /** Records of the feed: events, repeated ones and damaged ones. */
  events: Schema.Int,
  /** Of those: not counted, by reason, as the first stage of Kappa says. */
  leftOut: Schema.Record(Schema.String, Schema.Int),
  /** Rows of the truth that each architecture was compared with, over all reads. */
  rows: Schema.Int,
  lambda: Schema.Struct({
    /** Runs of the batch layer in the comparison of each wiring. */
    batchRuns: Schema.Int,
    naive: Schema.Struct({
      /** Disagreements by wiring. */
      wirings: Schema.Record(Schema.String, Schema.Int),
      disagreements: Schema.Array(LambdaDisagreement)
    }),
    corrected: Schema.Struct({ disagreements: Schema.Array(LambdaDisagreement) })
  }),
  kappa: Schema.Struct({ disagreements: Schema.Array(KappaDisagreement) }),
  /** From a record's append until an answer asked for at that moment has it in. */
  freshnessMillis: Schema.Struct({ lambda: Latencies, kappa: Latencies }),
  /** How long one reader waits for one answer to everything. */
  answerMillis: Schema.Struct({ lambda: Schema.Number, kappa: Schema.Number }),
  /** Processor time for the history, all threads, by million records. */
  cpuSecondsPerMillion: Schema.Struct({ lambda: Schema.Number, kappa: Schema.Number })
})
export type CompareReport = typeof CompareReport.Type
export type LambdaDisagreement = typeof LambdaDisagreement.Type
export type KappaDisagreement = typeof KappaDisagreement.Type
