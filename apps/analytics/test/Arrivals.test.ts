import { Simulator } from "@troupe/clickstream"
import { assert, describe, it } from "vitest"
import * as Arrivals from "../src/intent/Arrivals.ts"

const all = [...Simulator.events({ seed: 9, sessions: 400, sessionsPerDay: 20_000 })]

const idsOf = (events: ReadonlyArray<{ readonly eventId: string }>) =>
  events.map(({ eventId }) => eventId).sort()

describe("late arrivals", () => {
  it("hold every click once, the same for the same seed, none later than they say", () => {
    const late = Arrivals.delayed(all, { seed: 1, share: 0.2 })
    assert.deepStrictEqual(late, Arrivals.delayed(all, { seed: 1, share: 0.2 }))
    assert.notDeepEqual(late, Arrivals.delayed(all, { seed: 2, share: 0.2 }))
    assert.deepStrictEqual(idsOf(late.events), idsOf(all))
    assert.closeTo(late.late / all.length, 0.2, 0.03)
    let newest = 0
    let behind = 0
    for (const [i, { row, timeMillis }] of late.events.entries()) {
      assert.strictEqual(row, i + 1)
      assert.isAtMost(newest - timeMillis, Arrivals.latestMillis)
      if (timeMillis < newest) behind++
      newest = Math.max(newest, timeMillis)
    }
    assert.isAbove(behind, all.length / 10)
    const { events } = Arrivals.inOrder(late.events)
    assert.deepStrictEqual(
      events.map(({ timeMillis }) => timeMillis),
      all.map(({ timeMillis }) => timeMillis).sort((a, b) => a - b)
    )
  })
})
