import { Actor, Message } from "@troupe/runtime"
import * as Schema from "effect/Schema"
import { LogCorrupt, LogFailed, LogUnsupported } from "./LogError.ts"

/** A batch was begun: write it, and sync as the policy says. One for each batch, never for a record. */
export class Flush extends Message.Class<Flush>()("Flush") {}

/** End the active segment. */
export class Roll extends Message.Class<Roll>()("Roll", { error: LogFailed }) {}

/**
 * The actor that owns a log's writes, syncs and rolls. Its handlers never wait: a sync runs on the pool, and what comes in
 * the meantime is the next group.
 */
export const LogKeeper = Actor.make("@troupe/storage/LogKeeper", [Flush, Roll])

/** Remove full segments from the old end. */
export class Retain extends Message.Class<Retain>()("Retain", {
  payload: {
    below: Schema.optionalKey(Schema.Number),
    olderThanMillis: Schema.optionalKey(Schema.Number),
    maxBytes: Schema.optionalKey(Schema.Number),
    maxRecords: Schema.optionalKey(Schema.Number),
    keepFrom: Schema.optionalKey(Schema.Number)
  },
  success: Schema.Struct({
    segments: Schema.Number,
    bytes: Schema.Number,
    firstSequence: Schema.Number
  }),
  error: LogFailed
}) {}

/** Keep the last record of each key in the full segments. */
export class Compact extends Message.Class<Compact>()("Compact", {
  payload: { tombstoneMillis: Schema.Number, keysMax: Schema.Number, keepFrom: Schema.Number },
  success: Schema.Struct({
    segmentsBefore: Schema.Number,
    segmentsAfter: Schema.Number,
    records: Schema.Number,
    bytesBefore: Schema.Number,
    bytesAfter: Schema.Number,
    cleanBelow: Schema.Number
  }),
  error: Schema.Union([LogFailed, LogCorrupt, LogUnsupported])
}) {}

/** Records were deleted from the middle: write the segments anew of which little is left. One for many deletes. */
export class Reclaim extends Message.Class<Reclaim>()("Reclaim") {}

/** The actor that owns what changes full segments: apart from the keeper, because an archive hook may take its time. */
export const LogRetention = Actor.make("@troupe/storage/LogRetention", [Retain, Compact, Reclaim])
