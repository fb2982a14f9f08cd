import { assert, describe, it } from "vitest"
import * as Bench from "../Bench.ts"

const side = (durability: Bench.Durability): Bench.Contender => ({ durability, run: () => 1 })

describe("define", () => {
  it("refuses to compare different durability classes", () => {
    const define = () =>
      Bench.define("log", [
        { case: "append", unit: "ops/s", ours: side("disk"), rival: { name: "a queue", ...side("memory") } }
      ])
    assert.throws(define, Bench.UnfairComparison, /"append, against a queue" compares "disk" with "memory"/)
  })

  it("refuses the same row twice, and takes the same case against two rivals", () => {
    const row = (name: string): Bench.Case => ({
      case: "append",
      unit: "ops/s",
      ours: side("os"),
      rival: { name, ...side("os") }
    })
    assert.throws(() => Bench.define("log", [row("a"), row("a")]), Bench.UnfairComparison, /is there twice/)
    assert.strictEqual(Bench.define("log", [row("a"), row("b")]).cases.length, 2)
  })
})
