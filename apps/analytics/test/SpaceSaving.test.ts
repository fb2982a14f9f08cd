import { assert, describe, it } from "@effect/vitest"
import { Prng } from "@troupe/clickstream"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as SpaceSaving from "../src/social/SpaceSaving.ts"

describe("SpaceSaving", () => {
  it("counts exactly while there is a counter for each name", () => {
    const sketch = SpaceSaving.make(3)
    for (const name of ["a", "b", "a", "c", "a", "b"]) sketch.add(name)
    assert.deepStrictEqual(sketch.estimates(), [
      { name: "a", count: 3, error: 0 },
      { name: "b", count: 2, error: 0 },
      { name: "c", count: 1, error: 0 }
    ])
  })

  it("gives the least counter to a new name, and says how much of its count may be another's", () => {
    const sketch = SpaceSaving.make(2)
    for (const name of ["a", "a", "a", "b", "c"]) sketch.add(name)
    assert.deepStrictEqual(sketch.estimates(), [
      { name: "a", count: 3, error: 0 },
      { name: "c", count: 2, error: 1 }
    ])
  })

  it("never counts too little, never more than the error too much, and loses nothing frequent", () => {
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 50, long: 2_000 }); seed++) {
      const prng = Prng.make(seed)
      const counters = 1 + (prng.nextUint32() % 12)
      const names = 1 + (prng.nextUint32() % 60)
      const events = 500
      const sketch = SpaceSaving.make(counters)
      const exact = new Map<string, number>()
      for (let event = 0; event < events; event++) {
        const name = `n${Math.floor(prng.next() ** 3 * names)}`
        sketch.add(name)
        exact.set(name, (exact.get(name) ?? 0) + 1)
      }
      const estimates = sketch.estimates()
      const held = new Map(estimates.map((estimate) => [estimate.name, estimate]))
      assert.strictEqual(held.size, Math.min(counters, exact.size), `seed ${seed}`)
      // Every event is in exactly one counter.
      assert.strictEqual(
        estimates.reduce((sum, estimate) => sum + estimate.count, 0),
        events,
        `seed ${seed}`
      )
      for (const { count: estimated, error, name } of estimates) {
        const true_ = exact.get(name) ?? 0
        assert.isAtLeast(estimated, true_, `seed ${seed}, ${name}`)
        assert.isAtMost(estimated - error, true_, `seed ${seed}, ${name}`)
      }
      for (const [name, true_] of exact) {
        if (true_ > events / counters) assert.isTrue(held.has(name), `seed ${seed}, ${name}: ${true_}`)
      }
    }
  })
})
