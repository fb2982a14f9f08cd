/**
 * One simulated session: a chain walked step by step. Not exported from the package.
 */
import type { ClickEvent } from "./ClickEvent.ts"
import * as Prng from "./Prng.ts"
import type { Chain, ShopperProfile } from "./ShopperProfile.ts"
import { fromAction, type ShopSymbol, toAction } from "./Symbols.ts"

/** A session under way. */
export interface Shopper {
  /** Order among sessions that have an event at the same moment. */
  readonly ordinal: number
  /** When its next event happens. */
  nextMillis: number
  /** Makes the event of `nextMillis` and moves on; false when that was the last one. */
  readonly step: (into: Array<ClickEvent>) => boolean
}

const end = 0
const purchase = fromAction("purchase")
const noSkus: ReadonlyArray<string> = []

/** 16 hexadecimal digits that look like a hash of the two numbers. */
export const hash16 = (seed: number, kind: number, n: number): string => {
  const high = Prng.mix(Prng.mix(seed | 0, kind), n | 0)
  const low = Prng.mix(high, Math.floor(n / 0x1_0000_0000) ^ n)
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0")
}

const cumulative = (weights: ReadonlyArray<number>): ReadonlyArray<number> => {
  let total = 0
  return weights.map((weight) => {
    total += weight
    return total
  })
}

/** A profile with its chains summed up, ready to draw from. */
export interface Tables {
  readonly profile: ShopperProfile
  readonly browsing: ReadonlyArray<ReadonlyArray<number>>
  readonly buying: ReadonlyArray<ReadonlyArray<number>>
  readonly afterPurchase: ReadonlyArray<ReadonlyArray<number>>
  readonly skus: ReadonlyArray<string>
  readonly urls: ReadonlyArray<string>
}

/** Prepares the tables of a shop with so many products. */
export const tables = (profile: ShopperProfile, seed: number, products: number): Tables => {
  const sums = (chain: Chain) => chain.map(cumulative)
  const names = (kind: number, count: number) =>
    Array.from({ length: count }, (_, index) => hash16(seed, kind, index).slice(0, 12))
  return {
    profile,
    browsing: sums(profile.browsing),
    buying: sums(profile.buying),
    afterPurchase: sums(profile.afterPurchase),
    skus: names(3, products),
    urls: names(4, products + 40)
  }
}

const draw = (prng: Prng.Prng, sums: ReadonlyArray<number>): number => {
  const wanted = prng.next() * (sums[sums.length - 1] as number)
  for (let i = 0; i < sums.length; i++) if (wanted < (sums[i] as number)) return i
  return end
}

/** A gap between two events, at least 1 ms. */
const drawGap = (prng: Prng.Prng, quantiles: ShopperProfile["gapQuantiles"]): number => {
  const share = prng.next()
  for (let i = 1; i < quantiles.length; i++) {
    const [above, high] = quantiles[i] as readonly [number, number]
    if (share >= above) continue
    const [below, low] = quantiles[i - 1] as readonly [number, number]
    const part = (share - below) / (above - below)
    return Math.max(1, Math.round(low * (high / low) ** part))
  }
  return quantiles[quantiles.length - 1]?.[1] ?? 1
}

/** Starts a session of visitor `key`; `seed` and `ordinal` alone decide what happens in it. */
export const start = (
  from: Tables,
  options: {
    readonly seed: number
    readonly ordinal: number
    readonly key: string
    readonly visitNumber: number
    readonly startMillis: number
    readonly conversion: number
  }
): Shopper => {
  const { profile, skus, urls } = from
  const prng = Prng.make(options.seed, options.ordinal + 1)
  const sessionIdHash = hash16(options.seed, 2, options.ordinal)
  const device = profile.devices[Prng.pick(prng, profile.devices.map(weightOf))]?.[0] ?? ""
  const channel = profile.channels[Prng.pick(prng, profile.channels.map(weightOf))]?.[0] ?? ""
  const buys = prng.next() < options.conversion
  let chain = buys ? from.buying : from.browsing
  let hitNumber = 0
  let sku = ""
  let cart: Array<string> = []

  // Few products draw most clicks.
  const product = () => Math.floor(skus.length * prng.next() ** 3)
  const after = (symbol: number): number => {
    const next = draw(prng, chain[symbol] as ReadonlyArray<number>)
    if (next !== end || chain !== from.buying) return next
    chain = from.afterPurchase
    return purchase
  }
  let symbol = after(0)

  const skusOf = (): ReadonlyArray<string> => {
    switch (symbol) {
      case 1:
        return noSkus
      case 4: {
        const removed = cart.pop() ?? skus[product()]
        return removed === undefined ? noSkus : [removed]
      }
      case 5: {
        const bought = cart.length > 0 ? cart : [sku === "" ? (skus[product()] as string) : sku]
        cart = []
        return bought
      }
      default: {
        // A click opens a product; its detail page and the basket follow from that.
        if (symbol === 6 || sku === "") sku = skus[product()] as string
        if (symbol === 3) cart.push(sku)
        return [sku]
      }
    }
  }

  const shopper: Shopper = {
    ordinal: options.ordinal,
    nextMillis: options.startMillis,
    step: (into) => {
      hitNumber++
      const shown = symbol as ShopSymbol
      into.push({
        eventId: `${sessionIdHash}:${hitNumber}`,
        key: options.key,
        sessionIdHash,
        row: 0,
        symbol: shown,
        action: toAction(shown),
        skus: skusOf(),
        timeMillis: shopper.nextMillis,
        urlHash: urls[Math.floor(urls.length * prng.next())] as string,
        device,
        channel,
        hitNumber,
        visitNumber: options.visitNumber
      })
      symbol = after(symbol)
      if (symbol === end) return false
      shopper.nextMillis += drawGap(prng, profile.gapQuantiles)
      return true
    }
  }
  return shopper
}

const weightOf = (entry: readonly [string, number]): number => entry[1]
