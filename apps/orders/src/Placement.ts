import * as Schema from "effect/Schema"

/** One line of a cart. */
export const Line = Schema.Struct({
  sku: Schema.NonEmptyString.check(Schema.isMaxLength(64)),
  quantity: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 99 })),
  priceCents: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000_000 }))
})

/** What a shopper sends to place an order. */
export const Placement = Schema.Struct({
  shopper: Schema.NonEmptyString.check(Schema.isMaxLength(64)),
  /** The token that the card's issuer gave; never a card number. */
  cardToken: Schema.NonEmptyString.check(Schema.isMaxLength(64)),
  zip: Schema.String.check(Schema.isPattern(/^\d{5}$/)),
  lines: Schema.Array(Line).check(Schema.isMinLength(1), Schema.isMaxLength(20))
})
export type Placement = typeof Placement.Type

/** Who delivers: parcels of up to five pieces go by USPS, larger ones by FedEx. */
export const Carrier = Schema.Literals(["USPS", "FedEx"])
export type Carrier = typeof Carrier.Type

/** What the order costs, in cents. */
export const totalCents = (placement: Placement): number =>
  placement.lines.reduce((sum, line) => sum + line.quantity * line.priceCents, 0)

/** Which carrier takes the parcel. */
export const carrierOf = (placement: Placement): Carrier =>
  placement.lines.reduce((sum, line) => sum + line.quantity, 0) <= 5 ? "USPS" : "FedEx"
