import { hasBrowser, launch } from "@troupe/vitest/browser"
import { assert, describe, it } from "vitest"
import * as Analytics from "./AnalyticsProcess.ts"

describe("the page", () => {
  it.skipIf(!hasBrowser)(
    "reprocesses, proves, promotes and rolls back before everybody's eyes, and shows sessions as they close",
    async () => {
      using directory = Analytics.temporaryDirectory()
      await using app = await Analytics.live("--data", directory.path, "--speed", "2000")
      const browser = await launch()
      try {
        const page = await browser.newPage()
        page.setDefaultTimeout(25_000)
        const errors: Array<string> = []
        page.on("pageerror", (error) => errors.push(error.message))
        await page.goto(app.url)
        const room = (name: string) => page.getByRole("region", { name, exact: true })
        const figure = (name: string, label: string) =>
          room(name).locator("dl > div", { hasText: label }).locator("dd").first()
        const button = (name: string, label: string) => room(name).getByRole("button", { name: label })
        /** Waits until a figure says so. */
        const says = (name: string, label: string, text: string | RegExp) =>
          figure(name, label).filter({ hasText: text }).waitFor()

        await says("Trending", "served version", /^1$/)
        // Some seconds of work in another process: looked at in the end.
        await room("Lambda beside Kappa").getByLabel("records").selectOption("5000")
        await button("Lambda beside Kappa", "Compare").click()
        assert.strictEqual(await room("Trending").locator(".ranking").first().locator("li").count(), 5)
        assert.include((await room("Trending").textContent()) ?? "", "2, not running")

        await button("Promote and roll back", "Promote version 2").click()
        await room("Promote and roll back")
          .getByRole("alert")
          .filter({ hasText: "Reprocess first" })
          .waitFor()

        await button("Batch", "Archive and prove").click()
        await says("Batch", "proved equal", /^yes, \d+ buckets$/)

        // A row that changed names itself in the room of the replay.
        await room("Trending")
          .getByRole("button", { name: /partition/ })
          .first()
          .click()
        assert.match(await room("Replay").getByLabel("row (optional)").inputValue(), /^(hour|month)\/2026-01/)
        await button("Replay", "Replay").click()
        await says("Replay", "byte by byte", /^yes$/)
        await room("Replay")
          .getByRole("region", { name: "Steps of the row" })
          .locator("tbody tr")
          .first()
          .waitFor()

        await button("Reprocess", "Reprocess with version 2").click()
        await room("Reprocess").getByRole("progressbar").waitFor()
        await says("Reprocess", "proved equal to DuckDB", /^yes, .* rows$/)
        await says("Reprocess", "differences unexplained", /^0$/)
        await button("Diff", "Compare the versions").click()
        await says("Diff", "differences unexplained", /^0$/)
        assert.include((await room("Diff").textContent()) ?? "", "because of raw record")

        await button("Promote and roll back", "Promote version 2").click()
        await says("Promote and roll back", "readers read version", /^2$/)
        await says("Trending", "served version", /^2$/)
        assert.include((await room("Trending").textContent()) ?? "", "2, served")

        await button("Promote and roll back", "Roll back").click()
        await says("Trending", "served version", /^1$/)
        await says("Promote and roll back", "the one before", /^none$/)

        // A command on the directory is sent to this app: the page shows what came of it.
        const asked = await Analytics.start("promote", "--json", "--data", directory.path).ended
        assert.strictEqual(asked.code, 0, asked.stderr)
        assert.include(asked.stderr, app.url)
        assert.include(JSON.parse(asked.stdout), { from: 1, to: 2 })
        await says("Trending", "served version", /^2$/)

        await says("Lambda beside Kappa", "wrong, wired right", /^0$/)
        await says("Lambda beside Kappa", "wrong, wired the classic ways", /[1-9]/)
        assert.strictEqual(await room("Lambda beside Kappa").locator(".list > li").count(), 9)

        await room("Sessions").locator("tbody tr").nth(11).waitFor()
        await page.reload()
        await room("Sessions").locator("tbody tr").nth(11).waitFor()
        assert.isAbove(Number(await room("Sessions").locator("dd").first().textContent()), 20)

        await page.setViewportSize({ width: 400, height: 900 })
        assert.strictEqual(await page.locator("html").evaluate(({ scrollWidth }) => scrollWidth), 400)
        assert.deepStrictEqual(errors, [])
      } finally {
        await browser.close()
      }
    },
    180_000
  )
})
