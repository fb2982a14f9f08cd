import { TableDigest } from "@troupe/views"
import * as Effect from "effect/Effect"
import * as BatchProof from "./BatchProof.ts"
import type { BatchReport } from "./BatchReport.ts"
import * as EditionRows from "./EditionRows.ts"
import { SocialRun } from "./SocialRun.ts"

/**
 * Archives what the raw topic holds, reads it back, and proves that the current edition's rows at that sequence are what DuckDB computes from it.
 */
export const run = Effect.fn("BatchAnswers.run")(function* () {
  const social = yield* SocialRun
  const archive = yield* social.archive
  const { archived, through } = yield* archive.run()
  const verifiedThrough = yield* archive.verify
  const edition = yield* social.current
  yield* (yield* social.pipeline(edition)).caughtUp(through)
  const rows = yield* EditionRows.at(edition, through)
  const proved = yield* BatchProof.prove(edition, rows, archive.directory, through)
  const files = (yield* archive.manifest).segments.flatMap((segment) => segment.files)
  return {
    version: edition.version,
    archived,
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    through,
    verifiedThrough,
    ...proved,
    digest: TableDigest.canonical(rows)
  } satisfies BatchReport
})
