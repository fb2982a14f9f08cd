import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import { FileSystem } from "../../src/disk/FileSystem.ts"
import { SimFs, seeded } from "../../src/disk/SimFs.ts"
import { Log } from "../../src/log.ts"
import { Archive, restore } from "../../src/shipping.ts"
import { lineOf, linesIn, recordOf } from "../sim-log.ts"

/** A log whose old segments are archived and removed; answers the line of every record it ever had. */
const history = Effect.fnUntraced(function* (seed: number) {
  const random = seeded(seed)
  const archive = yield* Archive.toDirectory("/archive")
  const lines: Array<string> = [""]
  yield* Effect.scoped(
    Effect.gen(function* () {
      const log = yield* Log.open({ directory: "/live", durability: "disk", segmentBytes: 1500, archive })
      for (let step = 0; step < 60; step++) {
        const records = Array.from({ length: 1 + Math.floor(random() * 6) }, () => {
          const record = recordOf(lines.length)
          lines.push(lineOf(record))
          return record
        })
        log.appendBatch(records)
        if (random() < 0.5) yield* log.flush
        if (random() < 0.1) yield* log.retain({ below: Math.floor(log.endSequence * random()) })
      }
      yield* log.flush
      yield* log.retain({ below: Math.floor(log.endSequence / 2) })
      assert.isAbove(log.firstSequence, 1, "retention removed nothing: the archive would not be needed")
    })
  )
  return lines
})

describe("restore to a point in time from archived segments", () => {
  it.effect(
    "to every kind of sequence: exactly the records up to it, and the log goes on in a new epoch",
    () =>
      Effect.gen(function* () {
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 4, long: 100 }); seed++) {
          const fs = new SimFs(seed)
          yield* Effect.gen(function* () {
            const lines = yield* history(seed)
            const last = lines.length - 1
            const random = seeded(seed + 1)
            for (const sequence of [
              1,
              last,
              ...Array.from({ length: 8 }, () => 1 + Math.floor(random() * last))
            ]) {
              const into = `/restored/${sequence}-${Math.floor(random() * 1e9)}`
              yield* Effect.scoped(
                Effect.gen(function* () {
                  const restored = yield* restore({ from: ["/archive", "/live"], into, to: { sequence } })
                  assert.strictEqual(restored.restoredTo, sequence, `TROUPE_SEED=${seed}`)
                  const found = linesIn(restored.log)
                  assert.deepStrictEqual(
                    [...found.values()],
                    lines.slice(1, sequence + 1),
                    `TROUPE_SEED=${seed}`
                  )
                  assert.strictEqual(restored.log.epoch, 1)
                  assert.strictEqual(restored.log.append(recordOf(7)), sequence + 1)
                  yield* restored.log.flush
                })
              )
              yield* Effect.scoped(
                Effect.gen(function* () {
                  const again = yield* Log.open({ directory: into, durability: "disk" })
                  assert.strictEqual(again.endSequence, sequence + 2, "the restored log does not open again")
                })
              )
            }
          }).pipe(Effect.provideService(FileSystem, fs))
        }
      })
  )

  it.effect("of a compacted log: what compaction left up to the sequence, each record with its own", () =>
    Effect.gen(function* () {
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 5, long: 100 }); seed++) {
        const fs = new SimFs(seed)
        const random = seeded(seed)
        yield* Effect.gen(function* () {
          const archive = yield* Archive.toDirectory("/archive")
          const live = { directory: "/live", durability: "disk", segmentBytes: 1500, archive } as const
          const deleted = new Set<number>()
          const left = yield* Effect.scoped(
            Effect.gen(function* () {
              const log = yield* Log.open(live)
              for (let n = 1; n <= 150; n++) {
                log.append(recordOf(n))
                if (random() < 0.3) yield* log.flush
                if (random() < 0.1 && n > 5) {
                  deleted.add(n - 5)
                  log.deleteRecords(n - 5)
                }
                if (n === 60 || n === 120) yield* log.compact()
              }
              yield* log.flush
              const lines = linesIn(log)
              yield* log.retain({ below: 70 })
              return lines
            })
          )
          assert.isBelow(left.size, 130)
          for (let i = 0; i < 8; i++) {
            const sequence = 1 + Math.floor(random() * 150)
            const into = `/restored/${i}`
            const expected = [...left].filter(([n]) => n <= sequence)
            const check = (log: Pick<Log, "endSequence"> & Parameters<typeof linesIn>[0]) => {
              assert.strictEqual(log.endSequence, sequence + 1, `TROUPE_SEED=${seed}`)
              // What was deleted later than that is still there.
              const found = [...linesIn(log)].filter(([n]) => !deleted.has(n) || n < sequence - 5)
              assert.deepStrictEqual(
                found,
                expected.filter(([n]) => !deleted.has(n) || n < sequence - 5),
                `TROUPE_SEED=${seed}, to ${sequence}`
              )
            }
            yield* Effect.scoped(
              Effect.map(restore({ from: ["/archive", "/live"], into, to: { sequence } }), ({ log }) =>
                check(log)
              )
            )
            yield* Effect.scoped(Effect.map(Log.open({ directory: into, durability: "disk" }), check))
          }
        }).pipe(Effect.provideService(FileSystem, fs))
      }
    })
  )

  it.effect("to a moment: no record with a later time; a database leaves a divided batch out", () => {
    const fs = new SimFs(9)
    return Effect.gen(function* () {
      const lines = yield* history(9)
      const timeMillis = 1_700_000_000_000 + 85 * 10
      const exact = yield* restore({ from: ["/archive", "/live"], into: "/exact", to: { timeMillis } })
      assert.strictEqual(exact.restoredTo, 85)
      assert.deepStrictEqual([...linesIn(exact.log).values()], lines.slice(1, 86))
      const atomic = yield* restore({
        from: ["/archive", "/live"],
        into: "/atomic",
        to: { timeMillis },
        divide: "batch"
      })
      assert.isAtMost(atomic.restoredTo, 85)
      assert.deepStrictEqual([...linesIn(atomic.log).values()], lines.slice(1, atomic.restoredTo + 1))
    }).pipe(Effect.scoped, Effect.provideService(FileSystem, fs))
  })

  it.effect("a missing or damaged segment, a point past the end, and a directory in use are refused", () => {
    const fs = new SimFs(3)
    return Effect.gen(function* () {
      const lines = yield* history(3)
      const refused = (from: ReadonlyArray<string>, into: string, sequence: number) =>
        Effect.map(Effect.flip(Effect.scoped(restore({ from, into, to: { sequence } }))), (error) =>
          error._tag === "ShippingError" ? error.reason._tag : error._tag
        )
      assert.strictEqual(yield* refused(["/archive", "/live"], "/x", lines.length), "ArchiveGap")
      assert.strictEqual(yield* refused(["/nowhere"], "/y", 1), "ArchiveGap")
      assert.strictEqual(yield* refused(["/archive"], "/live", 1), "ArchiveGap")
      const archived = [...fs.files().keys()].filter((path) => path.startsWith("/archive/"))
      assert.isAbove(archived.length, 2)
      fs.flip(archived[1] as string, 200, 3)
      assert.strictEqual(yield* refused(["/archive", "/live"], "/z", lines.length - 1), "ArchiveGap")
    }).pipe(Effect.scoped, Effect.provideService(FileSystem, fs))
  })
})
