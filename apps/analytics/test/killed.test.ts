import { readdirSync, readFileSync } from "node:fs"
import { hasServer } from "@troupe/nats/testing"
import { count, firstSeed } from "@troupe/vitest/counts"
import { assert, describe, it } from "vitest"
import * as Analytics from "./AnalyticsProcess.ts"

const input = ["--input", "test/fixtures/own-day.csv.gz"]
/** The fixture's twenty hours in about four seconds: time to be killed in the middle. */
const slowly = ["--speed", "20000"]

/** Milliseconds after the first rows went in, the same for the same seed. */
const moment = (seed: number) => ((seed * 2654435761) % 2 ** 32) % 2500

const wait = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** Command lines of running processes that name `text`. */
const running = (text: string): ReadonlyArray<string> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
        return line.includes(text) ? [line] : []
      } catch {
        return []
      }
    })

const killAt = async (millis: number, ...args: ReadonlyArray<string>) => {
  const run = Analytics.start("--once", "--json", ...slowly, ...args)
  await run.says(/ingest/)
  await wait(millis)
  run.kill("SIGKILL")
  return run.ended
}

describe.each(["embedded", ...(hasServer ? ["nats"] : [])])("killed in the middle on %s", (broker) => {
  it(
    "goes on from the row that the topic names, and counts nothing twice",
    async () => {
      const undisturbed = await Analytics.json("--broker", "memory", ...input)
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 1, long: 20 }); seed++) {
        using directory = Analytics.temporaryDirectory()
        const args = ["--broker", broker, "--data", directory.path, ...input]
        const kills = [moment(seed) + 300, moment(seed + 7) % 1000]
        for (const kill of kills)
          assert.strictEqual((await killAt(kill, ...args)).signal, "SIGKILL", `seed ${seed}`)
        const report = await Analytics.json(...args)
        const about = `seed ${seed}, killed ${kills.join(" ms and ")} ms after the first rows`
        assert.isAbove(Number(report["resumedFrom"]), 0, about)
        assert.deepStrictEqual(
          { ...report, broker: "", durability: "", resumedFrom: 0 },
          { ...undisturbed, broker: "", durability: "", resumedFrom: 0 },
          about
        )
        const again = await Analytics.json(...args)
        assert.strictEqual(again["resumedFrom"], 1922, about)
        assert.strictEqual(again["digest"], undisturbed["digest"], about)
      }
    },
    count({ quick: 60_000, long: 900_000 })
  )

  it("leaves no server behind", async () => {
    using directory = Analytics.temporaryDirectory()
    await killAt(200, "--broker", broker, "--data", directory.path, ...input)
    // The guardian of a server ends it when the app's end of a pipe closes: at once, but not in the same instant.
    for (let i = 0; i < 100 && running(directory.path).length > 0; i++) await wait(50)
    assert.deepStrictEqual(running(directory.path), [])
  })
})

describe("a directory that is in use", () => {
  it("names the process that holds it, and leaves that one alone", async () => {
    using directory = Analytics.temporaryDirectory()
    const args = ["--data", directory.path, ...input]
    const first = Analytics.start("--once", "--json", ...slowly, ...args)
    await first.says(/ingest/)
    const second = await Analytics.start("--once", "--json", ...args).ended
    assert.strictEqual(second.code, 1)
    assert.include(second.stderr, `in use by process ${first.pid}`)
    assert.strictEqual(second.stdout, "")
    assert.strictEqual((await first.ended).code, 0)
  })

  it("belongs to one input", async () => {
    using directory = Analytics.temporaryDirectory()
    await Analytics.json("--data", directory.path, ...input)
    const other = await Analytics.start("--once", "--data", directory.path, "--events", "100").ended
    assert.strictEqual(other.code, 1)
    assert.match(
      other.stderr,
      /already holds own-day\.csv\.gz .*, not simulator seed 7, 100 events.*--data DIR/
    )
  })
})

describe("Ctrl-C", () => {
  it("ends a live run, and leaves a directory that can be used at once", async () => {
    using directory = Analytics.temporaryDirectory()
    const run = Analytics.start("--port", "0", "--data", directory.path, "--speed", "100000")
    await wait(1500)
    run.kill("SIGINT")
    const { code, signal } = await run.ended
    assert.isTrue(code === 130 || code === 0 || signal === "SIGINT", `exit ${code}, signal ${signal}`)
    assert.deepStrictEqual(running(directory.path), [])
    const again = Analytics.start("--port", "0", "--data", directory.path, "--speed", "100000")
    await wait(1500)
    again.kill("SIGINT")
    assert.notInclude((await again.ended).stderr, "in use")
  })
})
