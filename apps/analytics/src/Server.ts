import { Listen, Page } from "@troupe/console"
import * as Effect from "effect/Effect"
import { HttpRouter, HttpStaticServer } from "effect/http"
import { HttpApiBuilder, HttpApiMiddleware, HttpApiScalar } from "effect/http-api"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { AnalyticsApi, StoryFailed, StoryRunning } from "./Api.ts"
import { LiveSessions } from "./LiveSessions.ts"
import * as Stories from "./Stories.ts"

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

/** Tells a story in a directory of its own that goes with it; one of a kind at a time. */
const storyteller = Effect.fnUntraced(function* (story: string) {
  const context = yield* Effect.context<Stories.Services>()
  const turn = yield* Semaphore.make(1)
  return <A, E extends { readonly message: string }>(
    tell: (directory: string) => Effect.Effect<A, E, Stories.Services | Scope.Scope>
  ): Effect.Effect<A, StoryRunning | StoryFailed> =>
    Stories.inDirectoryOfItsOwn(tell).pipe(
      Effect.mapError((error) => new StoryFailed({ detail: error.message })),
      turn.withPermitsIfAvailable(1),
      Effect.flatMap(
        Option.match({ onNone: () => Effect.fail(new StoryRunning({ story })), onSome: Effect.succeed })
      ),
      Effect.provide(context)
    )
})

const StoriesLive = HttpApiBuilder.group(
  AnalyticsApi,
  "stories",
  Effect.fnUntraced(function* (handlers) {
    const storage = yield* storyteller("storage")
    const wal = yield* storyteller("wal")
    return handlers.handleAll({
      storage: ({ payload }) => storage((directory) => Stories.storage({ directory, ...payload })),
      wal: ({ payload }) => wal((directory) => Stories.wal({ directory, ...payload }))
    })
  })
)

/** The API, its documentation at `/docs`, and the built page; on loopback only. Port 0 takes a free one. */
export const layer = (options: { readonly port: number }) =>
  HttpRouter.serve(
    Layer.mergeAll(
      HttpApiBuilder.layer(AnalyticsApi, { openapiPath: "/openapi.json" }).pipe(
        Layer.provide([SessionsLive, StoriesLive]),
        Layer.provide(HttpApiMiddleware.layerProblemDetails({ includeDetails: true }))
      ),
      HttpApiScalar.layer(AnalyticsApi, { path: "/docs" }),
      HttpStaticServer.layer({ root: Page.builtAt(pageSources) })
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(Layer.provideMerge(Listen.onLoopback(options.port)))
