import { hasBrowser, launch } from "@troupe/vitest/browser"
import { assert, describe, it } from "vitest"
import * as Analytics from "./AnalyticsProcess.ts"

describe("the page", () => {
  it.skipIf(!hasBrowser)("shows sessions as they close, and the same ones again after a reload", async () => {
    const run = Analytics.start("--broker", "memory", "--port", "0", "--speed", "20000")
    const browser = await launch()
    try {
      const page = await browser.newPage()
      const errors: Array<string> = []
      page.on("pageerror", (error) => errors.push(error.message))
      await page.goto(await Analytics.addressOf(run))
      const room = page.getByRole("region", { name: "Sessions" })
      await room.locator("tbody tr").nth(11).waitFor()
      await page.reload()
      await room.locator("tbody tr").nth(11).waitFor()
      assert.isAbove(Number(await room.locator("dd").first().textContent()), 20)
      assert.deepStrictEqual(errors, [])
    } finally {
      await browser.close()
      run.kill("SIGINT")
      await run.ended
    }
  })

  it("is behind an API that says where the run stands", async () => {
    const run = Analytics.start("--broker", "memory", "--port", "0", "--speed", "20000")
    try {
      const url = await Analytics.addressOf(run)
      const status = (await (await fetch(`${url}/status`)).json()) as Record<string, unknown>
      assert.deepInclude(status, { broker: "memory", durability: "memory" })
      assert.strictEqual((status["partitions"] as ReadonlyArray<unknown>).length, 4)
      assert.strictEqual(
        (await fetch(`${url}/sessions/events`, { headers: { "last-event-id": "x" } })).status,
        400
      )
    } finally {
      run.kill("SIGINT")
      await run.ended
    }
  })
})
