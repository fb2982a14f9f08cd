import * as Schema from "effect/Schema"
import { Carrier } from "./Placement.ts"

/** The two fates of an order: the caller waits for every step, or gets the order id at once. */
export const LaneName = Schema.Literals(["sync", "queued"])
export type LaneName = typeof LaneName.Type

/** How far an order has come. `shipped` and `rejected` are the ends. */
export const OrderStatus = Schema.Literals(["placed", "charged", "reserved", "shipped", "rejected"])
export type OrderStatus = typeof OrderStatus.Type

/** One step of one order, as it stands in the lane's topic. */
export const LaneEvent = Schema.Struct({
  /** The topic's sequence of the record that holds this step. */
  sequence: Schema.Int,
  lane: LaneName,
  orderId: Schema.String,
  reference: Schema.String,
  status: OrderStatus,
  atMillis: Schema.Number,
  /** What the order costs; told when it is placed. */
  totalCents: Schema.optionalKey(Schema.Int),
  carrier: Schema.optionalKey(Carrier),
  tracking: Schema.optionalKey(Schema.String),
  /** Why it was rejected. */
  reason: Schema.optionalKey(Schema.String)
})
export type LaneEvent = typeof LaneEvent.Type

/** What one lane did so far, seen by its callers and by its topic. Times in milliseconds. */
export const LaneStats = Schema.Struct({
  /** Orders that shoppers sent. */
  placed: Schema.Int,
  /** Orders that the shop took responsibility for. */
  accepted: Schema.Int,
  /** Orders that the shop could not take. */
  refused: Schema.Int,
  shipped: Schema.Int,
  rejected: Schema.Int,
  /** Accepted orders without an end yet. */
  backlog: Schema.Int,
  answerMillisP50: Schema.Number,
  answerMillisP99: Schema.Number
})
export type LaneStats = typeof LaneStats.Type
