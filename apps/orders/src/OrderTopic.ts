import { Subject, type TopicRecord } from "@troupe/broker"
import { HistoryRecord } from "@troupe/journal"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type LaneEvent, LaneName } from "./LaneEvent.ts"
import { Order, OrderEvent, progressAfter } from "./Order.ts"
import { totalCents } from "./Placement.ts"

/** The topic with every order's history: the shop's memory. */
export const name = "orders"

/**
 * The id of an order says its lane and the shopper's reference. A queued order has one id a reference, so the same cart sent
 * twice is the same order; the synchronous lane makes a new order of every call (`attempt`), as shops of that kind do.
 */
export const orderId = (lane: LaneName, reference: string, attempt?: string): string =>
  [lane, Subject.encodeToken(reference), ...(attempt === undefined ? [] : [attempt])].join(":")

const decodeLane = Schema.decodeUnknownExit(LaneName)
const decodeEvents = Schema.decodeUnknownExit(Schema.Array(Schema.toCodecJson(OrderEvent)))

/** One record of the topic: what happened to which order. */
export interface OrderRecord {
  readonly orderId: string
  readonly lane: LaneName
  readonly reference: string
  readonly events: ReadonlyArray<OrderEvent>
}

/** What a record of the topic says of an order; `undefined` for a record of something else. */
export const read = (record: TopicRecord): OrderRecord | undefined => {
  const decoded = HistoryRecord.ofRecord(record)
  if (Result.isFailure(decoded) || decoded.success.history.actor !== Order.name) return undefined
  const { history, entry } = decoded.success
  const [laneName, reference = ""] = history.id.split(":")
  const lane = decodeLane(laneName)
  const events = decodeEvents(entry.events)
  if (Exit.isFailure(lane) || Exit.isFailure(events)) return undefined
  return {
    orderId: history.id,
    lane: lane.value,
    reference: Subject.decodeToken(reference),
    events: events.value
  }
}

/** The steps that a record of the topic holds. */
export const stepsOf = (record: TopicRecord): ReadonlyArray<LaneEvent> => {
  const order = read(record)
  if (order === undefined) return []
  const { events, ...about } = order
  return events.map((event): LaneEvent => {
    const status = progressAfter(event)
    const step = {
      ...about,
      sequence: record.sequence,
      atMillis: record.timeMillis,
      status: status === "none" ? "placed" : status
    }
    switch (event._tag) {
      case "Placed":
        return { ...step, totalCents: totalCents(event.placement) }
      case "Shipped":
        return { ...step, carrier: event.carrier, tracking: event.tracking }
      case "Rejected":
        return { ...step, reason: event.reason }
      default:
        return step
    }
  })
}
