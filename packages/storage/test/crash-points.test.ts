import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { vi } from "vitest"
import { type Loss, type SimFaults, SimFs } from "../src/disk/SimFs.ts"
import type { LogOptions } from "../src/log.ts"
import { check, linesIn, program, type Witness, withLog, witness } from "./sim-log.ts"

// The long counts take minutes.
vi.setConfig({ testTimeout: count({ quick: 60_000, long: 1_800_000 }) })

type Options = Omit<LogOptions, "directory">

const shapes: ReadonlyArray<{
  readonly name: string
  readonly options: Options
  readonly loss: ReadonlyArray<Loss | "killed">
}> = [
  {
    name: "disk, always",
    options: { durability: "disk", segmentBytes: 1500, batchRecords: 6, batchBytes: 4096 },
    loss: ["random", "everything", "nothing", "killed"]
  },
  {
    name: "os, never",
    options: { durability: "os", segmentBytes: 1500, batchRecords: 6, batchBytes: 4096 },
    loss: ["random", "everything", "killed"]
  },
  {
    name: "os, always",
    options: { durability: "os", fsync: "always", segmentBytes: 1500, batchRecords: 6, batchBytes: 4096 },
    loss: ["random", "killed"]
  },
  {
    name: "memory",
    options: { durability: "memory", segmentBytes: 1500, batchRecords: 6, batchBytes: 4096 },
    loss: ["random", "killed"]
  }
]

const steps = 40

/** Runs the seed's program until it ends or dies. */
const live = Effect.fnUntraced(function* (options: Options, seed: number, faults: SimFaults) {
  const fs = new SimFs(seed, faults)
  const seen: Witness = witness()
  const exit = yield* Effect.exit(withLog(fs, options, (log) => program(log, seen, seed, steps, fs)))
  return { fs, seen, exit }
})

/** What reopening finds, checked against the witness; then the log must take a record and keep it. */
const reopen = (fs: SimFs, options: Options, seen: Witness, must: boolean) =>
  withLog(fs, options, (log) =>
    Effect.gen(function* () {
      check(log, seen, must)
      const sequence = log.append({ value: new Uint8Array([1]), timeMillis: 1 })
      yield* log.flush
      assert.strictEqual(
        log.read(sequence, 1)[0]?.value(sequence - (log.read(sequence, 1)[0]?.baseSequence ?? 0))[0],
        1
      )
    })
  )

const must = (options: Options, loss: Loss | "killed"): boolean =>
  options.durability === "disk" || (options.durability === "os" && (loss === "killed" || loss === "nothing"))

describe("L1 prefix, L2 atomic batch: after any crash the log is a prefix with every acknowledged record", () => {
  for (const shape of shapes) {
    it.effect(`dying at each change of the disk: ${shape.name}`, () =>
      Effect.gen(function* () {
        let deaths = 0
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 3, long: 60 }); seed++) {
          const whole = yield* live(shape.options, seed, {})
          assert.isTrue(Exit.isSuccess(whole.exit), `seed ${seed}: the program failed by itself`)
          for (let crashAt = 1; crashAt <= whole.fs.changes; crashAt++) {
            const { fs, seen } = yield* live(shape.options, seed, { crashAt })
            assert.isTrue(fs.crashed, `seed ${seed}: died at ${crashAt} in the first run only`)
            deaths++
            for (const loss of shape.loss) {
              const after = loss === "killed" ? fs.processKilled(crashAt) : fs.powerCut(crashAt, loss)
              const exit = yield* Effect.exit(reopen(after, shape.options, seen, must(shape.options, loss)))
              if (Exit.isFailure(exit)) {
                assert.fail(
                  `TROUPE_SEED=${seed}, crash at ${crashAt}, loss ${loss}: ${exit.cause}\n${fs.trace.slice(-5).join("\n")}`
                )
              }
            }
          }
        }
        assert.isAbove(deaths, 100)
      })
    )
  }
})

describe("what a reopened log shows is on the disk", () => {
  it.effect(
    "killed, reopened, then without power: class disk keeps every record that the reopened log showed",
    () =>
      Effect.gen(function* () {
        const options: Options = { durability: "disk", segmentBytes: 1500, batchRecords: 6, batchBytes: 4096 }
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 2, long: 40 }); seed++) {
          const { fs: whole } = yield* live(options, seed, {})
          for (let crashAt = 1; crashAt <= whole.changes; crashAt++) {
            const { fs } = yield* live(options, seed, { crashAt })
            const killed = fs.processKilled(crashAt)
            // The log stays open until the power goes: closing it would sync.
            const shown = yield* withLog(killed, options, (log) =>
              Effect.sync(() => {
                const lines = linesIn(log)
                return { lines, after: killed.powerCut(crashAt, "everything") }
              })
            )
            const kept = yield* withLog(shown.after, options, (log) => Effect.sync(() => linesIn(log)))
            assert.deepStrictEqual(kept, shown.lines, `TROUPE_SEED=${seed}, crash at ${crashAt}`)
          }
        }
      })
  )
})

describe("L8 recovery is idempotent, also when killed in the middle", () => {
  it.effect("dying at each change of a recovery, the next one ends with the same records", () =>
    Effect.gen(function* () {
      const options: Options = { durability: "disk", segmentBytes: 1500, batchRecords: 6, batchBytes: 4096 }
      let kills = 0
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 2, long: 40 }); seed++) {
        const { fs: whole } = yield* live(options, seed, {})
        for (let crashAt = 5; crashAt <= whole.changes; crashAt += 3) {
          const { fs } = yield* live(options, seed, { crashAt })
          const image = fs.powerCut(seed * 1000 + crashAt)
          const read = (disk: SimFs) => withLog(disk, options, (log) => Effect.sync(() => linesIn(log)))
          const undisturbed = image.clone(1)
          const expected = yield* read(undisturbed)
          const again = yield* read(undisturbed)
          assert.deepStrictEqual(
            again,
            expected,
            `TROUPE_SEED=${seed}, crash at ${crashAt}: the second opening differs`
          )
          for (let killAt = 1; killAt <= undisturbed.changes; killAt++) {
            const disturbed = image.clone(1, { crashAt: killAt })
            yield* Effect.exit(read(disturbed))
            if (!disturbed.crashed) break
            kills++
            const after = yield* read(disturbed.powerCut(killAt))
            assert.deepStrictEqual(
              after,
              expected,
              `TROUPE_SEED=${seed}, crash at ${crashAt}, recovery killed at ${killAt}`
            )
          }
        }
      }
      assert.isAbove(kills, 50)
    })
  )
})

describe("the disk fails at each call", () => {
  const plans: ReadonlyArray<SimFaults> = [
    { code: "EIO" },
    { code: "ENOSPC" },
    { code: "ENOSPC", stays: true },
    { code: "EMFILE" },
    { code: "EIO", shortWrites: true }
  ]
  for (const durability of ["disk", "os"] as const) {
    it.effect(
      `class ${durability}: a typed failure, nothing acknowledged is lost, and nothing later is acknowledged`,
      () =>
        Effect.gen(function* () {
          const options: Options = { durability, segmentBytes: 1500, batchRecords: 6, batchBytes: 4096 }
          let failures = 0
          for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 1, long: 30 }); seed++) {
            const whole = yield* live(options, seed, {})
            for (const plan of plans) {
              for (let failAt = 1; failAt <= whole.fs.calls; failAt++) {
                const where = `TROUPE_SEED=${seed}, ${plan.code} at call ${failAt}`
                const { fs, seen, exit } = yield* live(options, seed, { ...plan, failAt })
                if (Exit.isFailure(exit)) {
                  failures++
                  const reasons = exit.cause.reasons
                  assert.isTrue(
                    reasons.every((reason) => reason._tag === "Fail" && reason.error._tag === "LogFailed"),
                    `${where}: ${exit.cause}`
                  )
                }
                for (const loss of ["random", "killed"] as const) {
                  const after = loss === "killed" ? fs.processKilled(failAt) : fs.powerCut(failAt)
                  const reopened = yield* Effect.exit(reopen(after, options, seen, must(options, loss)))
                  if (Exit.isFailure(reopened)) assert.fail(`${where}, then ${loss}: ${reopened.cause}`)
                }
              }
            }
          }
          assert.isAbove(failures, 100)
        })
    )
  }
})
