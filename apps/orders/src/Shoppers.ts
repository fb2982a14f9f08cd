import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Placement } from "./Placement.ts"

/** One shopper's intention: what to order, under a reference of the shopper's own. */
export interface Intention {
  readonly index: number
  /** The shopper's idempotency key: the same cart sent twice carries the same one. */
  readonly reference: string
  readonly placement: Placement
}

const catalogue = ["mug", "shirt", "poster", "lamp", "kettle", "puzzle", "notebook", "backpack"] as const

/** What makes an order fail for a reason of its own: each is found by another service. */
export const declinedCard = "tok-declined"
export const discontinuedSku = "sku-discontinued"
export const undeliverableZip = "00000"

const intention = Effect.fnUntraced(function* (index: number) {
  const lines: Array<Placement["lines"][number]> = []
  const count = yield* Random.nextIntBetween(1, 4)
  for (let i = 0; i < count; i++) {
    const item = yield* Random.choice(catalogue)
    const quantity = yield* Random.nextIntBetween(1, 3)
    lines.push({ sku: `sku-${item}`, quantity, priceCents: 100 * (yield* Random.nextIntBetween(5, 80)) - 1 })
  }
  const trouble = yield* Random.nextIntBetween(0, 99)
  if (trouble === 2 || trouble === 3) lines.push({ sku: discontinuedSku, quantity: 1, priceCents: 999 })
  const zip = String(yield* Random.nextIntBetween(10_000, 99_999))
  return {
    index,
    reference: `cart-${String(index).padStart(5, "0")}`,
    placement: {
      shopper: `shopper-${yield* Random.nextIntBetween(1, 500)}`,
      cardToken: trouble < 2 ? declinedCard : `tok-${yield* Random.nextIntBetween(1000, 9999)}`,
      zip: trouble === 4 ? undeliverableZip : zip,
      lines
    }
  } satisfies Intention
})

/** The same `count` intentions for the same seed: about 5 % of them cannot be fulfilled, for a reason of their own. */
export const intentions = (seed: number, count: number): Effect.Effect<ReadonlyArray<Intention>> =>
  Random.withSeed(
    Effect.forEach(
      Array.from({ length: count }, (_, index) => index),
      intention
    ),
    `shoppers-${seed}`
  )
