import { Journal } from "@troupe/journal"
import { Actor, ActorSystem, EventSourced, Message, Supervision } from "@troupe/runtime"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

/** The order that the tests keep in a journal. */
export class NotPlaced extends Schema.TaggedError<NotPlaced>()("NotPlaced", {}) {}
export class Place extends Message.Class<Place>()("Place", {
  payload: { key: Schema.String, lines: Schema.Int },
  success: Schema.Int,
  primaryKey: (p) => p.key
}) {}
export class AddLine extends Message.Class<AddLine>()("AddLine", {
  payload: { note: Schema.optionalKey(Schema.String) },
  success: Schema.Int,
  error: NotPlaced
}) {}
export const Order = Actor.make("orders/Order", [Place, AddLine])

class OrderState extends Schema.Class<OrderState>("OrderState")({
  lines: Schema.Int,
  notes: Schema.Array(Schema.String)
}) {}
class Placed extends Schema.TaggedClass<Placed>()("Placed", { lines: Schema.Int }) {}
class LineAdded extends Schema.TaggedClass<LineAdded>()("LineAdded", { note: Schema.String }) {}
/** What `Placed` was in the first version. */
class PlacedV1 extends Schema.TaggedClass<PlacedV1>()("Placed", { skus: Schema.Array(Schema.String) }) {}

export const versions = {
  events: [Placed, LineAdded],
  upcasters: [EventSourced.upcast(PlacedV1, ({ skus }) => new Placed({ lines: skus.length }))]
} as const

const behaviour = (every: number) =>
  EventSourced.make(Order, {
    state: OrderState,
    ...versions,
    initial: () => new OrderState({ lines: 0, notes: [] }),
    evolve: {
      Placed: (state, { lines }) => new OrderState({ ...state, lines: state.lines + lines }),
      LineAdded: (state, { note }) =>
        new OrderState({ lines: state.lines + 1, notes: note === "" ? state.notes : [...state.notes, note] })
    },
    decide: {
      Place: (_, { lines }) => EventSourced.persist(new Placed({ lines }), (next) => next.lines),
      AddLine: (state, { note }) =>
        state.lines === 0
          ? new NotPlaced()
          : EventSourced.persist(new LineAdded({ note: note ?? "" }), (next) => next.lines)
    },
    snapshot: EventSourced.every(every)
  })

/** A whole process but for its broker: a system, its orders, its journal. Building it again is a restart. */
export const orders = (options?: { readonly every?: number }) =>
  Order.toLayer(behaviour(options?.every ?? 1_000_000), {
    supervision: Supervision.restart({ schedule: Schedule.spaced("10 millis") }),
    drain: 0
  }).pipe(
    Layer.provideMerge(Layer.mergeAll(ActorSystem.layer, Journal.layer({ topic: "orders" }))),
    Layer.fresh
  )
