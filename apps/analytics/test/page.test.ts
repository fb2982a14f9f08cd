import { hasBrowser, launch } from "@troupe/vitest/browser"
import { assert, describe, it } from "vitest"
import * as Analytics from "./AnalyticsProcess.ts"

describe("the page", () => {
  it.skipIf(!hasBrowser)("shows sessions as they close, and the same ones again after a reload", async () => {
    await using run = await Analytics.live("--speed", "20000")
    const browser = await launch()
    try {
      const page = await browser.newPage()
      const errors: Array<string> = []
      page.on("pageerror", (error) => errors.push(error.message))
      await page.goto(run.url)
      const room = page.getByRole("region", { name: "Sessions", exact: true })
      await room.locator("tbody tr").nth(11).waitFor()
      await page.reload()
      await room.locator("tbody tr").nth(11).waitFor()
      assert.isAbove(Number(await room.locator("dd").first().textContent()), 20)
      assert.deepStrictEqual(errors, [])
    } finally {
      await browser.close()
    }
  })

  it("is behind an API that says where the run stands", async () => {
    await using run = await Analytics.live("--speed", "20000")
    const status = (await (await fetch(`${run.url}/status`)).json()) as Record<string, unknown>
    assert.deepInclude(status, { broker: "memory", durability: "memory" })
    assert.strictEqual((status["partitions"] as ReadonlyArray<unknown>).length, 4)
    assert.strictEqual(
      (await fetch(`${run.url}/sessions/events`, { headers: { "last-event-id": "x" } })).status,
      400
    )
  })
})
