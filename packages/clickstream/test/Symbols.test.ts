import { assert, describe, it } from "@effect/vitest"
import { Symbols } from "../src/index.ts"

describe("Symbols", () => {
  it("are 1 view, 2 detail, 3 add, 4 remove, 5 purchase, 6 click, and back", () => {
    assert.deepStrictEqual(
      ["", "detail", "add", "remove", "purchase", "click"].map(Symbols.fromProductAction),
      [1, 2, 3, 4, 5, 6]
    )
    assert.isUndefined(Symbols.fromProductAction("view"))
    assert.isUndefined(Symbols.fromProductAction("Add"))
    for (const action of Symbols.actions)
      assert.strictEqual(Symbols.toAction(Symbols.fromAction(action)), action)
  })
})
