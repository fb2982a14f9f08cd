import * as Schema from "effect/Schema"
import { Action, fromAction, ShopSymbol } from "./Symbols.ts"

/** A whole, non-negative number. */
const Natural = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * One click of one shopper: the event that every reader and the simulator produce.
 *
 * Times are whole milliseconds since 1970 (UTC). `symbol` and `action` say the same thing twice, as a number for models
 * and as a word for people; a value in which they disagree does not decode.
 */
export const ClickEvent = Schema.Struct({
  /** Unique and stable: reading the same source again gives the same id to the same row. */
  eventId: Schema.NonEmptyString,
  /** Whose event it is: the visitor where the source knows one, else the source's own session. */
  key: Schema.NonEmptyString,
  /** The source's own session, to check a sessionizer with, not to replace one. */
  sessionIdHash: Schema.NonEmptyString,
  /** 1-based data row in the source, bad rows counted too: a reader resumes at `row + 1`. */
  row: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
  symbol: ShopSymbol,
  action: Action,
  /** Products of the action; on a plain page view those shown there. */
  skus: Schema.Array(Schema.String),
  timeMillis: Natural,
  /** Hash of the page's address; empty where the source has none. */
  urlHash: Schema.String,
  device: Schema.optionalKey(Schema.String),
  channel: Schema.optionalKey(Schema.String),
  /** Position of the hit in the source's own session. */
  hitNumber: Schema.optionalKey(Natural),
  /** How many visits the shopper has made, this one included. */
  visitNumber: Schema.optionalKey(Natural),
  /** True for a page of the checkout; such pages have symbol 1 like any other. */
  isCheckoutStep: Schema.optionalKey(Schema.Boolean)
}).check(
  Schema.makeFilter((event) =>
    fromAction(event.action) === event.symbol
      ? undefined
      : `symbol ${event.symbol} is not the symbol of action ${event.action}`
  )
)
export type ClickEvent = typeof ClickEvent.Type
