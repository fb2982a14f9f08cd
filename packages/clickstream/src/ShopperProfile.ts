/**
 * How a shop's visitors behave, as numbers: what the simulator draws from.
 */

/** Weights of the next symbol for one current symbol: `[end, view, detail, add, remove, purchase, click]`. */
export type NextWeights = readonly [number, number, number, number, number, number, number]

/** A first-order chain: position 0 is the start of a session, position 1 … 6 the current symbol. */
export type Chain = readonly [
  NextWeights,
  NextWeights,
  NextWeights,
  NextWeights,
  NextWeights,
  NextWeights,
  NextWeights
]

/** A shop. */
export interface ShopperProfile {
  /** Share of sessions that hold a purchase. */
  readonly conversion: number
  /** Chain of the sessions that end without a purchase; never reaches symbol 5. */
  readonly browsing: Chain
  /** Chain of buying sessions before the first purchase; its end *is* the first purchase. */
  readonly buying: Chain
  /** Chain from the first purchase on; it starts at symbol 5. */
  readonly afterPurchase: Chain
  /** Time between two events of a session: rising `[share, millis]`; between them the logarithm is interpolated. */
  readonly gapQuantiles: ReadonlyArray<readonly [share: number, millis: number]>
  /** Weight of each hour of the day (UTC) as the hour in which a session begins. */
  readonly hours: ReadonlyArray<number>
  /** Weights of the devices. */
  readonly devices: ReadonlyArray<readonly [name: string, weight: number]>
  /** Weights of the channels through which a session begins. */
  readonly channels: ReadonlyArray<readonly [name: string, weight: number]>
}

const never: NextWeights = [0, 0, 0, 0, 0, 0, 0]

/**
 * A merchandise shop on an ordinary day: per-mille weights fitted to one public day of the Google Merchandise Store
 * (1 708 sessions of 30 minutes, 26 of them with a purchase), rounded.
 */
export const merchandiseShop: ShopperProfile = {
  conversion: 0.015,
  browsing: [
    [0, 993, 2, 1, 0, 0, 4],
    [271, 631, 23, 14, 7, 0, 54],
    [55, 85, 37, 92, 0, 0, 731],
    [13, 667, 17, 209, 0, 0, 94],
    [0, 975, 0, 0, 25, 0, 0],
    never,
    [21, 256, 593, 29, 0, 0, 101]
  ],
  buying: [
    [0, 962, 0, 38, 0, 0, 0],
    [43, 764, 25, 66, 20, 0, 82],
    [0, 81, 0, 256, 0, 0, 663],
    [0, 768, 12, 134, 0, 0, 86],
    [0, 1000, 0, 0, 0, 0, 0],
    never,
    [0, 297, 579, 66, 0, 0, 58]
  ],
  afterPurchase: [
    never,
    [147, 629, 22, 45, 56, 11, 90],
    [0, 0, 0, 600, 0, 0, 400],
    [0, 270, 0, 378, 0, 0, 352],
    [0, 1000, 0, 0, 0, 0, 0],
    [240, 260, 0, 0, 0, 500, 0],
    [0, 118, 823, 29, 0, 0, 30]
  ],
  gapQuantiles: [
    [0, 1],
    [0.05, 1],
    [0.1, 13],
    [0.25, 3_500],
    [0.5, 11_900],
    [0.75, 29_800],
    [0.9, 72_700],
    [0.95, 146_000],
    [0.99, 664_000],
    [1, 1_780_000]
  ],
  hours: [61, 66, 53, 66, 53, 66, 62, 65, 48, 44, 38, 44, 64, 84, 98, 87, 83, 92, 102, 87, 95, 91, 85, 74],
  devices: [
    ["desktop", 672],
    ["mobile", 291],
    ["tablet", 37]
  ],
  channels: [
    ["Organic Search", 526],
    ["Referral", 174],
    ["Direct", 162],
    ["Social", 79],
    ["Paid Search", 26],
    ["Affiliates", 21],
    ["Display", 12]
  ]
}
