import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import { seeded } from "../src/disk/SimFs.ts"
import { Log } from "../src/log.ts"
import { groupRecords, lineOf, linesIn, recordOf } from "./sim-log.ts"

const writer = fileURLToPath(new URL("./kill-writer.ts", import.meta.url))

const busyWriter = fileURLToPath(new URL("./busy-writer.ts", import.meta.url))

/** Starts a writer, kills it with SIGKILL once it has acknowledged `lines` times, and answers the last acknowledged sequence. */
const killAfter = (script: string, directory: string, argument: string, lines: number) =>
  Effect.promise(
    () =>
      new Promise<number>((resolve, reject) => {
        const child = spawn(process.execPath, ["--conditions=@troupe/source", script, directory, argument], {
          stdio: ["ignore", "pipe", "pipe"]
        })
        let out = ""
        let errors = ""
        child.stderr.on("data", (chunk) => (errors += chunk))
        child.stdout.on("data", (chunk) => {
          out += chunk
          if (out.split("\n").length > lines && !child.killed) child.kill("SIGKILL")
        })
        child.on("error", reject)
        child.on("close", (_, signal) => {
          // What was in the pipe when it died counts: it was acknowledged.
          const told = out.split("\n").slice(0, -1).map(Number)
          if (signal === "SIGKILL" && told.length > 0) resolve(Math.max(...told))
          else reject(new Error(`the writer ended by itself (${signal}): ${errors}`))
        })
      })
  )

describe("kill -9 on real files", () => {
  for (const durability of ["os", "disk"]) {
    it.effect(
      `class ${durability}: over many lives the log is dense, exact, in whole groups, and has all that was acknowledged`,
      () =>
        Effect.gen(function* () {
          const directory = join(mkdtempSync(join(tmpdir(), "troupe-kill-")), "log")
          const random = seeded(firstSeed())
          let before = 0
          for (let life = 1; life <= count({ quick: 4, long: 100 }); life++) {
            const acknowledged = yield* killAfter(
              writer,
              directory,
              durability,
              1 + Math.floor(random() * 60)
            )
            assert.isAbove(acknowledged, before, `life ${life}`)
            const end = yield* Effect.scoped(
              Effect.gen(function* () {
                const log = yield* Log.open({ directory, durability: "os", segmentBytes: 20_000 })
                const last = log.endSequence - 1
                assert.isAtLeast(
                  last,
                  acknowledged,
                  `TROUPE_SEED=${firstSeed()}, life ${life}: acknowledged records are lost`
                )
                assert.strictEqual(last % groupRecords, 0, `life ${life}: half a group`)
                const lines = linesIn(log, 100_000)
                for (let n = log.firstSequence; n <= last; n++) {
                  if (lines.get(n) !== lineOf(recordOf(n)))
                    assert.fail(`life ${life}, record ${n}: ${lines.get(n)}`)
                }
                // Keep the directory small over many lives; the newest segments stay.
                yield* log.retain({ maxBytes: 200_000 })
                return last
              })
            )
            before = end
          }
          rmSync(join(directory, ".."), { recursive: true })
        }),
      { timeout: count({ quick: 60_000, long: 900_000 }) }
    )
  }

  it.effect(
    "while it deletes, compacts and removes: what is left is exact, what was deleted stays away, the last of each key is there",
    () =>
      Effect.gen(function* () {
        const directory = join(mkdtempSync(join(tmpdir(), "troupe-kill-")), "log")
        const random = seeded(firstSeed())
        const keyOf = (n: number) => String(recordOf(n).key)
        for (let life = 1; life <= count({ quick: 4, long: 100 }); life++) {
          const told = yield* killAfter(busyWriter, directory, "100000000", 1 + Math.floor(random() * 25))
          yield* Effect.scoped(
            Effect.gen(function* () {
              const log = yield* Log.open({ directory, durability: "os", segmentBytes: 20_000 })
              const where = `TROUPE_SEED=${firstSeed()}, life ${life}`
              const lines = linesIn(log, 100_000)
              assert.isAtLeast(log.endSequence - 1, told, where)
              const lastOf = new Map<string, number>()
              for (let n = log.firstSequence; n < log.endSequence; n++) {
                const line = lines.get(n)
                if (line !== undefined) assert.strictEqual(line, lineOf(recordOf(n)), `${where}, record ${n}`)
                const isDeleted = n % 10 === 0
                if (isDeleted && n + 5 <= told)
                  assert.isUndefined(line, `${where}: ${n} was deleted and is back`)
                if (isDeleted) continue
                if (recordOf(n).key === undefined) assert.isDefined(line, `${where}: ${n} is gone`)
                else lastOf.set(keyOf(n), n)
              }
              for (const [, n] of lastOf)
                assert.isTrue(lines.has(n), `${where}: ${n} is the last of its key and gone`)
            })
          )
        }
        rmSync(join(directory, ".."), { recursive: true })
      }),
    { timeout: count({ quick: 60_000, long: 900_000 }) }
  )
})
