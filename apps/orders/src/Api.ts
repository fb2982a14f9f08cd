import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, HttpApiSchema } from "effect/http-api"
import * as Schema from "effect/Schema"
import { ServiceName, ServiceState } from "./Faults.ts"
import { LaneEvent, LaneName, LaneStats } from "./LaneEvent.ts"
import { Carrier, Placement } from "./Placement.ts"
import { RejectionReason } from "./Services.ts"

/** The synchronous lane's answer: the whole order is done, or was found impossible for a stated reason. */
export const Finished = Schema.Struct({
  orderId: Schema.String,
  status: Schema.Literals(["shipped", "rejected"]),
  carrier: Schema.optionalKey(Carrier),
  tracking: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(RejectionReason)
}).pipe(HttpApiSchema.status(201))

/** The queued lane's answer: the order is recorded and will be worked on. */
export const Accepted = Schema.Struct({ orderId: Schema.String, status: Schema.Literal("accepted") }).pipe(
  HttpApiSchema.status(202)
)

/** A service that the caller had to wait for was down or silent: the order was not taken. */
export class Refused extends Schema.TaggedError<Refused>()(
  "Refused",
  {
    service: Schema.String,
    /** True when the service may have done its work: the shopper cannot know whether the card was charged. */
    uncertain: Schema.Boolean,
    detail: Schema.String
  },
  { httpApiStatus: 503 }
) {
  override get message() {
    return this.detail
  }
}

/** More orders at once than the shop takes: try again after a moment. */
export class Overloaded extends Schema.TaggedError<Overloaded>()(
  "Overloaded",
  { inFlight: Schema.Int, limit: Schema.Int },
  { httpApiStatus: 429 }
) {
  override get message() {
    return `${this.inFlight} orders are in flight, the limit is ${this.limit}. Try again in a moment.`
  }
}

/** No order of that id was placed here. */
export class OrderNotFound extends Schema.TaggedError<OrderNotFound>()(
  "OrderNotFound",
  { orderId: Schema.String },
  { httpApiStatus: 404 }
) {}

/** The shop over HTTP, whose refusals of a malformed request name each field; OpenAPI at `/openapi.json`, readable at `/docs`. */
export const OrdersApi = HttpApi.make("orders")
  .add(
    HttpApiGroup.make("orders").add(
      HttpApiEndpoint.post("place", "/orders", {
        query: { mode: LaneName },
        headers: {
          "idempotency-key": Schema.optionalKey(Schema.NonEmptyString.check(Schema.isMaxLength(128)))
        },
        payload: Placement,
        success: [Finished, Accepted],
        error: [Refused, Overloaded]
      }),
      HttpApiEndpoint.get("order", "/orders/:id", {
        params: { id: Schema.NonEmptyString.check(Schema.isMaxLength(128)) },
        success: Schema.Array(LaneEvent),
        error: OrderNotFound
      })
    ),
    HttpApiGroup.make("lanes").add(
      HttpApiEndpoint.get("stats", "/lanes", {
        success: Schema.Struct({ sync: LaneStats, queued: LaneStats })
      }),
      HttpApiEndpoint.get("events", "/lanes/:lane/events", {
        params: { lane: LaneName },
        headers: { "last-event-id": Schema.optionalKey(Schema.FiniteFromString) },
        success: HttpApiSchema.StreamSse({
          events: Schema.Struct({
            id: Schema.String,
            event: Schema.Literal("order"),
            data: Schema.fromJsonString(LaneEvent)
          })
        })
      }),
      HttpApiEndpoint.get("faults", "/faults", { success: Schema.Record(ServiceName, ServiceState) }),
      HttpApiEndpoint.post("fault", "/faults", {
        payload: Schema.Struct({ service: ServiceName, state: ServiceState }),
        success: Schema.Record(ServiceName, ServiceState)
      })
    )
  )
  .middleware(HttpApiMiddleware.ProblemDetails)
