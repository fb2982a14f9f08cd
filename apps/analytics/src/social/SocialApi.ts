import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import * as Schema from "effect/Schema"
import { Failed, NotThere, Refused, StillRunning } from "../Problems.ts"
import { BatchReport } from "./BatchReport.ts"
import { DiffReport } from "./DiffReport.ts"
import { ReplayReport } from "./ReplayReport.ts"
import { ReprocessReport } from "./ReprocessReport.ts"
import { ReprocessProgress, RowChanged, SocialStatus } from "./SocialStatus.ts"
import { SwitchReport } from "./SwitchReport.ts"
import { TrendingReport } from "./TrendingReport.ts"

/** A place in the served topic of a version, as the id of an event: `<version>-<sequence>`. */
const PlaceId = Schema.String.check(Schema.isPattern(/^[1-9]\d{0,3}-\d{1,15}$/))

const keyLengthMax = 200

/** Steps of a row that an answer holds: the last ones. */
export const stepsMax = 2_000
/** Rows that are not proved that an answer holds: the first ones. */
export const differencesMax = 200

/** A replay's report; of a row with a long history the last steps. */
export const ReplayShown = Schema.Struct({ ...ReplayReport.fields, stepsLeftOut: Schema.Int })

/** The social feed, its versions and which one is served. */
export const group = HttpApiGroup.make("social").add(
  HttpApiEndpoint.get("status", "/social/status", { success: SocialStatus }),
  HttpApiEndpoint.get("trending", "/social/trending", { success: TrendingReport }),
  HttpApiEndpoint.get("events", "/social/trending/events", {
    headers: { "last-event-id": Schema.optionalKey(PlaceId) },
    success: HttpApiSchema.StreamSse({
      events: Schema.Struct({
        id: PlaceId,
        event: Schema.Literal("row"),
        data: Schema.fromJsonString(RowChanged)
      })
    })
  }),
  HttpApiEndpoint.post("batch", "/social/batch", { success: BatchReport, error: [StillRunning, Failed] }),
  HttpApiEndpoint.post("replay", "/social/replay", {
    payload: Schema.Struct({
      key: Schema.optionalKey(Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(keyLengthMax)))
    }),
    success: ReplayShown,
    error: [StillRunning, NotThere, Failed]
  }),
  HttpApiEndpoint.post("reprocess", "/social/reprocess", {
    success: ReprocessReport,
    error: [StillRunning, Failed]
  }),
  HttpApiEndpoint.get("progress", "/social/reprocess/progress", { success: ReprocessProgress }),
  HttpApiEndpoint.post("diff", "/social/diff", {
    success: DiffReport,
    error: [StillRunning, Refused, Failed]
  }),
  HttpApiEndpoint.post("promote", "/social/promote", {
    success: SwitchReport,
    error: [StillRunning, Refused, Failed]
  }),
  HttpApiEndpoint.post("rollback", "/social/rollback", {
    success: SwitchReport,
    error: [StillRunning, Refused, Failed]
  })
)
