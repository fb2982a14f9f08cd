import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import { dice } from "../src/testing/Dice.ts"
import { lineDiff } from "../src/testing/LineDiff.ts"

describe("lineDiff", () => {
  it("holds both texts, and as much as possible only once, over all seeds", () => {
    const seeds = count({ quick: 500, long: 50_000 })
    for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
      const roll = dice(seed)
      const text = () => Array.from({ length: 1 + roll(8) }, () => "abc"[roll(3)] as string)
      const [a, b] = [text(), text()]
      const lines = lineDiff(a.join("\n"), b.join("\n")).split("\n")
      const without = (mark: string) =>
        lines.filter((line) => !line.startsWith(mark)).map((line) => line.slice(2))
      assert.deepStrictEqual(without("+"), a, `seed ${seed}`)
      assert.deepStrictEqual(without("-"), b, `seed ${seed}`)
      assert.strictEqual(lines.length, a.length + b.length - common(a, b), `seed ${seed}`)
    }
  })
})

/** Length of the longest common subsequence, by its definition. */
const common = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): number => {
  if (a.length === 0 || b.length === 0) return 0
  return a[0] === b[0]
    ? 1 + common(a.slice(1), b.slice(1))
    : Math.max(common(a.slice(1), b), common(a, b.slice(1)))
}
