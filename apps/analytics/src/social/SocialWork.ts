import type { Broker } from "@troupe/broker"
import type { Progress } from "@troupe/views"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Failed, NotThere, Refused, type StillRunning } from "../Problems.ts"
import * as BatchAnswers from "./BatchAnswers.ts"
import type { BatchReport } from "./BatchReport.ts"
import type { DiffReport } from "./DiffReport.ts"
import * as Edition from "./Edition.ts"
import * as EditionDiff from "./EditionDiff.ts"
import * as Promotion from "./Promotion.ts"
import * as ReplayCheck from "./ReplayCheck.ts"
import * as Reprocess from "./Reprocess.ts"
import type { ReprocessReport } from "./ReprocessReport.ts"
import { differencesMax, type ReplayShown, stepsMax } from "./SocialApi.ts"
import { SocialRun } from "./SocialRun.ts"
import type { ReprocessProgress } from "./SocialStatus.ts"
import type { SwitchReport } from "./SwitchReport.ts"
import * as Turns from "./Turns.ts"

const idle: ReprocessProgress = { phase: "idle", done: 0, total: 0, ratePerSecond: 0, etaMillis: null }

const progressOf = ({ done, ratePerSecond, total }: Progress): ReprocessProgress => ({
  phase: done < total ? "folding" : "proving",
  done,
  total,
  ratePerSecond: Math.round(ratePerSecond),
  etaMillis: ratePerSecond > 0 ? Math.ceil(((total - done) * 1000) / ratePerSecond) : null
})

const failed = (error: { readonly message: string }) => new Failed({ detail: error.message })

/** What the alias refuses is for whoever asked; everything else is a failure. */
const refusedOrFailed = (error: { readonly _tag: string; readonly message: string }): Refused | Failed =>
  error._tag === "AliasError" || error._tag === "DifferencesUnexplained"
    ? new Refused({ detail: error.message })
    : failed(error)

type Done<A, E = never> = Effect.Effect<A, E | StillRunning | Failed>

/**
 * What is done with a live feed when somebody asks for it: one piece of each kind at a time, and of those that write the archive (batch, reprocess,
 * promote) one of all. Begun work goes on to its end when the one who asked is gone.
 */
export class SocialWork extends Context.Service<
  SocialWork,
  {
    /** How far reprocessing is now. */
    readonly progress: Effect.Effect<ReprocessProgress>
    readonly batch: Done<BatchReport>
    readonly replay: (options: { readonly key?: string }) => Done<typeof ReplayShown.Type, NotThere>
    readonly reprocess: Done<ReprocessReport>
    readonly diff: Done<DiffReport, Refused>
    readonly promote: Done<SwitchReport, Refused>
    readonly rollback: Done<SwitchReport, Refused>
  }
>()("@troupe/analytics/social/SocialWork") {
  static readonly layer = Layer.effect(
    SocialWork,
    Effect.gen(function* () {
      const social = yield* SocialRun
      const context = yield* Effect.context<Broker | SocialRun>()
      const [archiving, replaying, comparing, rollingBack] = [
        yield* Turns.make,
        yield* Turns.make,
        yield* Turns.make,
        yield* Turns.make
      ]
      let progress = idle

      /** Version 2 is not brought up unthrottled beside the live version: that is what reprocessing is for. */
      const isReprocessed = Effect.gen(function* () {
        const { version } = Edition.v2
        const running = yield* social.running
        if (running.some(({ edition }) => edition.version === version)) return
        const detail = `Version ${version} does not run beside the served one, so nothing is known of it now. Reprocess first.`
        return yield* new Refused({ detail })
      })

      return SocialWork.of({
        progress: Effect.sync(() => progress),
        batch: archiving.take(
          "A batch",
          BatchAnswers.run().pipe(
            Effect.map((report) => ({ ...report, differences: report.differences.slice(0, differencesMax) })),
            Effect.mapError(failed),
            Effect.provide(context)
          )
        ),
        replay: (options) =>
          replaying.take(
            "A replay",
            ReplayCheck.run(options).pipe(
              Effect.map((report) => ({
                ...report,
                steps: report.steps.slice(-stepsMax),
                stepsLeftOut: Math.max(0, report.steps.length - stepsMax)
              })),
              Effect.mapError((error) =>
                error._tag === "RowUnknown" ? new NotThere({ detail: error.message }) : failed(error)
              ),
              Effect.provide(context)
            )
          ),
        reprocess: archiving.take(
          "A reprocess",
          Effect.suspend(() => {
            progress = { ...idle, phase: "measuring" }
            return Reprocess.run({
              onProgress: (now) =>
                Effect.sync(() => {
                  progress = progressOf(now)
                }),
              // What comes in goes on coming in: nothing more is waited for.
              arrival: Effect.void
            })
          }).pipe(
            Effect.ensuring(
              Effect.sync(() => {
                progress = idle
              })
            ),
            Effect.mapError(failed),
            Effect.provide(context)
          )
        ),
        diff: comparing.take(
          "A diff",
          Effect.andThen(isReprocessed, EditionDiff.run()).pipe(
            Effect.map(({ report }) => report),
            Effect.mapError((error) => (error._tag === "Refused" ? error : failed(error))),
            Effect.provide(context)
          )
        ),
        promote: archiving.take(
          "A promotion",
          Effect.andThen(isReprocessed, Promotion.promote()).pipe(
            Effect.mapError((error) => (error._tag === "Refused" ? error : refusedOrFailed(error))),
            Effect.provide(context)
          )
        ),
        rollback: rollingBack.take(
          "A rollback",
          Promotion.rollback().pipe(Effect.mapError(refusedOrFailed), Effect.provide(context))
        )
      })
    })
  )
}
