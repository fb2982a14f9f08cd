import { createHash } from "node:crypto"
import type { LaneEvent } from "./LaneEvent.ts"
import type { Entry } from "./Ledger.ts"

/** How an order ended, or that it has not; without anything that depends on time or on the broker. */
export interface Outcome {
  readonly reference: string
  readonly status: "shipped" | "rejected" | "open"
  readonly reason: string
  readonly carrier: string
  readonly totalCents: number
}

/** The last word on every order of a lane, by the steps in its topic; sorted by reference. */
export const outcomes = (steps: Iterable<LaneEvent>): ReadonlyArray<Outcome> => {
  const byOrder = new Map<string, Outcome>()
  for (const { status, reference, orderId, reason = "", carrier = "", ...step } of steps) {
    const isEnd = status === "shipped" || status === "rejected"
    const totalCents = step.totalCents ?? byOrder.get(orderId)?.totalCents ?? 0
    byOrder.set(orderId, { reference, status: isEnd ? status : "open", reason, carrier, totalCents })
  }
  return [...byOrder.values()].sort((a, b) =>
    a.reference < b.reference ? -1 : a.reference > b.reference ? 1 : 0
  )
}

/** SHA-256 (hex) over the outcomes in order of reference: equal when the same orders met the same end. */
export const digest = (all: ReadonlyArray<Outcome>): string => {
  const hash = createHash("sha256")
  for (const o of all) hash.update(`${o.reference}|${o.status}|${o.reason}|${o.carrier}|${o.totalCents}\n`)
  return hash.digest("hex")
}

/** How many references were charged more often than refunded plus once, by the payment service's own book. */
export const chargedTwice = (entries: Iterable<Entry>): number => {
  const charges = new Map<string, number>()
  for (const { reference, kind } of entries) {
    const change = kind === "charge" ? 1 : kind === "refund" ? -1 : 0
    charges.set(reference, (charges.get(reference) ?? 0) + change)
  }
  return [...charges.values()].filter((count) => count > 1).length
}

/** The value below which the share `q` (0 … 1) of the values lies; 0 without values. Nearest rank. */
export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  if (values.length === 0) return 0
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? 0
}
