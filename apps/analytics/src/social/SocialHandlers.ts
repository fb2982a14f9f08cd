import * as Effect from "effect/Effect"
import { HttpApiBuilder } from "effect/http-api"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { AnalyticsApi } from "../Api.ts"
import { LiveSocial, type Place } from "./LiveSocial.ts"
import { SocialWork } from "./SocialWork.ts"

const placeOf = (id: string | undefined): Option.Option<Place> => {
  if (id === undefined) return Option.none()
  const [version, sequence] = id.split("-").map(Number)
  return Option.some({ version: version ?? 0, sequence: sequence ?? 0 })
}

/** The group `social` over the live feed. */
export const layer = HttpApiBuilder.group(
  AnalyticsApi,
  "social",
  Effect.fnUntraced(function* (handlers) {
    const live = yield* LiveSocial
    const work = yield* SocialWork
    return handlers.handleAll({
      status: () =>
        Effect.orDie(
          Effect.all([live.status, work.progress]).pipe(
            Effect.map(([status, reprocess]) => ({ ...status, reprocess }))
          )
        ),
      trending: () => Effect.orDie(live.trending),
      events: ({ headers }) =>
        Effect.succeed(
          live.changes(placeOf(headers["last-event-id"])).pipe(
            Stream.map((changed) => ({
              id: `${changed.version}-${changed.sequence}`,
              event: "row" as const,
              data: changed
            })),
            Stream.orDie
          )
        ),
      batch: () => work.batch,
      replay: ({ payload }) => work.replay(payload),
      reprocess: () => work.reprocess,
      progress: () => work.progress,
      diff: () => work.diff,
      promote: () => work.promote,
      rollback: () => work.rollback
    })
  })
)
