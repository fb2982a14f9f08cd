import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"
import { vi } from "vitest"
import { type Loss, type SimFaults, SimFs } from "../src/disk/SimFs.ts"
import { stateName } from "../src/log/LogFiles.ts"
import type { LogOptions } from "../src/log.ts"
import {
  type CompactionWitness,
  checkCompacted,
  compactionProgram,
  compactionWitness
} from "./sim-compaction.ts"
import { directory, linesIn, withLog } from "./sim-log.ts"

// The long counts take minutes.
vi.setConfig({ testTimeout: count({ quick: 60_000, long: 1_800_000 }) })

type Options = Omit<LogOptions, "directory">

const disk: Options = { durability: "disk", segmentBytes: 700, batchRecords: 5, batchBytes: 4096 }
const os: Options = { ...disk, durability: "os" }

const steps = count({ quick: 60, long: 90 })

/** Runs the seed's program until it ends or dies. */
const live = Effect.fnUntraced(function* (options: Options, seed: number, faults: SimFaults) {
  const fs = new SimFs(seed, faults)
  const seen: CompactionWitness = compactionWitness()
  yield* TestClock.setTime(0)
  const exit = yield* Effect.exit(
    withLog(fs, options, (log) => compactionProgram(log, seen, seed, steps, fs))
  )
  return { fs, seen, exit }
})

const reopen = (fs: SimFs, options: Options, seen: CompactionWitness, must: boolean) =>
  withLog(fs, options, (log) => Effect.sync(() => checkCompacted(log, seen, must)))

describe("L5 compaction equivalence: the fold by key is what it was, and tombstones have their time", () => {
  it.effect("over lives of appends, deletes, rolls, retention and compactions, and reopened", () =>
    Effect.gen(function* () {
      let dropped = 0
      let merged = 0
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 60, long: 2000 }); seed++) {
        const fs = new SimFs(seed)
        const seen = compactionWitness()
        yield* TestClock.setTime(0)
        const checked = (run: () => void) => {
          try {
            run()
          } catch (error) {
            assert.fail(`TROUPE_SEED=${seed}: ${error}`)
          }
        }
        yield* withLog(fs, seed % 2 === 0 ? os : disk, (log) =>
          Effect.gen(function* () {
            yield* compactionProgram(log, seen, seed, 250, fs)
            yield* log.flush
            checked(() => checkCompacted(log, seen, true))
          })
        )
        yield* withLog(fs, disk, (log) => Effect.sync(() => checked(() => checkCompacted(log, seen, true))))
        // Nothing that was deleted comes back when the state file is lost.
        const bare = new SimFs(seed)
        bare.makeDirectory("/data")
        bare.makeDirectory(directory)
        for (const [path, bytes] of fs.files()) if (!path.endsWith(stateName)) bare.put(path, bytes)
        yield* withLog(bare, disk, (log) => Effect.sync(() => checked(() => checkCompacted(log, seen, true))))
        dropped += seen.dropped
        merged += seen.merged
      }
      assert.isAbove(dropped, 1000)
      assert.isAbove(merged, 20)
    })
  )

  const losses: ReadonlyArray<Loss | "killed"> = ["random", "everything", "nothing", "killed"]
  for (const [name, options] of [
    ["disk", disk],
    ["os", os]
  ] as const) {
    it.effect(`dying at each change of the disk: class ${name}`, () =>
      Effect.gen(function* () {
        let deaths = 0
        let compactions = 0
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 1, long: 100 }); seed++) {
          const whole = yield* live(options, seed, {})
          assert.isTrue(Exit.isSuccess(whole.exit), `TROUPE_SEED=${seed}: the program failed by itself`)
          compactions += whole.seen.compactions
          for (let crashAt = 1; crashAt <= whole.fs.changes; crashAt++) {
            const { fs, seen } = yield* live(options, seed, { crashAt })
            assert.isTrue(fs.crashed, `TROUPE_SEED=${seed}: died at ${crashAt} in the first run only`)
            deaths++
            for (const loss of losses) {
              const after = loss === "killed" ? fs.processKilled(crashAt) : fs.powerCut(crashAt, loss)
              const must = name === "disk" || loss === "killed" || loss === "nothing"
              const exit = yield* Effect.exit(
                Effect.andThen(reopen(after, options, seen, must), reopen(after, options, seen, must))
              )
              if (Exit.isFailure(exit)) {
                assert.fail(
                  `TROUPE_SEED=${seed}, crash at ${crashAt}, loss ${loss}: ${exit.cause}\n${fs.trace.slice(-8).join("\n")}`
                )
              }
            }
          }
        }
        assert.isAbove(deaths, 150)
        assert.isAbove(compactions, 0)
      })
    )
  }

  it.effect(
    "L8: recovery of a compaction that died is idempotent, also when it is killed in the middle",
    () =>
      Effect.gen(function* () {
        let kills = 0
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 1, long: 20 }); seed++) {
          const { fs: whole } = yield* live(disk, seed, {})
          for (let crashAt = 7; crashAt <= whole.changes; crashAt += count({ quick: 11, long: 3 })) {
            const { fs } = yield* live(disk, seed, { crashAt })
            const image = fs.powerCut(seed * 1000 + crashAt)
            const read = (at: SimFs) => withLog(at, disk, (log) => Effect.sync(() => linesIn(log)))
            const undisturbed = image.clone(1)
            const expected = yield* read(undisturbed)
            for (let killAt = 1; killAt <= undisturbed.changes; killAt++) {
              const disturbed = image.clone(1, { crashAt: killAt })
              yield* Effect.exit(read(disturbed))
              if (!disturbed.crashed) break
              kills++
              const where = `TROUPE_SEED=${seed}, crash at ${crashAt}, recovery killed at ${killAt}`
              assert.deepStrictEqual(yield* read(disturbed.powerCut(killAt)), expected, where)
            }
          }
        }
        assert.isAbove(kills, 30)
      })
  )

  it.effect("the disk fails at each call: a typed failure, and nothing that was kept is lost", () =>
    Effect.gen(function* () {
      const plans: ReadonlyArray<SimFaults> = [
        { code: "EIO" },
        { code: "ENOSPC", stays: true },
        { code: "EMFILE", shortWrites: true }
      ]
      let failures = 0
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 1, long: 30 }); seed++) {
        const whole = yield* live(disk, seed, {})
        assert.isAbove(whole.seen.compactions, 0)
        for (const plan of plans) {
          for (let failAt = 1; failAt <= whole.fs.calls; failAt++) {
            const where = `TROUPE_SEED=${seed}, ${plan.code} at call ${failAt}`
            const { fs, seen, exit } = yield* live(disk, seed, { ...plan, failAt })
            if (Exit.isFailure(exit)) {
              failures++
              assert.isTrue(
                exit.cause.reasons.every((r) => r._tag === "Fail" && r.error._tag === "LogFailed"),
                `${where}: ${exit.cause}`
              )
            }
            for (const loss of ["random", "killed"] as const) {
              const after = loss === "killed" ? fs.processKilled(failAt) : fs.powerCut(failAt)
              const reopened = yield* Effect.exit(reopen(after, disk, seen, true))
              if (Exit.isFailure(reopened)) assert.fail(`${where}, then ${loss}: ${reopened.cause}`)
            }
          }
        }
      }
      assert.isAbove(failures, 100)
    })
  )
})
