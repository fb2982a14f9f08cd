import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, HttpApiSchema } from "effect/http-api"
import * as Schema from "effect/Schema"
import * as IntentApi from "./intent/IntentApi.ts"
import { Failed, StillRunning } from "./Problems.ts"
import { CompareShown, eventsMax } from "./social/CompareShown.ts"
import * as SocialApi from "./social/SocialApi.ts"
import { StorageReport } from "./storage/StorageReport.ts"
import { WalReport } from "./wal/WalReport.ts"

/** A session as the page shows it. Times in milliseconds since 1970. */
export const SessionShown = Schema.Struct({
  key: Schema.String,
  sessionId: Schema.String,
  startMillis: Schema.Number,
  lastMillis: Schema.Number,
  events: Schema.Int,
  symbols: Schema.Record(Schema.String, Schema.Int)
})
export type SessionShown = typeof SessionShown.Type

/** Where the run stands. */
export const Status = Schema.Struct({
  broker: Schema.String,
  durability: Schema.String,
  input: Schema.String,
  /** Records in the topic of clicks. */
  clicks: Schema.Int,
  sessions: Schema.Int,
  purchaseSessions: Schema.Int,
  /** Clicks by kind, over all closed sessions. */
  symbols: Schema.Record(Schema.String, Schema.Int),
  /** Where each partition of the view stands: input folded, outputs committed. */
  partitions: Schema.Array(
    Schema.Struct({ partition: Schema.Int, inSequence: Schema.Int, outputs: Schema.Int })
  )
})
export type Status = typeof Status.Type

const seed = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))

/** The run over HTTP; OpenAPI at `/openapi.json`, readable at `/docs`. */
export const AnalyticsApi = HttpApi.make("analytics")
  .add(
    HttpApiGroup.make("sessions").add(
      HttpApiEndpoint.get("status", "/status", { success: Status }),
      HttpApiEndpoint.get("events", "/sessions/events", {
        headers: { "last-event-id": Schema.optionalKey(Schema.FiniteFromString) },
        success: HttpApiSchema.StreamSse({
          events: Schema.Struct({
            id: Schema.String,
            event: Schema.Literal("session"),
            data: Schema.fromJsonString(SessionShown)
          })
        })
      })
    )
  )
  .add(IntentApi.group)
  .add(SocialApi.group)
  .add(
    HttpApiGroup.make("stories").add(
      HttpApiEndpoint.post("storage", "/stories/storage", {
        payload: Schema.Struct({ seed, kill: Schema.Boolean }),
        success: StorageReport,
        error: [StillRunning, Failed]
      }),
      HttpApiEndpoint.post("wal", "/stories/wal", {
        payload: Schema.Struct({ seed }),
        success: WalReport,
        error: [StillRunning, Failed]
      }),
      HttpApiEndpoint.post("compare", "/stories/compare", {
        payload: Schema.Struct({
          seed,
          events: Schema.Int.check(Schema.isBetween({ minimum: 1_000, maximum: eventsMax }))
        }),
        success: CompareShown,
        error: [StillRunning, Failed]
      })
    )
  )
  .middleware(HttpApiMiddleware.ProblemDetails)
