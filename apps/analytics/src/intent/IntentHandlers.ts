import { ModelBlob } from "@troupe/intent"
import * as Effect from "effect/Effect"
import { HttpApiBuilder } from "effect/http-api"
import { AnalyticsApi } from "../Api.ts"
import { Failed, Refused } from "../Problems.ts"
import { LiveScores } from "./LiveScores.ts"

const modelIn = (blob: Uint8Array) =>
  Effect.try({
    try: () => ModelBlob.decode(blob),
    catch: (cause) => new Refused({ detail: cause instanceof Error ? cause.message : String(cause) })
  })

/** The group `intent` over the live scores. */
export const layer = HttpApiBuilder.group(
  AnalyticsApi,
  "intent",
  Effect.fnUntraced(function* (handlers) {
    const live = yield* LiveScores
    return handlers.handleAll({
      open: () => live.open,
      layers: () => live.layers,
      model: ({ payload }) =>
        Effect.flatMap(modelIn(payload.blob), (model) =>
          live
            .put(payload.role, model)
            .pipe(Effect.mapError(({ message }) => new Failed({ detail: message })))
        )
    })
  })
)
