import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TestClock } from "effect/testing"
import { type Loss, type SimFaults, SimFs } from "../../src/disk/SimFs.ts"
import type { OpenLsm } from "../../src/lsm/OpenLsm.ts"
import type { LsmError, LsmOptions } from "../../src/lsm.ts"
import { batchOf, directory, Model, seeded, shown, tiny, withStore } from "./sim-lsm.ts"

/** Long counts take their time; a hang is still found. */
const patience = count({ quick: 120_000, long: 3_600_000 })

type Options = Omit<LsmOptions, "directory">

const shapes: ReadonlyArray<{
  readonly name: string
  readonly options: Options
  readonly losses: ReadonlyArray<Loss | "killed">
}> = [
  { name: "disk", options: { ...tiny, durability: "disk" }, losses: ["random", "everything", "killed"] },
  {
    name: "os, three versions",
    options: { ...tiny, durability: "os", history: { versions: 3 }, manifestBytes: 400 },
    losses: ["random", "everything", "killed"]
  },
  { name: "memory", options: { ...tiny, durability: "memory" }, losses: ["random", "killed"] }
]

const steps = 22

/** A program that follows from a seed: writes, and now and then a flush or a full compaction. */
const program = Effect.fnUntraced(function* (store: OpenLsm, model: Model, seed: number, fs: SimFs) {
  const random = seeded(seed)
  for (let step = 0; step < steps; step++) {
    const choice = random()
    if (choice < 0.84) {
      yield* TestClock.adjust(1)
      const batch = batchOf(random, step)
      model.note(batch, yield* Clock.currentTimeMillis)
      yield* store.write(batch)
      if (!fs.crashed) model.acknowledged = model.last
    } else if (choice < 0.92) yield* store.flush
    else yield* store.compact
  }
})

const live = Effect.fnUntraced(function* (options: Options, seed: number, faults: SimFaults) {
  const fs = new SimFs(seed, faults)
  const model = new Model()
  const exit = yield* Effect.exit(withStore(fs, options, (store) => program(store, model, seed, fs)))
  return { fs, model, exit }
})

/** Which table files there are, and which the store reckons with. */
const checkFiles = (fs: SimFs, store: OpenLsm): void => {
  const files = [...fs.files().keys()].filter((path) => path.startsWith(`${directory}/tables/`))
  const known = store.stats.levels.reduce((sum, level) => sum + level.tables, 0)
  assert.strictEqual(files.length, known, `K5: ${files.length} files, ${known} tables in the manifest`)
}

/** What reopening finds, checked against the model; then the store must take a write and keep it over a compaction. */
const reopen = (fs: SimFs, options: Options, model: Model, must: boolean) =>
  withStore(fs, options, (store) =>
    Effect.gen(function* () {
      const end = store.sequence
      if (must) assert.isAtLeast(end, model.acknowledged, "an acknowledged write is lost")
      assert.isAtMost(end, model.last, "the store has what nobody wrote")
      const whole = model.batches.every(([first, last]) => end < first || end >= last)
      assert.isTrue(whole, `K3: a part of a batch is there: the store ends at ${end}`)
      assert.deepStrictEqual([...shown(store)], [...model.at(end)], `the store at ${end}`)
      checkFiles(fs, store)
      yield* store.put("after", "crash")
      yield* store.compact
      const expected = [...model.at(end).set("after", "crash")].sort(([a], [b]) =>
        Buffer.compare(Buffer.from(a), Buffer.from(b))
      )
      assert.deepStrictEqual([...shown(store)], expected, "after a compaction")
      checkFiles(fs, store)
    })
  )

const mustKeep = (options: Options, loss: Loss | "killed"): boolean =>
  options.durability === "disk" || (options.durability === "os" && loss === "killed")

describe("K3 batches are atomic over a crash, K5 the manifest names the files there are: dying at each change of the disk in put, flush, compaction and manifest edit", {
  timeout: patience
}, () => {
  for (const { losses, name, options } of shapes) {
    it.effect(name, () =>
      Effect.gen(function* () {
        let deaths = 0
        const touched = new Set<string>()
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 1, long: 40 }); seed++) {
          const whole = yield* live(options, seed, {})
          assert.isTrue(Exit.isSuccess(whole.exit), `TROUPE_SEED=${seed}: failed by itself: ${whole.exit}`)
          for (const line of whole.fs.trace) {
            touched.add(line.replace(/^(\w+) .*\/store\/(\w+).*$/, "$1 $2"))
          }
          for (let crashAt = 1; crashAt <= whole.fs.changes; crashAt++) {
            const { fs, model } = yield* live(options, seed, { crashAt })
            assert.isTrue(fs.crashed, `TROUPE_SEED=${seed}: died at ${crashAt} in the first run only`)
            deaths++
            for (const loss of losses) {
              const after = loss === "killed" ? fs.processKilled(crashAt) : fs.powerCut(crashAt, loss)
              const exit = yield* Effect.exit(reopen(after, options, model, mustKeep(options, loss)))
              if (Exit.isSuccess(exit)) continue
              const last = fs.trace.slice(-6).join("\n")
              assert.fail(`TROUPE_SEED=${seed}, crash at ${crashAt}, loss ${loss}: ${exit.cause}\n${last}`)
            }
          }
        }
        assert.isAbove(deaths, 150)
        for (const part of ["write wal", "write manifest", "create tables", "sync tables", "remove tables"]) {
          assert.isTrue(touched.has(part), `no death was near "${part}"`)
        }
      })
    )
  }
})

describe("K3 batches are atomic over a crash, also those that are larger than the log's own batches", () => {
  it.effect("ten thousand writes: all or none", () =>
    Effect.gen(function* () {
      const options: Options = { ...tiny, durability: "os", memtableBytes: 1 << 20 }
      const batch = Array.from({ length: 10_000 }, (_, n) => ({
        type: "put" as const,
        key: `${n}`,
        value: ""
      }))
      const write = (fs: SimFs) => withStore(fs, options, (store) => store.write(batch))
      const whole = new SimFs(1)
      yield* write(whole)
      const found = new Set<number>()
      for (let crashAt = 1; crashAt <= whole.changes; crashAt++) {
        const fs = new SimFs(1, { crashAt })
        yield* Effect.exit(write(fs))
        found.add(
          yield* withStore(fs.processKilled(1), options, (store) =>
            Effect.sync(() => [...store.scan()].length)
          )
        )
      }
      assert.deepStrictEqual([...found].sort(), [0, 10_000])
    })
  )
})

describe("the disk fails at each call", { timeout: patience }, () => {
  const plans: ReadonlyArray<SimFaults> = [
    { code: "EIO" },
    { code: "ENOSPC", stays: true },
    { code: "EMFILE" }
  ]
  const isTyped = (error: LsmError): boolean =>
    error._tag === "LsmFailed" && /(Free space|Look after|Raise the limit)/.test(error.message)

  for (const durability of ["disk", "os"] as const) {
    it.effect(
      `class ${durability}: a typed failure that says what to do, and nothing acknowledged is lost`,
      () =>
        Effect.gen(function* () {
          const options: Options = { ...tiny, durability }
          let failures = 0
          for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 1, long: 20 }); seed++) {
            const whole = yield* live(options, seed, {})
            for (const plan of plans) {
              for (let failAt = 1; failAt <= whole.fs.calls; failAt += count({ quick: 2, long: 1 })) {
                const where = `TROUPE_SEED=${seed}, ${plan.code} at call ${failAt}`
                const { exit, fs, model } = yield* live(options, seed, { ...plan, failAt })
                if (Exit.isFailure(exit)) {
                  failures++
                  const { reasons } = exit.cause
                  assert.isTrue(
                    reasons.every((reason) => reason._tag === "Fail" && isTyped(reason.error)),
                    `${where}: ${exit.cause}`
                  )
                }
                for (const loss of ["random", "killed"] as const) {
                  const after = loss === "killed" ? fs.processKilled(failAt) : fs.powerCut(failAt)
                  const reopened = yield* Effect.exit(reopen(after, options, model, mustKeep(options, loss)))
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
