import { existsSync } from "node:fs"
import { type Browser, chromium } from "playwright-core"

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium"

/**
 * True when there is a browser for tests of pages: Chromium at its usual place, or where `CHROMIUM` says. Without one, tests that need it are
 * skipped and say so loudly, but under `CI=true` the import itself fails.
 */
export const hasBrowser: boolean = existsSync(executablePath)

if (!hasBrowser) {
  const message = `No browser at ${executablePath}: install Chromium, or name one with CHROMIUM.`
  if (process.env["CI"] === "true") throw new Error(message)
  console.warn(`\nSKIPPED: every test that needs a browser.\n${message}\n`)
}

/** Starts the browser, without what would reach for the network. */
export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync"
    ]
  })
