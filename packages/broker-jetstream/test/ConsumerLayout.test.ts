import { assert, describe, it } from "@effect/vitest"
import { Subject } from "@troupe/broker"
import { count, firstSeed } from "@troupe/vitest/counts"
import { filterSubjects, minimal } from "../src/ConsumerLayout.ts"
import { placeOf } from "../src/StreamLayout.ts"

const place = placeOf("app", "t")

describe("ConsumerLayout", () => {
  it("no filter is all of the topic", () => {
    for (const filters of [undefined, [], [">"], ["a", ">"]]) {
      assert.deepStrictEqual(filterSubjects(place, filters), ["app.t.>"])
    }
    assert.deepStrictEqual(filterSubjects(place, ["a.*", "b"]), ["app.t.a.*", "app.t.b"])
  })

  it("a filter within another one is left out", () => {
    assert.deepStrictEqual(minimal(["a.b", "a.*"]), ["a.*"])
    assert.deepStrictEqual(minimal(["a.>", "a.b.c", "a.*", "a"]), ["a.>", "a"])
    assert.deepStrictEqual(minimal(["a.*", "*.b"]), ["a.*", "*.b"])
    assert.deepStrictEqual(minimal(["a", "a"]), ["a"])
    assert.deepStrictEqual(minimal(["*.*", "a.>"]), ["*.*", "a.>"])
  })

  it("what is left selects the same subjects", () => {
    const tokens = ["a", "b"]
    const subjects = tokens.flatMap((x) => [
      x,
      ...tokens.flatMap((y) => [`${x}.${y}`, ...tokens.map((z) => `${x}.${y}.${z}`)])
    ])
    const parts = [...tokens, "*"]
    const filters = [
      ">",
      ...parts.flatMap((x) => [x, `${x}.>`, ...parts.flatMap((y) => [`${x}.${y}`, `${x}.${y}.>`])])
    ]
    const runs = count({ quick: 300, long: 10_000 })
    for (let seed = firstSeed(); seed < firstSeed() + runs; seed++) {
      let state = seed
      const next = (below: number) => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
        return (state >>> 8) % below
      }
      const chosen = Array.from({ length: 1 + next(5) }, () => filters[next(filters.length)] ?? ">")
      const before = Subject.matcher(chosen)
      const after = Subject.matcher(minimal(chosen))
      for (const subject of subjects) {
        assert.strictEqual(after(subject), before(subject), `seed ${seed}: ${chosen.join(" ")} on ${subject}`)
      }
    }
  })
})
