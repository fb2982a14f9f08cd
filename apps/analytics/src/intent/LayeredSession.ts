import * as Schema from "effect/Schema"

/** One click of a session, as people read it. */
const Click = Schema.Struct({
  eventId: Schema.String,
  timeMillis: Schema.Number,
  /** 1 view, 2 detail, 3 add, 4 remove, 5 purchase, 6 click. */
  symbol: Schema.Int
})

/** A session in its three layers: its raw events (A), the session that they are (B), and the symbols that a model sees of it (C). */
export const LayeredSession = Schema.Struct({
  /** The visitor. */
  key: Schema.String,
  sessionId: Schema.String,
  startMillis: Schema.Number,
  lastMillis: Schema.Number,
  /** A: the events in the order of their times. */
  events: Schema.Array(Click),
  /** 1 with a purchase, else 0. */
  label: Schema.Literals([0, 1]),
  /** Events from the first purchase on: no model sees them. */
  cut: Schema.Int,
  /** C: the symbols before the first purchase. */
  trajectory: Schema.Array(Schema.Int),
  /** Whether the trajectory has a length that models are trained on. */
  kept: Schema.Boolean,
  /** Why not; empty when it is kept. */
  why: Schema.String
})
export type LayeredSession = typeof LayeredSession.Type
