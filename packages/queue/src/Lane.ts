import { Subject, type SubscriptionSpec } from "@troupe/broker"
import type * as Duration from "effect/Duration"

/** A part of a queue with a durable subscription of its own. A queue without order has one lane. */
export interface Lane {
  /** The records of this lane. */
  readonly filter: string
  readonly subscription: SubscriptionSpec & { readonly name: string }
}

/** The subject of a job: one for all, or by key, beneath the partition of the key. */
export const subjectOf = (key: string | undefined, lanes: number): string =>
  key === undefined
    ? "job"
    : `${Subject.partitionSubject(Subject.partitionOf(key, lanes))}.${Subject.encodeToken(key)}`

/** The lanes of a queue; `count` is absent for a queue without order. */
export const lanesOf = (options: {
  readonly count: number | undefined
  readonly ackWait: Duration.Input
  readonly maxAttempts: number
}): ReadonlyArray<Lane> => {
  const shared = { start: "first", ackWait: options.ackWait, maxDeliver: options.maxAttempts } as const
  if (options.count === undefined) {
    return [{ filter: "job", subscription: { ...shared, name: "workers", filters: ["job"] } }]
  }
  return Array.from({ length: options.count }, (_, partition) => {
    const filter = `${Subject.partitionSubject(partition)}.*`
    // One in flight: the next job of a lane waits until the one before it is settled, whatever process runs it.
    return {
      filter,
      subscription: { ...shared, name: `workers-${partition}`, filters: [filter], maxAckPending: 1 }
    }
  })
}
