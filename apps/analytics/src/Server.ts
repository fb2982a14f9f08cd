import { HeldRun, Listen, Page } from "@troupe/console"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import { HttpIncomingMessage, HttpRouter, HttpStaticServer } from "effect/http"
import { HttpApiBuilder, HttpApiMiddleware, HttpApiScalar } from "effect/http-api"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { AnalyticsApi } from "./Api.ts"
import * as IntentHandlers from "./intent/IntentHandlers.ts"
import { LiveSessions } from "./LiveSessions.ts"
import { Failed, type StillRunning, stillRunning } from "./Problems.ts"
import * as Stories from "./Stories.ts"
import * as CompareStory from "./social/CompareStory.ts"
import * as SocialHandlers from "./social/SocialHandlers.ts"
import { SocialWork } from "./social/SocialWork.ts"

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
    tell: Effect.Effect<A, E, Stories.Services>
  ): Effect.Effect<A, StillRunning | Failed> =>
    tell.pipe(
      Effect.mapError(({ message }) => new Failed({ detail: message })),
      turn.withPermitsIfAvailable(1),
      Effect.flatMap(
        Option.match({
          onNone: () => Effect.fail(stillRunning(`The story of ${story}`)),
          onSome: Effect.succeed
        })
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
    const compare = yield* storyteller("Lambda beside Kappa")
    return handlers.handleAll({
      storage: ({ payload }) =>
        storage(Stories.inDirectoryOfItsOwn((directory) => Stories.storage({ directory, ...payload }))),
      wal: ({ payload }) =>
        wal(Stories.inDirectoryOfItsOwn((directory) => Stories.wal({ directory, ...payload }))),
      compare: ({ payload }) => compare(CompareStory.run(payload))
    })
  })
)

/** A request body larger than this is refused: the longest holds a model. */
const bodyMax = ByteSize.fromInputUnsafe("1 MiB")

/** The API of a run, its documentation at `/docs`, and the built page; on loopback only. Port 0 takes a free one. */
export const layer = (options: { readonly port: number; readonly app: HeldRun.App }) =>
  HttpRouter.serve(
    Layer.mergeAll(
      HttpApiBuilder.layer(AnalyticsApi, { openapiPath: "/openapi.json" }).pipe(
        Layer.provide([SessionsLive, IntentHandlers.layer, SocialHandlers.layer, StoriesLive]),
        Layer.provide(SocialWork.layer),
        Layer.provide(HttpApiMiddleware.layerProblemDetails({ includeDetails: true }))
      ),
      HeldRun.route(options.app),
      HttpApiScalar.layer(AnalyticsApi, { path: "/docs" }),
      HttpStaticServer.layer({ root: Page.builtAt(pageSources) })
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(
    Layer.provide(Layer.succeed(HttpIncomingMessage.MaxBodySize, bodyMax)),
    Layer.provideMerge(Listen.onLoopback(options.port))
  )
