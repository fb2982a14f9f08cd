import { spawnSync } from "node:child_process"
import { hasServer } from "@troupe/nats/testing"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import { afterEach, assert, describe, it, vi } from "vitest"
import * as Analytics from "./AnalyticsProcess.ts"
import { chosen } from "./SocialChain.ts"

const wait = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** What a command of the feed answers with `--json`. */
const report = async (...args: ReadonlyArray<string>): Promise<Record<string, unknown>> => {
  const { code, stderr, stdout } = await Analytics.start(...args, "--json").ended
  assert.strictEqual(code, 0, stderr)
  assert.strictEqual(stdout.trimEnd().split("\n").length, 1)
  return JSON.parse(stdout) as Record<string, unknown>
}

/** A command that fails: its one message, and nothing on standard output. */
const refusal = async (...args: ReadonlyArray<string>): Promise<string> => {
  const { code, stderr, stdout } = await Analytics.start(...args, "--json").ended
  assert.strictEqual(code, 1, stderr)
  assert.strictEqual(stdout, "")
  return stderr
}

/** Ends a command with kill -9 so many ms after it said something; answers whether that was before its own end. */
const killed = async (after: RegExp, millis: number, ...args: ReadonlyArray<string>): Promise<boolean> => {
  const run = Analytics.start(...args, "--json")
  await run.says(after)
  await wait(millis)
  run.kill("SIGKILL")
  const { code, signal, stderr } = await run.ended
  assert.isTrue(signal === "SIGKILL" || code === 0, stderr)
  return signal === "SIGKILL"
}

/** Moments of a run: the feed begins, it is in, the stages have caught up. */
const moments = [/feed {2}/, /feed .*done/, /version 1 .*\//]

const feed = ["--events", "20000"]
const smallFeed = ["--events", "6000"]

/** The same on any broker: asked once. */
let answered: Promise<Record<string, unknown>> | undefined
let differing: Promise<Record<string, unknown>> | undefined

describe.each(["embedded", ...(hasServer ? ["nats"] : [])])("a feed on %s", (broker) => {
  it(
    "is answered as if nothing had been when its process is killed again and again",
    async () => {
      answered ??= report("trending", "--broker", "memory", ...feed)
      const undisturbed = await answered
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 1, long: 20 }); seed++) {
        using directory = Analytics.temporaryDirectory()
        const args = ["trending", "--broker", broker, "--data", directory.path, ...feed]
        const lives = [0, 1].map((life) => ({
          after: moments[(seed + life) % moments.length] ?? /feed/,
          millis: chosen(seed, life) % 250
        }))
        let kills = 0
        for (const { after, millis } of lives) if (await killed(after, millis, ...args)) kills++
        const about = `seed ${seed}, killed ${lives.map(({ after, millis }) => `${millis} ms after ${after.source}`).join(", ")}`
        assert.isAbove(kills, 0, about)
        assert.deepStrictEqual(await report(...args), undisturbed, about)
        const replay = await report("replay", "--broker", broker, "--data", directory.path)
        assert.isTrue(replay["replayEqualsLive"], about)
      }
    },
    patience(90_000)
  )

  const reprocessings = count({ quick: broker === "embedded" ? 1 : 0, long: 10 })
  it.runIf(reprocessings > 0)(
    "is reprocessed, promoted and rolled back after a kill in the middle of version 2 as if nothing had been",
    async () => {
      differing ??= report("diff", "--broker", "memory", ...smallFeed)
      const undisturbed = await differing
      for (let seed = firstSeed(); seed < firstSeed() + reprocessings; seed++) {
        using directory = Analytics.temporaryDirectory()
        const run = ["--broker", broker, "--data", directory.path]
        const millis = chosen(seed, 0) % 400
        const about = `seed ${seed}, killed ${millis} ms after version 2 began`
        assert.isTrue(await killed(/version 2/, millis, "reprocess", ...run, ...smallFeed), about)

        assert.deepStrictEqual(await report("diff", ...run, ...smallFeed), undisturbed, about)
        const promoted = await report("promote", ...run)
        assert.deepInclude(promoted, { from: 1, to: 2 }, about)
        assert.isAbove(Number(promoted["provedRows"]), 1000, about)
        assert.deepInclude(await report("rollback", ...run), { from: 2, to: 1 }, about)
        assert.match(await refusal("rollback", ...run), /NothingBefore: .*Promote another one\.\n$/)
      }
    },
    patience(90_000)
  )
})

const mount = (...args: ReadonlyArray<string>): boolean => spawnSync("mount", args).status === 0

describe("a disk that is full", () => {
  it(
    "is named with the remedy, whichever stage it meets, and nothing is lost: with more room the run goes on",
    async (context) => {
      using directory = Analytics.temporaryDirectory()
      const { path } = directory
      if (!mount("-t", "tmpfs", "-o", "size=700k", "tmpfs", path)) {
        context.skip("only root can mount a small file system")
        return
      }
      try {
        const args = ["trending", "--data", path, "--events", "8000"]
        const failed = new Set<string>()
        // Each run comes further than the one before.
        for (const size of ["700k", "1700k", "4300k"]) {
          assert.isTrue(mount("-o", `remount,size=${size}`, path))
          const message = await refusal(...args)
          assert.match(message, /ENOSPC.*Free space on the disk/, size)
          for (const [topic] of message.matchAll(/social-[a-z]+(-v1)?(-served)?(?=:)/g)) failed.add(topic)
        }
        assert.isAtLeast(failed.size, 3, [...failed].join())
        assert.isTrue(mount("-o", "remount,size=64m", path))
        assert.deepStrictEqual(
          await report(...args),
          await report("trending", "--broker", "memory", "--events", "8000")
        )
      } finally {
        spawnSync("umount", [path])
      }
    },
    patience(60_000)
  )
})

describe("a NATS server that is not there", () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it("is named within seconds, with what to do", async () => {
    vi.stubEnv("NATS_URL", "nats://127.0.0.1:1")
    using directory = Analytics.temporaryDirectory()
    const began = performance.now()
    const message = await refusal("trending", "--broker", "nats", "--data", directory.path, "--events", "100")
    assert.match(message, /^No NATS server answers at nats:\/\/127\.0\.0\.1:1\. Start one .*NATS_URL/)
    assert.isBelow(performance.now() - began, 20_000)
  })
})
