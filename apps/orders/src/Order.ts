import { Actor, EventSourced, Message } from "@troupe/runtime"
import * as Schema from "effect/Schema"
import { LaneName } from "./LaneEvent.ts"
import { Carrier, Placement } from "./Placement.ts"
import { RejectionReason } from "./Services.ts"

/** The shopper placed the order. */
export class Placed extends Schema.TaggedClass<Placed>()("Placed", {
  orderId: Schema.String,
  lane: LaneName,
  reference: Schema.String,
  placement: Placement
}) {}
/** The payment service took the money. */
export class Charged extends Schema.TaggedClass<Charged>()("Charged", {}) {}
/** The warehouse put the goods aside. */
export class Reserved extends Schema.TaggedClass<Reserved>()("Reserved", {}) {}
/** The carrier has the parcel: the order is done. */
export class Shipped extends Schema.TaggedClass<Shipped>()("Shipped", {
  carrier: Carrier,
  tracking: Schema.String
}) {}
/** The order cannot be fulfilled; money and goods were given back first. */
export class Rejected extends Schema.TaggedClass<Rejected>()("Rejected", { reason: RejectionReason }) {}

/** What happens to an order. */
export const OrderEvents = [Placed, Charged, Reserved, Shipped, Rejected] as const
export const OrderEvent = Schema.Union(OrderEvents)
export type OrderEvent = typeof OrderEvent.Type

/** How far an order is; `none` before it was placed. */
export const Progress = Schema.Literals(["none", "placed", "charged", "reserved", "shipped", "rejected"])
export type Progress = typeof Progress.Type

/** Places the order; the same order placed again changes nothing. */
export class Place extends Message.Class<Place>()("Place", {
  payload: { orderId: Schema.String, lane: LaneName, reference: Schema.String, placement: Placement },
  success: Progress,
  primaryKey: ({ orderId }) => orderId
}) {}

/** Says that a step was done. A step that the order has behind it already changes nothing. */
export class Record extends Message.Class<Record>()("Record", {
  payload: { step: Schema.Union([Charged, Reserved, Shipped, Rejected]) },
  success: Progress
}) {}

/** Stores a whole order that was worked on while its caller waited. */
export class Complete extends Message.Class<Complete>()("Complete", {
  payload: {
    orderId: Schema.String,
    lane: LaneName,
    reference: Schema.String,
    placement: Placement,
    steps: Schema.Array(Schema.Union([Charged, Reserved, Shipped, Rejected]))
  },
  success: Progress,
  primaryKey: ({ orderId }) => orderId
}) {}

/** One order: an actor whose state is its history. */
export const Order = Actor.make("orders/Order", [Place, Record, Complete])

const rank: Readonly<{ [P in Progress]: number }> = {
  none: 0,
  placed: 1,
  charged: 2,
  reserved: 3,
  shipped: 4,
  rejected: 4
}
const after: Readonly<{ [E in OrderEvent["_tag"]]: Progress }> = {
  Placed: "placed",
  Charged: "charged",
  Reserved: "reserved",
  Shipped: "shipped",
  Rejected: "rejected"
}

/** Where an order is after `event`. */
export const progressAfter = (event: OrderEvent): Progress => after[event._tag]

/** How the order's actor behaves: `evolve` follows the events, `decide` stores each step once, and none after the end. */
export const behaviour = EventSourced.make(Order, {
  state: Progress,
  events: OrderEvents,
  initial: (): Progress => "none",
  evolve: {
    Placed: (): Progress => "placed",
    Charged: (): Progress => "charged",
    Reserved: (): Progress => "reserved",
    Shipped: (): Progress => "shipped",
    Rejected: (): Progress => "rejected"
  },
  decide: {
    Place: (now: Progress, { _tag, ...order }: Place) =>
      now === "none"
        ? EventSourced.persist(new Placed(order), (next: Progress) => next)
        : EventSourced.reply(now),
    Record: (now: Progress, { step }: Record) =>
      now !== "none" && rank[now] < rank[progressAfter(step)]
        ? EventSourced.persist(step, (next: Progress) => next)
        : EventSourced.reply(now),
    Complete: (now: Progress, { _tag, steps, ...order }: Complete) =>
      now === "none"
        ? EventSourced.persistAll([new Placed(order), ...steps], (next: Progress) => next)
        : EventSourced.reply(now)
  }
})
