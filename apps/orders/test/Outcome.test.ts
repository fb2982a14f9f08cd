import { assert, describe, it } from "@effect/vitest"
import type { LaneEvent } from "../src/LaneEvent.ts"
import * as Outcome from "../src/Outcome.ts"

const step = (orderId: string, status: LaneEvent["status"], more: Partial<LaneEvent> = {}): LaneEvent => ({
  sequence: 1,
  lane: "queued",
  orderId,
  reference: `ref-${orderId}`,
  status,
  atMillis: 0,
  totalCents: 100,
  ...more
})

describe("Outcome", () => {
  it("keeps the last word on each order, by reference", () => {
    const all = Outcome.outcomes([
      step("b", "placed"),
      step("a", "placed"),
      step("a", "rejected", { reason: "card declined" }),
      step("b", "charged")
    ])
    assert.deepStrictEqual(
      all.map(({ reference, status, reason }) => [reference, status, reason]),
      [
        ["ref-a", "rejected", "card declined"],
        ["ref-b", "open", ""]
      ]
    )
  })

  it("gives the same digest for the same ends in any order, and another for another end", () => {
    const ends = [step("a", "shipped"), step("b", "rejected", { reason: "card declined" })]
    const one = Outcome.digest(Outcome.outcomes(ends))
    assert.strictEqual(one, Outcome.digest(Outcome.outcomes(ends.toReversed())))
    assert.notStrictEqual(one, Outcome.digest(Outcome.outcomes([step("a", "shipped"), step("b", "shipped")])))
  })

  it("counts a reference charged twice, unless the second charge was given back", () => {
    const entry = (reference: string, kind: "charge" | "refund") =>
      ({ lane: "sync", reference, kind, amountCents: 5 }) as const
    assert.strictEqual(
      Outcome.chargedTwice([entry("a", "charge"), entry("a", "charge"), entry("b", "charge")]),
      1
    )
    assert.strictEqual(
      Outcome.chargedTwice([entry("a", "charge"), entry("a", "refund"), entry("a", "charge")]),
      0
    )
  })

  it("answers the nearest rank", () => {
    assert.strictEqual(Outcome.quantile([5, 1, 3], 0.5), 3)
    assert.strictEqual(Outcome.quantile([5, 1, 3], 0.99), 5)
    assert.strictEqual(Outcome.quantile([], 0.5), 0)
  })
})
