import { hasBrowser, launch } from "@troupe/vitest/browser"
import type { Browser } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as Orders from "./OrdersProcess.ts"

describe.skipIf(!hasBrowser)("the page", () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launch()
  })
  afterAll(() => browser?.close())

  it("shows one failure with two fates, and the queued lane catching up", async () => {
    await using shop = await Orders.open("--broker", "memory", "--speed", "4")
    const page = await browser.newPage()
    const errors: Array<string> = []
    page.on("pageerror", (error) => errors.push(error.message))
    await page.goto(shop.url)
    const sync = page.getByRole("region", { name: "Synchronous" })
    const queued = page.getByRole("region", { name: "Queued" })
    await sync.locator("i.shipped").nth(3).waitFor()
    await queued.locator("i.shipped").nth(3).waitFor()

    await page.getByRole("button", { name: "payment down" }).click()
    await queued.locator(".strip:not(.legend) i.placed").nth(10).waitFor()
    const refused = sync.locator("dd.bad")
    await refused.waitFor()
    assert.isAbove(Number(await refused.textContent()), 0)
    assert.strictEqual(await queued.locator("dd.bad").count(), 0)

    await page.getByRole("button", { name: "payment up" }).click()
    const waiting = 'section[aria-label="Queued"] .strip:not(.legend) i.placed'
    await page.waitForFunction(`document.querySelectorAll('${waiting}').length < 5`)
    assert.deepStrictEqual(errors, [])
  })

  it("documents its API", async () => {
    await using shop = await Orders.open("--broker", "memory")
    const openapi = (await (await fetch(`${shop.url}/openapi.json`)).json()) as { readonly paths: object }
    assert.includeMembers(Object.keys(openapi.paths), ["/orders", "/orders/{id}", "/lanes", "/faults"])
    assert.strictEqual((await fetch(`${shop.url}/docs`)).status, 200)
  })
})

describe("the API", () => {
  it("names each field that is wrong, and refuses a body that is too large", async () => {
    await using shop = await Orders.open("--broker", "memory")
    const post = (body: string) =>
      fetch(`${shop.url}/orders?mode=sync`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body
      })
    const wrong = await post(JSON.stringify({ shopper: "a", cardToken: "t", zip: "1", lines: [] }))
    assert.strictEqual(wrong.status, 400)
    assert.include(await wrong.text(), '"zip"')
    assert.strictEqual((await post(JSON.stringify({ shopper: "a".repeat(100_000) }))).status, 413)
  })

  it("says which port is taken and what to do", async () => {
    await using shop = await Orders.open("--broker", "memory")
    const port = new URL(shop.url).port
    const second = await Orders.start("--broker", "memory", "--port", port).ended
    assert.strictEqual(second.code, 1)
    assert.match(second.stderr, new RegExp(`^Cannot listen on 127\\.0\\.0\\.1:${port}: .*--port.*\\n$`))
  })
})
