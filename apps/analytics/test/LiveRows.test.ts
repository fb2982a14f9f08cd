import { assert, describe, it } from "vitest"
import * as Answers from "../src/social/Answers.ts"
import { v1 } from "../src/social/Edition.ts"
import * as LiveRows from "../src/social/LiveRows.ts"
import * as Tally from "../src/social/Tally.ts"

const tally = (posts: number) => ({ ...Tally.empty(), posts })
const hours = (days: number) =>
  Array.from({ length: days * 24 }, (_, hour) =>
    new Date(Date.UTC(2026, 0, 5, hour)).toISOString().slice(0, 13)
  )

describe("live rows", () => {
  it("answer as all rows do, and are no more than those of eight days and the month", () => {
    const all = new Map<string, Tally.Tally>()
    const held = LiveRows.make(v1, new Map())
    for (const [i, hour] of hours(40).entries()) {
      for (const topic of ["cats", "dogs"]) {
        for (const key of [`hour/${hour}/${i % 4}/${topic}`, `month/${hour.slice(0, 7)}/0/u${i % 9}`]) {
          const row = tally(1 + ((i * 7) % 5))
          all.set(key, row)
          held.apply(key, { ...row })
        }
      }
    }
    const rows = new Map([...all].map(([key, row]) => [key, { ...row }]))
    assert.deepStrictEqual(
      Answers.summarize(Answers.fromRows(held.rows)),
      Answers.summarize(Answers.fromRows(rows))
    )
    assert.strictEqual(held.count(), all.size)
    assert.isBelow(held.rows.size, 9 * 24 * 2 + 2 * 9)
    const again = LiveRows.make(v1, rows)
    assert.deepStrictEqual([...again.rows.keys()].sort(), [...held.rows.keys()].sort())
    assert.strictEqual(again.count(), all.size)
  })

  it("forget a row that was retracted", () => {
    const held = LiveRows.make(v1, new Map([["hour/2026-01-05T00/0/cats", { ...tally(1) }]]))
    held.apply("hour/2026-01-05T00/0/cats", undefined)
    assert.strictEqual(held.count(), 0)
  })
})
