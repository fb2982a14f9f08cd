/** The messages of a partition processor. */

import type { TopicRecord } from "@troupe/broker"
import { Message } from "@troupe/runtime"
import * as Schema from "effect/Schema"
import { ViewError } from "./ViewError.ts"

/** Records as they came from the broker: checked to be an array, never one by one. */
const Records = Schema.declare((value): value is ReadonlyArray<TopicRecord> => Array.isArray(value))

/** Load the snapshot, find the last commit, and say where to read from. */
export class Start extends Message.Class<Start>()("Start", {
  /** The sequence after which the partition needs records. */
  success: Schema.Int,
  error: ViewError
}) {}

/** Records of the partition, in sequence order. */
export class ChunkArrived extends Message.Class<ChunkArrived>()("ChunkArrived", {
  payload: {
    records: Records,
    /** The partition has no other record up to this sequence. */
    through: Schema.Int,
    /** True at the live end: fold and commit what is here instead of waiting for a full chunk. */
    ended: Schema.Boolean
  }
}) {}

/** Store a snapshot now. */
export class Checkpoint extends Message.Class<Checkpoint>()("Checkpoint", { error: ViewError }) {}

/** Store a snapshot and take no more records. */
export class Stop extends Message.Class<Stop>()("Stop", { error: ViewError }) {}
