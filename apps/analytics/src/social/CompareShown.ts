import * as Schema from "effect/Schema"
import { CompareReport } from "./compare/CompareReport.ts"

/** Source files and their lines of code. */
const Counted = Schema.Struct({
  lines: Schema.Int,
  files: Schema.Array(Schema.Struct({ name: Schema.String, lines: Schema.Int }))
})

/** What somebody wrote for each architecture to answer the same questions; what both need is counted apart. */
const LinesOfCode = Schema.Struct({ lambda: Counted, kappa: Counted, both: Counted })
export type LinesOfCode = typeof LinesOfCode.Type

const { corrected, naive } = CompareReport.fields.lambda.fields
const Naive = naive.fields.disagreements
const Kappa = CompareReport.fields.kappa.fields.disagreements

/** A comparison of Lambda with Kappa, short enough for a page: every disagreement counted, the first ones listed. */
export const CompareShown = Schema.Struct({
  ...CompareReport.fields,
  lambda: Schema.Struct({
    ...CompareReport.fields.lambda.fields,
    naive: Schema.Struct({
      wirings: naive.fields.wirings,
      /** The first few of each wiring. */
      first: Naive
    }),
    corrected: Schema.Struct({ count: Schema.Int, first: corrected.fields.disagreements })
  }),
  kappa: Schema.Struct({ count: Schema.Int, first: Kappa }),
  linesOfCode: LinesOfCode
})
export type CompareShown = typeof CompareShown.Type

/** Records that one comparison may take: some ten seconds of work. */
export const eventsMax = 50_000
