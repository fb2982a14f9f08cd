import type * as Schema from "effect/Schema"

/** Any event: a value with a tag. */
export interface Tagged {
  readonly _tag: string
}

/** A class of events: a schema whose values have a tag. */
export type EventClass = Schema.Codec<Tagged, unknown>

/** How events of an old schema become newer ones; made by `upcast`. */
export interface Upcaster<in out From extends Tagged, out To extends Tagged> {
  readonly from: Schema.Codec<From, unknown>
  readonly to: (old: From) => To | ReadonlyArray<To>
}

/** Any upcaster, as a list of them holds it. */
export interface AnyUpcaster {
  readonly from: EventClass
  readonly to: (old: never) => Tagged | ReadonlyArray<Tagged>
}

/** The events of one or several. */
type EventOf<Made> = Extract<Made extends ReadonlyArray<infer Event> ? Event : Made, Tagged>

type FromOf<U> = U extends { readonly from: Schema.Codec<infer From, unknown> } ? From : never

/** `U`, when each upcaster makes events of today (`Event`) or ones that an upcaster further down the list takes. */
export type Ordered<U extends ReadonlyArray<AnyUpcaster>, Event> = U extends readonly [
  infer First,
  ...infer Rest extends ReadonlyArray<AnyUpcaster>
]
  ? readonly [
      Upcaster<Extract<FromOf<First>, Tagged>, Extract<Event | FromOf<Rest[number]>, Tagged>>,
      ...Ordered<Rest, Event>
    ]
  : readonly []

/**
 * Declares what an event of an old schema is today: one event, several, or none (`[]`).
 *
 * `to` is pure and total: it sees only events that fit `from`. What it makes is an event of today, or one that an upcaster
 * further down the list takes, so a history of many versions climbs them one by one.
 *
 * ```ts
 * upcasters: [
 *   EventSourced.upcast(DepositedV1, (old) => new DepositedV2({ amount: old.amount, currency: "EUR" })),
 *   EventSourced.upcast(DepositedV2, (old) => new Deposited({ cents: old.amount * 100, currency: old.currency }))
 * ]
 * ```
 */
export const upcast = <From extends Tagged, Made extends Tagged | ReadonlyArray<Tagged>>(
  from: Schema.Codec<From, unknown>,
  to: (old: From) => Made
): Upcaster<From, EventOf<Made>> => ({ from, to: to as never })
