import { assert, describe, it } from "@effect/vitest"
import { Progress } from "../src/index.ts"

describe("Progress", () => {
  it("says how far, how fast and how long still", () => {
    assert.strictEqual(
      Progress.render("replay", { done: 50, total: 200 }, 10_000, 4),
      "replay  █░░░  25%  50/200  5/s  30 s left"
    )
  })

  it("promises nothing that does not move", () => {
    assert.strictEqual(
      Progress.render("replay", { done: 0, total: 200 }, 5_000, 4),
      "replay  ░░░░   0%  0/200  0/s  never"
    )
  })

  it("takes the word of somebody who knows better", () => {
    const progress = { done: 50, total: 200 }
    assert.include(Progress.render("replay", { ...progress, etaMillis: "never" }, 10_000), "never")
    assert.include(Progress.render("replay", { ...progress, etaMillis: 4_000 }, 10_000), "4 s left")
  })

  it("counts the pace of resumed work from where it went on", () => {
    assert.include(Progress.render("replay", { done: 150, total: 200 }, 0, 4, 150), "…")
    assert.include(
      Progress.render("replay", { done: 160, total: 200 }, 10_000, 4, 150),
      "160/200  1/s  40 s left"
    )
  })

  it("is done at the end, also of nothing", () => {
    assert.include(Progress.render("replay", { done: 200, total: 200 }, 1_000), "done")
    assert.include(Progress.render("replay", { done: 0, total: 0 }, 0), "100%")
  })
})
