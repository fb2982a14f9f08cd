import { assert, describe, it } from "@effect/vitest"
import { Table } from "../src/index.ts"

describe("Table", () => {
  it("aligns the first column to the left and the others to the right", () => {
    assert.strictEqual(
      Table.render([
        ["", "placed", "lost"],
        ["queued", "120", "0"]
      ]),
      ["        placed  lost", "────────────────────", "queued     120     0"].join("\n")
    )
  })
})
