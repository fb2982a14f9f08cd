import { Listen, Page } from "@troupe/console"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import { HttpIncomingMessage, HttpRouter, HttpStaticServer } from "effect/http"
import { HttpApiBuilder, HttpApiMiddleware, HttpApiScalar } from "effect/http-api"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { OrdersApi } from "./Api.ts"
import { Faults } from "./Faults.ts"
import { Shop } from "./Shop.ts"

/** A request body larger than this is refused: an order of 20 lines takes about 2 kB. */
const bodyMax = ByteSize.fromInputUnsafe("64 KiB")

const referenceOr = (given: string | undefined) => given ?? `order-${crypto.randomUUID()}`

const OrdersLive = HttpApiBuilder.group(
  OrdersApi,
  "orders",
  Effect.fnUntraced(function* (handlers) {
    const shop = yield* Shop
    return handlers.handleAll({
      place: Effect.fnUntraced(function* ({ query, headers, payload }) {
        const reference = referenceOr(headers["idempotency-key"])
        return query.mode === "sync"
          ? yield* shop.placeSync(reference, payload)
          : yield* shop.placeQueued(reference, payload)
      }),
      order: ({ params }) => shop.timeline(params.id).pipe(Effect.catchTag("BrokerError", Effect.die))
    })
  })
)

const LanesLive = HttpApiBuilder.group(
  OrdersApi,
  "lanes",
  Effect.fnUntraced(function* (handlers) {
    const shop = yield* Shop
    const faults = yield* Faults
    return handlers.handleAll({
      stats: () => shop.stats,
      events: ({ params, headers }) =>
        Effect.succeed(
          shop.events(params.lane, headers["last-event-id"] ?? 0).pipe(
            Stream.map((step) => ({ id: String(step.sequence), event: "order" as const, data: step })),
            Stream.orDie
          )
        ),
      faults: () => faults.states,
      fault: ({ payload }) => Effect.andThen(faults.setState(payload.service, payload.state), faults.states)
    })
  })
)

/** Where the page's sources lie. */
export const pageSources = `${import.meta.dirname}/../web`

/** The shop's API, its documentation at `/docs`, and the built page; on loopback only. Port 0 takes a free one. */
export const layer = (options: { readonly port: number }) =>
  HttpRouter.serve(
    Layer.mergeAll(
      HttpApiBuilder.layer(OrdersApi, { openapiPath: "/openapi.json" }).pipe(
        Layer.provide([OrdersLive, LanesLive]),
        Layer.provide(HttpApiMiddleware.layerProblemDetails({ includeDetails: true }))
      ),
      HttpApiScalar.layer(OrdersApi, { path: "/docs" }),
      HttpStaticServer.layer({ root: Page.builtAt(pageSources) })
    ),
    { disableLogger: true, disableListenLog: true }
  ).pipe(
    Layer.provide(Layer.succeed(HttpIncomingMessage.MaxBodySize, bodyMax)),
    Layer.provideMerge(Listen.onLoopback(options.port))
  )
