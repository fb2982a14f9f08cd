import { Listen, Page } from "@troupe/console"
import * as Effect from "effect/Effect"
import { HttpRouter, HttpStaticServer } from "effect/http"
import { HttpApiBuilder, HttpApiMiddleware, HttpApiScalar } from "effect/http-api"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { AnalyticsApi } from "./Api.ts"
import { LiveSessions } from "./LiveSessions.ts"

/** Where the page's sources lie. */
export const pageSources = `${import.meta.dirname}/../web`

const SessionsLive = HttpApiBuilder.group(
  AnalyticsApi,
  "sessions",
  Effect.fnUntraced(function* (handlers) {
    const live = yield* LiveSessions
    return handlers.handleAll({
      status: () => live.status,
      events: ({ headers }) =>
        Effect.succeed(
          live.closed(headers["last-event-id"] ?? 0).pipe(
            Stream.map(({ sequence, session }) => ({
              id: String(sequence),
              event: "session" as const,
              data: session
            })),
            Stream.orDie
          )
        )
    })
  })
)

/** The API, its documentation at `/docs`, and the built page; on loopback only. Port 0 takes a free one. */
export const layer = (options: { readonly port: number }) =>
  HttpRouter.serve(
    Layer.mergeAll(
      HttpApiBuilder.layer(AnalyticsApi, { openapiPath: "/openapi.json" }).pipe(
        Layer.provide(SessionsLive),
        Layer.provide(HttpApiMiddleware.layerProblemDetails({ includeDetails: true }))
      ),
      HttpApiScalar.layer(AnalyticsApi, { path: "/docs" }),
      HttpStaticServer.layer({ root: Page.builtAt(pageSources) })
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(Layer.provideMerge(Listen.onLoopback(options.port)))
