import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { ActorSystem } from "@troupe/runtime"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import { seeded } from "../../src/disk/SimFs.ts"
import { Lsm } from "../../src/lsm.ts"
import { batchWrites, options, writeOf } from "./kill-writes.ts"
import { shown } from "./sim-lsm.ts"

const writer = fileURLToPath(new URL("./kill-writer.ts", import.meta.url))

interface Told {
  readonly acknowledged: number
  readonly flushes: number
  readonly compactions: number
}

/** Starts a writer, kills it with SIGKILL once it has told `lines` times, and answers the last it told. */
const killAfter = (directory: string, durability: string, lines: number) =>
  Effect.promise(
    () =>
      new Promise<Told>((resolve, reject) => {
        const child = spawn(
          process.execPath,
          ["--conditions=@troupe/source", writer, directory, durability],
          {
            stdio: ["ignore", "pipe", "pipe"]
          }
        )
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
          const last = out.split("\n").slice(0, -1).at(-1)
          if (signal !== "SIGKILL" || last === undefined) {
            reject(new Error(`the writer ended by itself (${signal}): ${errors}`))
            return
          }
          const [acknowledged = 0, flushes = 0, compactions = 0] = last.split(" ").map(Number)
          resolve({ acknowledged, flushes, compactions })
        })
      })
  )

describe("kill -9 on real files, with flushes and compactions in worker threads", () => {
  for (const durability of ["os", "disk"] as const) {
    it.effect(
      `class ${durability}: over many lives the store has all that was acknowledged, whole batches, and no file too many`,
      () =>
        Effect.gen(function* () {
          const home = mkdtempSync(join(tmpdir(), "troupe-lsm-kill-"))
          const directory = join(home, "store")
          const random = seeded(firstSeed())
          const state = new Map<string, string>()
          let folded = 0
          let flushes = 0
          let compactions = 0
          for (let life = 1; life <= count({ quick: 6, long: 200 }); life++) {
            const lines = 1 + Math.floor(random() * (durability === "os" ? 500 : 150))
            const told = yield* killAfter(directory, durability, lines)
            flushes += told.flushes
            compactions += told.compactions
            const where = `TROUPE_SEED=${firstSeed()}, life ${life}`
            yield* Effect.gen(function* () {
              const store = yield* Lsm.open(options(directory, durability))
              const end = store.sequence
              assert.isAtLeast(end, told.acknowledged, `${where}: acknowledged writes are lost`)
              assert.strictEqual(end % batchWrites, 0, `${where}: half a batch`)
              for (let sequence = folded + 1; sequence <= end; sequence++) {
                const write = writeOf(sequence)
                if (write.type === "put") state.set(String(write.key), String(write.value))
                else state.delete(String(write.key))
              }
              folded = end
              const sorted = [...state].sort(([a], [b]) => (a < b ? -1 : 1))
              assert.deepStrictEqual([...shown(store)], sorted, where)
              yield* store.flush
              const tables = store.stats.levels.reduce((sum, level) => sum + level.tables, 0)
              if (store.stats.compactions + store.stats.moves === 0) {
                assert.strictEqual(readdirSync(join(directory, "tables")).length, tables, where)
              }
            }).pipe(Effect.scoped)
          }
          assert.isAbove(flushes, 0)
          assert.isAbove(compactions, 0)
          rmSync(home, { recursive: true })
        }).pipe(Effect.provide(ActorSystem.layer)),
      { timeout: count({ quick: 90_000, long: 1_800_000 }) }
    )
  }
})
