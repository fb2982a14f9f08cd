import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Shop } from "./Shop.ts"
import * as Shoppers from "./Shoppers.ts"

/** Orders drawn at once from the seed; then the next ones. */
const drawn = 500

/**
 * Shoppers who order in both lanes at a steady pace until they are stopped: the same cart at the same moment in each.
 * Their references begin with the moment this began, so that a second run places new orders.
 */
export const run = Effect.fn("LiveShoppers.run")(function* (options: {
  readonly seed: number
  readonly everyMillis: number
  readonly speed: number
}) {
  const shop = yield* Shop
  const began = yield* Clock.currentTimeMillis
  const scope = yield* Effect.scope
  let count = 0
  for (let round = 0; ; round++) {
    for (const { placement } of yield* Shoppers.intentions(options.seed + round, drawn)) {
      const reference = `live-${began.toString(36)}-${count++}`
      const place = Effect.ignore(
        Effect.all(
          [Effect.ignore(shop.placeSync(reference, placement)), shop.placeQueued(reference, placement)],
          {
            concurrency: 2
          }
        )
      )
      yield* Effect.forkIn(place, scope)
      yield* Effect.sleep(options.everyMillis / options.speed)
    }
  }
})
