import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import * as Analytics from "./AnalyticsProcess.ts"

describe("a directory that an app holds", () => {
  it("names the app while it runs, and commands on it are sent there; their flags must be its own", async () => {
    using directory = Analytics.temporaryDirectory()
    const file = join(directory.path, "app.json")
    await using app = await Analytics.live("--data", directory.path, "--seed", "9")
    assert.include(JSON.parse(readFileSync(file, "utf8")), { pid: app.run.pid, url: app.url })
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)

    const ask = (...args: ReadonlyArray<string>) => Analytics.start(...args, "--data", directory.path).ended
    const [said, refused, ofItsOwn] = await Promise.all([
      ask("trending", "--json", "--seed", "9"),
      ask("batch", "--broker", "nats"),
      ask("replay", "--events", "5")
    ])
    assert.strictEqual(said.code, 0, said.stderr)
    assert.include(said.stderr, `Asking the app that holds ${directory.path}`)
    assert.isAtLeast(JSON.parse(said.stdout).records, 10_000)
    assert.strictEqual(refused.code, 1)
    assert.include(refused.stderr, "has memory")
    assert.strictEqual(ofItsOwn.code, 1)
    assert.include(ofItsOwn.stderr, "takes no --events")

    const { code } = await app.stop()
    assert.strictEqual(code, 130)
    assert.isFalse(existsSync(file))
  })

  it("is free again when the app was killed: a command answers from the files", async () => {
    using directory = Analytics.temporaryDirectory()
    const app = await Analytics.live("--data", directory.path, "--broker", "embedded")
    app.run.kill("SIGKILL")
    await app.run.ended
    assert.isTrue(existsSync(join(directory.path, "app.json")))
    const { code, stderr, stdout } = await Analytics.start("trending", "--json", "--data", directory.path)
      .ended
    assert.strictEqual(code, 0, stderr)
    assert.notInclude(stderr, "Asking the app")
    assert.isAtLeast(JSON.parse(stdout).records, 10_000)
  })
})
