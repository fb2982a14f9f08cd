import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiMiddleware, HttpApiSchema } from "effect/http-api"
import * as Schema from "effect/Schema"
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

/** A story of this kind is being told right now. Wait for it to end. */
export class StoryRunning extends Schema.TaggedError<StoryRunning>()(
  "StoryRunning",
  { story: Schema.String },
  { httpApiStatus: 409 }
) {
  override get message() {
    return `The story of ${this.story} is being told right now. Wait for it to end, then ask again.`
  }
}

/** A story could not be told to its end. */
export class StoryFailed extends Schema.TaggedError<StoryFailed>()(
  "StoryFailed",
  { detail: Schema.String },
  { httpApiStatus: 500 }
) {
  override get message() {
    return this.detail
  }
}

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
  .add(
    HttpApiGroup.make("stories").add(
      HttpApiEndpoint.post("storage", "/stories/storage", {
        payload: Schema.Struct({ seed, kill: Schema.Boolean }),
        success: StorageReport,
        error: [StoryRunning, StoryFailed]
      }),
      HttpApiEndpoint.post("wal", "/stories/wal", {
        payload: Schema.Struct({ seed }),
        success: WalReport,
        error: [StoryRunning, StoryFailed]
      })
    )
  )
  .middleware(HttpApiMiddleware.ProblemDetails)
