import { Serving } from "@troupe/views"
import * as Effect from "effect/Effect"
import * as Aggregate from "./Aggregate.ts"
import * as Answers from "./Answers.ts"
import { SocialRun } from "./SocialRun.ts"
import type { TrendingReport } from "./TrendingReport.ts"

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
