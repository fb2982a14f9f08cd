import { NodeHttpClient } from "@effect/platform-node"
import { HeldRun, Progress, RunDirectory } from "@troupe/console"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { HttpApiClient } from "effect/http-api"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { AnalyticsApi } from "../Api.ts"
import type * as SocialInput from "./SocialInput.ts"

/** The API of an app that runs, with no limit on how long an answer takes. */
const clientOf = (url: string) =>
  HttpApiClient.make(AnalyticsApi, { baseUrl: url }).pipe(Effect.provide(NodeHttpClient.layerNodeHttp))

/** The social part of the API of the app that holds a run's directory. */
export type SocialClient = Effect.Success<ReturnType<typeof clientOf>>["social"]

/**
 * The app that a command is about, if one is running: the one that holds `--data DIR`, or, for a command that names neither a directory nor a feed, the
 * one that holds the usual directory. Says on standard error that it is asked. Fails when a flag contradicts it.
 */
export const held = Effect.fnUntraced(function* (given: SocialInput.AskFlags) {
  const { broker, data, events, input, seed } = given
  const flags = { broker, seed, events, input }
  const isOfItsOwn = Option.isNone(data) && Object.values(flags).some((flag) => Option.isSome<unknown>(flag))
  if (isOfItsOwn) return Option.none<SocialClient>()
  const directory = Option.isSome(data)
    ? yield* RunDirectory.fromUser(data.value)
    : yield* RunDirectory.homeOf("analytics")
  const app = yield* HeldRun.find(directory)
  if (Option.isNone(app)) return Option.none<SocialClient>()
  yield* HeldRun.agree(directory, app.value, flags)
  const { pid, url } = app.value
  yield* Console.error(`Asking the app that holds ${directory} (process ${pid}, ${url}).`)
  return Option.some((yield* clientOf(url)).social)
})

/** Replays in the app; says on standard error when the steps of the row are not all there. */
export const replay = Effect.fnUntraced(function* (client: SocialClient, payload: { readonly key?: string }) {
  const { stepsLeftOut, ...report } = yield* client.replay({ payload })
  if (stepsLeftOut > 0) {
    yield* Console.error(
      `The last ${report.steps.length} steps of the row; ${stepsLeftOut} earlier ones are left out.`
    )
  }
  return report
})

/** Reprocesses in the app, and shows how far it is. */
export const reprocess = Effect.fnUntraced(function* (client: SocialClient) {
  const shown = yield* Progress.shown
  return yield* shown("version 2", (tell) =>
    Effect.raceFirst(
      client.reprocess(),
      Stream.fromEffectSchedule(client.progress(), Schedule.spaced("200 millis")).pipe(
        Stream.runForEach(({ done, etaMillis, phase, total }) =>
          phase === "folding" || phase === "proving"
            ? tell({ done, total, etaMillis: etaMillis ?? undefined })
            : Effect.void
        ),
        Effect.andThen(Effect.never)
      )
    )
  )
})
