import type { SubscriptionStart } from "../Subscription.ts"

/** What a subscription is, with every default filled in and every duration in milliseconds. */
export interface SubscriptionSettings {
  readonly name: string
  readonly filters: ReadonlyArray<string>
  readonly start: SubscriptionStart
  readonly ackWaitMillis: number
  /** `Number.MAX_SAFE_INTEGER` when there is no bound. */
  readonly maxDeliver: number
  readonly maxAckPending: number
  readonly paused: boolean
}

/** All of a subscription's progress, as plain data. */
export interface SubscriptionSnapshot {
  /** The next sequence to look at for a first delivery. */
  readonly position: number
  /** Sequences below `position` that still wait for their first delivery, rising. */
  readonly backlog: ReadonlyArray<number>
  /** Delivered and not settled, rising: sequence, attempts so far, and when it is due again (0: at once). */
  readonly outstanding: ReadonlyArray<readonly [sequence: number, attempt: number, dueMillis: number]>
  readonly exhausted: ReadonlyArray<number>
}

/** The names of the settings in which two subscriptions differ. */
export const differingSubscription = (
  a: SubscriptionSettings,
  b: SubscriptionSettings
): ReadonlyArray<string> =>
  (Object.keys(a) as Array<keyof SubscriptionSettings>)
    .filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]))
    .sort()
