import * as Schema from "effect/Schema"

const Ranked = Schema.Array(Schema.Struct({ name: Schema.String, score: Schema.Number }))

/** What trends now, who has influence, what trends consistently: read from the served rows of the edition that is current. */
export const TrendingReport = Schema.Struct({
  version: Schema.Int,
  rules: Schema.String,
  /** Records of the raw topic. */
  records: Schema.Int,
  /** Rows that were read. */
  rows: Schema.Int,
  /** The newest hour, day and month (UTC) that have rows. */
  hour: Schema.String,
  day: Schema.String,
  month: Schema.String,
  trendingHour: Ranked,
  trendingDay: Ranked,
  influential: Ranked,
  consistent: Schema.Array(Schema.Struct({ day: Schema.String, topics: Schema.String })),
  /** Where each running edition is: records of the raw topic folded by its first stage. */
  editions: Schema.Array(Schema.Struct({ version: Schema.Int, folded: Schema.Int }))
})
export type TrendingReport = typeof TrendingReport.Type
