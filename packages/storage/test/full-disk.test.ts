import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Log, type LogError } from "../src/log.ts"
import { lineOf, linesIn, recordOf } from "./sim-log.ts"

const mount = (at: string, size: string): boolean =>
  spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", at]).status === 0

/** A file system of this size, or `undefined` where only root may mount one. */
const smallDisk = Effect.acquireRelease(
  Effect.sync(() => {
    const at = mkdtempSync(join(tmpdir(), "troupe-full-"))
    if (mount(at, "512k")) return at
    rmSync(at, { recursive: true })
    return undefined
  }),
  (at) =>
    Effect.sync(() => {
      if (at === undefined) return
      spawnSync("umount", [at])
      rmSync(at, { recursive: true, force: true })
    })
)

describe("a disk that is really full", () => {
  it.live(
    "fails with ENOSPC and the remedy, keeps all that was acknowledged, and goes on when there is room",
    (context) =>
      Effect.gen(function* () {
        const disk = yield* smallDisk
        if (disk === undefined) {
          context.skip("only root can mount a small file system; the simulated disk covers it")
          return
        }
        const directory = join(disk, "log")
        const ballast = join(disk, "ballast")
        writeFileSync(ballast, new Uint8Array(200_000))
        const open = Log.open({ directory, durability: "disk", segmentBytes: 30_000 })
        let acknowledged = 0
        const untilFull: Effect.Effect<never, LogError> = Effect.scoped(
          Effect.gen(function* () {
            const log = yield* open
            for (;;) {
              const sequence = yield* Log.attempt(() => log.append(recordOf(log.nextSequence, 200)))
              yield* log.durable(sequence)
              acknowledged = sequence
            }
          })
        )
        const failure = yield* Effect.flip(untilFull)
        assert.strictEqual(failure._tag === "LogFailed" && failure.code, "ENOSPC")
        assert.include(failure.message, "Free space")
        assert.isAbove(acknowledged, 100)
        unlinkSync(ballast)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const log = yield* open
            assert.isAtLeast(log.endSequence - 1, acknowledged)
            const lines = linesIn(log, 100_000)
            for (let n = 1; n < log.endSequence; n++)
              assert.strictEqual(lines.get(n), lineOf(recordOf(n, 200)))
            yield* log.durable(log.append(recordOf(log.nextSequence, 200)))
          })
        )
      })
  )
})
