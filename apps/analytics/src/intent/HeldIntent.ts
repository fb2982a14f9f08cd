import { NodeHttpClient } from "@effect/platform-node"
import type { BrokerChoice } from "@troupe/console"
import { HeldRun, RunDirectory } from "@troupe/console"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { HttpApiClient } from "effect/http-api"
import * as Option from "effect/Option"
import { AnalyticsApi } from "../Api.ts"

const clientOf = (url: string) =>
  HttpApiClient.make(AnalyticsApi, { baseUrl: url }).pipe(Effect.provide(NodeHttpClient.layerNodeHttp))

/** The part about intent of the API of the app that holds a run's directory. */
export type IntentClient = Effect.Success<ReturnType<typeof clientOf>>["intent"]

/** The app that runs in the directory that `--data` names, in the usual one without; says on standard error that it is asked. */
export const held = Effect.fnUntraced(function* (
  data: Option.Option<string>,
  broker: Option.Option<BrokerChoice.BrokerName>
) {
  const directory = Option.isSome(data)
    ? yield* RunDirectory.fromUser(data.value)
    : yield* RunDirectory.homeOf("analytics")
  const app = yield* HeldRun.find(directory)
  if (Option.isNone(app)) return Option.none<IntentClient>()
  yield* HeldRun.agree(directory, app.value, { broker })
  const { pid, url } = app.value
  yield* Console.error(`Asking the app that holds ${directory} (process ${pid}, ${url}).`)
  return Option.some((yield* clientOf(url)).intent)
})
