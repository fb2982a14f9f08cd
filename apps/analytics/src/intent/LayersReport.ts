import * as Schema from "effect/Schema"
import { LayeredSession } from "./LayeredSession.ts"

/** What comes in now, from the raw events over the sessions to the symbols. */
export const LayersReport = Schema.Struct({
  /** The last records of the topic, newest first. */
  raw: Schema.Array(
    Schema.Struct({
      /** Of the topic of clicks. */
      sequence: Schema.Int,
      partition: Schema.Int,
      key: Schema.String,
      eventId: Schema.String,
      timeMillis: Schema.Number,
      symbol: Schema.Int,
      /** The session it is in; null for a click that came too late for any. */
      sessionId: Schema.NullOr(Schema.String)
    })
  ),
  /** Sessions that these clicks are in, the last ones with a purchase, the last ones that closed. */
  sessions: Schema.Array(
    Schema.Struct({
      ...LayeredSession.fields,
      /** True while clicks in time can join. */
      open: Schema.Boolean
    })
  )
})
export type LayersReport = typeof LayersReport.Type
