import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import * as Analytics from "./AnalyticsProcess.ts"

const told = async (...args: ReadonlyArray<string>): Promise<Record<string, unknown>> => {
  const { code, stderr, stdout } = await Analytics.start(...args, "--json").ended
  assert.strictEqual(code, 0, stderr)
  assert.strictEqual(stdout.trimEnd().split("\n").length, 1)
  return JSON.parse(stdout) as Record<string, unknown>
}

describe("analytics storage", () => {
  it("loses nothing acknowledged when its writing process is killed, and answers the past exactly", async () => {
    const report = await told("storage", "--seed", "7", "--kill", "--writes", "2500")
    assert.deepInclude(report, {
      seed: 7,
      kills: 3,
      writers: 4,
      acknowledgedLost: 0,
      asOfWrong: 0,
      snapshotUnchanged: true
    })
    for (const name of [
      "puts",
      "overwrites",
      "asOfChecked",
      "filesRolled",
      "filesArchived",
      "reclaimedBytes",
      "droppedPairs"
    ]) {
      assert.isAbove(Number(report[name]), 0, name)
    }
    assert.isBelow(Number(report["bytesAfter"]), Number(report["bytesBefore"]))
  }, 60_000)

  it("writes the same for the same seed", async () => {
    const [one, two] = [
      await told("storage", "--seed", "3", "--writes", "800"),
      await told("storage", "--seed", "3", "--writes", "800")
    ]
    for (const name of ["puts", "deletes", "overwrites", "liveBytes"])
      assert.strictEqual(one[name], two[name], name)
  }, 60_000)
})

describe("analytics wal", () => {
  it("loses nothing that a replica acknowledged when the primary is killed, and restores to a point in time", async () => {
    using directory = Analytics.temporaryDirectory()
    const report = await told("wal", "--seed", "7", "--records", "1500", "--data", directory.path)
    assert.deepInclude(report, { acknowledgedLost: 0, restoreWrong: 0, promotedEpoch: 2 })
    assert.isAtLeast(Number(report["acknowledged"]), 1500)
    assert.isAbove(Number(report["restoredTo"]), 500)
    const { code, stdout } = await Analytics.start("wal", "--read", `${directory.path}/restored`).ended
    assert.strictEqual(code, 0)
    assert.match(stdout, /batch \d+…\d+ .* epoch \d /)
    assert.match(stdout, /put w\d\/post\/\d{4}/)
  }, 60_000)

  it("says which log is not there", async () => {
    const { code, stderr } = await Analytics.start("wal", "--read", "no/such/log").ended
    assert.strictEqual(code, 1)
    assert.include(stderr, "no/such/log")
  })

  it("refuses a directory that holds something already, before it touches it", async () => {
    using directory = Analytics.temporaryDirectory()
    writeFileSync(join(directory.path, "mine"), "")
    for (const story of ["storage", "wal"]) {
      const { code, stderr, stdout } = await Analytics.start(story, "--json", "--data", directory.path).ended
      assert.strictEqual(code, 1)
      assert.match(stderr, /it is not empty.*--data DIR/)
      assert.strictEqual(stdout, "")
    }
    assert.deepStrictEqual(readdirSync(directory.path), ["mine"])
  })
})
