import { type Progress, Throttle } from "@troupe/views"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as BatchProof from "./BatchProof.ts"
import * as Edition from "./Edition.ts"
import * as EditionDiff from "./EditionDiff.ts"
import * as LiveLatency from "./LiveLatency.ts"
import type { ReprocessReport } from "./ReprocessReport.ts"
import { SocialRun } from "./SocialRun.ts"

/** How to reprocess. */
export interface Options<E, R> {
  /** How long the live latency is looked at first. */
  readonly settleMillis?: number
  readonly onProgress: (progress: Progress) => Effect.Effect<void>
  /** What must have come in before the editions are compared: by default nothing more. */
  readonly arrival?: Effect.Effect<unknown, E, R>
}

/** The budget of the live p99 while a backfill runs: what it was, doubled, but no less than this many milliseconds. */
const budgetMillisMin = 100
const checkEvery = "100 millis"
/** Gently: what the first stage lets through is work for two more, which the live latency feels a little later. */
const backfill = { batchMin: 64, batchMax: 2048, increase: 32, settle: "1 second" } as const
/** Records of a partition that version 2 folds at once: one fold is the least that live work on the same thread waits for. */
const chunkRecords = 256

/**
 * Runs version 2 over the whole history beside version 1, which goes on serving: held back by version 1's live p99, then compared row by row, then
 * proved against DuckDB. Readers see nothing of it.
 */
export const run = Effect.fn("Reprocess.run")(function* <E, R>(options: Options<E, R>) {
  const social = yield* SocialRun
  const v1 = yield* social.pipeline(Edition.v1)
  yield* v1.caughtUp()
  const latency = yield* LiveLatency.watch(social.raw, v1)
  yield* Effect.sleep(options.settleMillis ?? 2_000)
  const before = yield* latency.take
  const budgetMillis = Math.max(budgetMillisMin, 2 * (before.p99 ?? 0))

  const throttle = yield* Throttle.aimd({ ...backfill, p99Millis: latency.p99Now, budgetMillis })
  const began = yield* Clock.currentTimeMillis
  const end = (yield* social.raw.info).lastSequence
  const wasRunning = (yield* social.running).some(({ edition }) => edition === Edition.v2)
  const v2 = yield* social.pipeline(Edition.v2, { throttle, chunkRecords })
  yield* v2.preprocess.progress(checkEvery).pipe(
    Stream.tap(({ done, ratePerSecond, total }) =>
      // What came in meanwhile is folded too, but it is not what is waited for.
      options.onProgress({
        done: Math.min(done, end),
        total: Math.min(total, end),
        ratePerSecond,
        etaMillis: undefined
      })
    ),
    Stream.takeUntil(({ done }) => done >= end),
    Stream.runDrain
  )
  yield* v2.caughtUp(end)
  const reprocessMillis = (yield* Clock.currentTimeMillis) - began
  const during = yield* latency.take
  const { cuts } = yield* throttle.state
  yield* options.arrival ?? Effect.void

  const { report, rows } = yield* EditionDiff.run()
  const archive = yield* social.archive
  yield* archive.run({ through: report.through })
  const proof = yield* BatchProof.prove(Edition.v2, rows, archive.directory, report.through)
  return {
    ...report,
    proved: proof.proved,
    provedRows: proof.rows,
    notProved: proof.differences.length,
    reprocessed: wasRunning ? 0 : Math.max(0, end - v2.foldedBefore),
    reprocessMillis,
    liveP99Before: before.p99,
    liveP99During: during.p99,
    budgetMillis,
    throttleCuts: cuts
  } satisfies ReprocessReport
}, Effect.scoped)
