import { Serving } from "@troupe/views"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Aggregate from "./Aggregate.ts"
import * as Answers from "./Answers.ts"
import { SocialRun } from "./SocialRun.ts"

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

/** Asks the served rows, as any reader would: which edition, by the alias; then its rows. */
export const ask = Effect.fn("Trending.ask")(function* (places = 5) {
  const run = yield* SocialRun
  const edition = yield* run.current
  const { rows } = yield* Serving.rows(Aggregate.view(edition))
  const editions = yield* Effect.forEach(yield* run.running, ({ edition: { version }, preprocess }) =>
    Effect.map(preprocess.position, (partitions) => ({
      version,
      folded: partitions.reduce((sum, { records }) => sum + records, 0)
    }))
  )
  return {
    version: edition.version,
    rules: edition.rules,
    records: (yield* run.raw.info).records,
    rows: rows.size,
    ...Answers.summarize(Answers.fromRows(rows), places),
    editions
  } satisfies TrendingReport
})
