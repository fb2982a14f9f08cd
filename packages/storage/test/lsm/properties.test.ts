import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { SimFs } from "../../src/disk/SimFs.ts"
import type { OpenLsm } from "../../src/lsm/OpenLsm.ts"
import { HistoryGone, LsmCorrupt, type LsmOptions } from "../../src/lsm.ts"
import { batchOf, decoded, directory, Model, seeded, shown, tiny, withStore } from "./sim-lsm.ts"

/** Long counts take their time; a hang is still found. */
const patience = count({ quick: 120_000, long: 3_600_000 })

const options = { ...tiny, durability: "os" } as const satisfies Omit<LsmOptions, "directory">

const key = (n: number): string => `key:${String(n).padStart(12, "0")}`

/** Writes `writes` batches that follow from the seed. */
const fill = Effect.fnUntraced(function* (store: OpenLsm, model: Model, seed: number, writes: number) {
  const random = seeded(seed)
  for (let n = 0; n < writes; n++) {
    const batch = batchOf(random, n)
    model.note(batch, 0)
    yield* store.write(batch)
  }
})

const tablesOn = (fs: SimFs): ReadonlyArray<string> =>
  [...fs.files().keys()].filter((path) => path.startsWith(`${directory}/tables/`))

describe("K4 no tombstone is dropped while an older version is below it", { timeout: patience }, () => {
  it.effect("a key that was deleted never comes back, at whatever level its versions are", () =>
    Effect.gen(function* () {
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 10, long: 300 }); seed++) {
        const fs = new SimFs(seed)
        const random = seeded(seed)
        yield* withStore(fs, { ...options, level1Bytes: 300, tableBytes: 256 }, (store) =>
          Effect.gen(function* () {
            const live = new Set<string>()
            let levels = 0
            for (let round = 0; round < 40; round++) {
              for (let i = 0; i < 8; i++) {
                const one = key(Math.floor(random() * 60))
                if (random() < 0.5) {
                  live.delete(one)
                  yield* store.delete(one)
                } else {
                  live.add(one)
                  yield* store.put(one, `round ${round}`.padEnd(30, "x"))
                }
              }
              if (random() < 0.5) yield* store.flush
              levels = Math.max(levels, store.stats.levels.filter((level) => level.tables > 0).length)
              assert.deepStrictEqual(
                [...shown(store).keys()],
                [...live].sort(),
                `TROUPE_SEED=${seed}, ${round}`
              )
            }
            assert.isAbove(levels, 1)
          })
        )
      }
    })
  )
})

describe("K7 after a full compaction without snapshots, bytes ≤ 1.1 × live bytes", () => {
  it.effect("keys of 16 bytes and values of 100, overwritten and deleted", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      const shape = { ...options, memtableBytes: 64 * 1024, blockBytes: 4096, tableBytes: 128 * 1024 }
      yield* withStore(fs, { ...shape, level1Bytes: 256 * 1024 }, (store) =>
        Effect.gen(function* () {
          const random = seeded(1)
          for (let n = 0; n < 100; n++) {
            yield* store.write(
              Array.from({ length: 100 }, () => {
                const one = key(Math.floor(random() * 5000))
                return random() < 0.1
                  ? { type: "delete", key: one }
                  : { type: "put", key: one, value: String(n).padEnd(100, "v") }
              })
            )
          }
          yield* store.compact
          const live = yield* store.liveBytes
          assert.isAbove(live, 300_000)
          assert.isAtMost(store.stats.bytesOnDisk, 1.1 * live)
          const files = [...fs.files().values()].reduce((sum, bytes) => sum + bytes.length, 0)
          assert.isAtMost(files, 1.1 * live)
        })
      )
    })
  )
})

describe("K8 a flipped bit in any table is reported on read of that block, other keys stay readable", {
  timeout: patience
}, () => {
  it.effect("every byte of a table, one bit each", () =>
    Effect.gen(function* () {
      const disk = new SimFs(1)
      const model = new Model()
      const one = { ...options, cacheBytes: 128, memtableBytes: 4096, tableBytes: 1_000_000 }
      yield* withStore(disk, one, (store) => Effect.andThen(fill(store, model, 7, 40), store.compact))
      const state = model.at(model.last)
      const [path] = tablesOn(disk)
      const size = disk.files().get(path ?? "")?.length ?? 0
      assert.isAbove(size, 1000)
      let silent = 0
      let partly = 0
      for (let byte = 0; byte < size; byte += count({ quick: 5, long: 1 })) {
        const fs = disk.clone(1)
        fs.flip(path ?? "", byte, byte % 8)
        yield* withStore(fs, one, (store) =>
          Effect.gen(function* () {
            let reported = 0
            for (const [k, value] of state) {
              const exit = yield* Effect.exit(store.get(k))
              if (Exit.isSuccess(exit)) assert.strictEqual(decoded(exit.value), value, `byte ${byte}, ${k}`)
              else {
                const [reason] = exit.cause.reasons
                assert.isTrue(reason?._tag === "Fail" && reason.error instanceof LsmCorrupt, `${exit.cause}`)
                reported++
              }
            }
            const scanned = yield* Effect.exit(Stream.runCollect(store.stream()))
            assert.isTrue(Exit.isFailure(scanned), `byte ${byte}: the scan said nothing`)
            if (reported === 0) silent++
            else if (reported < state.size) partly++
          })
        )
      }
      // A block of one key only may be read by nobody here but the scan, which reported all of them.
      assert.strictEqual(silent, 0)
      assert.isAbove(partly, 100)
    })
  )
})

describe("K9 changes(1) replayed into an empty store gives the same store", { timeout: patience }, () => {
  it.effect("with the log kept, after flushes and compactions", () =>
    Effect.gen(function* () {
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 5, long: 100 }); seed++) {
        const model = new Model()
        const kept = { ...options, wal: { keepMillis: 1_000_000 } }
        yield* withStore(new SimFs(seed), kept, (store) =>
          Effect.gen(function* () {
            yield* fill(store, model, seed, 60)
            yield* store.compact
            const changes = yield* store.changes().pipe(Stream.take(store.sequence), Stream.runCollect)
            assert.strictEqual(changes.length, model.last)
            yield* withStore(new SimFs(seed), options, (copy) =>
              Effect.gen(function* () {
                for (const { key: k, value } of changes) {
                  yield* value === undefined ? copy.delete(k) : copy.put(k, value)
                }
                assert.deepStrictEqual([...shown(copy)], [...shown(store)], `TROUPE_SEED=${seed}`)
                assert.strictEqual(copy.sequence, store.sequence)
              })
            )
          })
        )
      }
    })
  )

  it.effect("says so when the log does not go back that far", () =>
    withStore(new SimFs(1), options, (store) =>
      Effect.gen(function* () {
        yield* fill(store, new Model(), 1, 30)
        yield* store.flush
        const error = yield* Effect.flip(store.changes().pipe(Stream.take(1), Stream.runDrain))
        assert.instanceOf(error, HistoryGone)
      })
    )
  )
})

describe("garbage: likes that were taken back", () => {
  const like = (n: number): string => `like:${n}`

  it.effect("vanish in one flush when both are in memory, and the bytes are reported", () =>
    withStore(new SimFs(1), options, (store) =>
      Effect.gen(function* () {
        yield* store.put("stays", "here")
        for (let n = 0; n < 5; n++) yield* store.put(like(n), "liked")
        for (let n = 0; n < 5; n++) yield* store.delete(like(n))
        yield* store.flush
        const { droppedPairs, droppedVersions, entries, reclaimedBytes, tombstones } = store.stats
        assert.deepStrictEqual(
          { droppedPairs, droppedVersions, entries, tombstones },
          {
            droppedPairs: 5,
            droppedVersions: 10,
            entries: 1,
            tombstones: 0
          }
        )
        assert.strictEqual(reclaimedBytes, 5 * (6 + 5) + 5 * 6)
        assert.deepStrictEqual([...shown(store)], [["stays", "here"]])
      })
    )
  )

  it.effect("vanish in compaction when the like is in a table; the delete waits for it there", () =>
    withStore(new SimFs(1), options, (store) =>
      Effect.gen(function* () {
        for (let n = 0; n < 5; n++) yield* store.put(like(n), "liked")
        yield* store.put("stays", "here")
        yield* store.flush
        for (let n = 0; n < 5; n++) yield* store.delete(like(n))
        yield* store.compact
        const { droppedPairs, entries, tombstones } = store.stats
        assert.deepStrictEqual(
          { droppedPairs, entries, tombstones },
          { droppedPairs: 5, entries: 1, tombstones: 0 }
        )
      })
    )
  )

  it.effect("stay for a snapshot and for the history, and go when those do", () =>
    withStore(new SimFs(1), { ...options, history: { millis: 1000 } }, (store) =>
      Effect.gen(function* () {
        yield* TestClock.adjust(10)
        yield* store.put(like(1), "liked")
        const liked = store.sequence
        yield* Effect.scoped(
          Effect.gen(function* () {
            const snapshot = yield* store.snapshot
            yield* TestClock.adjust(10)
            yield* store.delete(like(1))
            yield* TestClock.adjust(5000)
            yield* store.compact
            assert.strictEqual(decoded(snapshot.getSync(like(1))), "liked")
            assert.isUndefined(store.getSync(like(1)))
            assert.strictEqual(store.stats.droppedPairs, 0)
          })
        )
        assert.strictEqual(decoded(yield* store.getAsOf(like(1), { sequence: liked })), "liked")
        yield* store.put("other", "x")
        yield* store.compact
        assert.strictEqual(store.stats.droppedPairs, 1)
        assert.instanceOf(yield* Effect.flip(store.getAsOf(like(1), { sequence: liked })), HistoryGone)
      })
    )
  )
})

describe("questions about the past are answered exactly, or with HistoryGone", () => {
  it.effect("beyond the versions that are kept, and in the gap that a snapshot's version leaves", () =>
    withStore(new SimFs(1), { ...options, history: { versions: 2 } }, (store) =>
      Effect.gen(function* () {
        const ask = (sequence: number) => Effect.map(store.getAsOf("k", { sequence }), decoded)
        yield* store.put("k", "one")
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* store.snapshot
            for (const value of ["two", "three", "four"]) yield* store.put("k", value)
            yield* store.compact
          })
        )
        assert.isUndefined(yield* ask(0))
        assert.strictEqual(yield* ask(1), "one")
        assert.instanceOf(yield* Effect.flip(ask(2)), HistoryGone)
        assert.strictEqual(yield* ask(3), "three")
        assert.strictEqual(yield* ask(4), "four")
        yield* store.put("l", "x")
        yield* store.compact
        assert.instanceOf(yield* Effect.flip(ask(1)), HistoryGone)
        assert.instanceOf(yield* Effect.flip(ask(0)), HistoryGone)
        assert.strictEqual(yield* ask(3), "three")
      })
    )
  )
})

describe("within the history", () => {
  it.effect("that a key was deleted for a while is known exactly, though what it was before is not", () =>
    withStore(new SimFs(1), { ...options, history: { millis: 1000 } }, (store) =>
      Effect.gen(function* () {
        yield* store.put("k", "one")
        yield* TestClock.adjust(10)
        yield* store.delete("k")
        yield* TestClock.adjust(4000)
        yield* store.put("k", "two")
        yield* store.compact
        const ask = (timeMillis: number) => Effect.map(store.getAsOf("k", { timeMillis }), decoded)
        assert.isUndefined(yield* ask(3500))
        assert.strictEqual(yield* ask(4010), "two")
        assert.instanceOf(yield* Effect.flip(ask(5)), HistoryGone)
      })
    )
  )
})

describe("a flush", () => {
  it.effect("makes a table only after the log is synced up to its last change", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1, { holdSyncs: true })
      yield* withStore(fs, options, (store) =>
        Effect.gen(function* () {
          yield* store.put("a", "1")
          const flushing = yield* Effect.forkChild(store.flush, { startImmediately: true })
          for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
          assert.isTrue(fs.trace.some((line) => line.startsWith("syncData") && line.includes("/wal/")))
          assert.isFalse(fs.trace.some((line) => line.startsWith("create") && line.includes("/tables/")))
          while (flushing.pollUnsafe() === undefined) {
            fs.releaseSync()
            yield* Effect.yieldNow
          }
          assert.strictEqual(store.stats.flushes, 1)
        })
      )
    })
  )
})

describe("files of the write-ahead log", () => {
  it.effect("are rolled by size, and archived before they go; the archive has every change", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      const model = new Model()
      yield* withStore(fs, { ...options, wal: { segmentBytes: 600, archive: "/archive/wal" } }, (store) =>
        Effect.gen(function* () {
          yield* fill(store, model, 3, 60)
          yield* store.flush
          const { filesArchived, filesDeleted, filesRolled } = store.stats
          assert.isAbove(filesArchived, 5)
          assert.isAtLeast(filesDeleted, filesArchived)
          assert.isAtLeast(filesRolled, filesArchived)
          const archived = [...fs.files().keys()].filter((path) => path.startsWith("/archive/wal/"))
          assert.strictEqual(archived.length, filesArchived)
          assert.isTrue(archived.every((path) => /\/\d{20}\.log$/.test(path)))
        })
      )
    })
  )

  it.effect("go by age, and never before recovery can do without them or a replica still needs them", () =>
    withStore(new SimFs(1), { ...options, wal: { segmentBytes: 600, keepMillis: 1000 } }, (store) =>
      Effect.gen(function* () {
        yield* TestClock.adjust(5000)
        yield* fill(store, new Model(), 3, 60)
        yield* store.flush
        assert.strictEqual(store.wal.firstSequence, 1)
        yield* TestClock.adjust(2000)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const hold = yield* store.holdWal(1)
            yield* store.retain
            assert.strictEqual(store.wal.firstSequence, 1)
            hold.from(10)
            yield* store.retain
            assert.isAtMost(store.wal.firstSequence, 10)
          })
        )
        yield* store.retain
        assert.isAbove(store.wal.firstSequence, 10)
      })
    )
  )
})

describe("concurrent writers", () => {
  it.effect("share one batch of the log and one sync: group commit", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      yield* withStore(fs, { ...options, durability: "disk", memtableBytes: 1 << 20 }, (store) =>
        Effect.gen(function* () {
          const before = fs.trace.length
          const put = (n: number) => store.put(key(n), `value ${n}`)
          yield* Effect.all(
            Array.from({ length: 64 }, (_, n) => put(n)),
            { concurrency: "unbounded" }
          )
          const wal = fs.trace.slice(before).filter((line) => line.includes("/wal/"))
          assert.isAtMost(wal.filter((line) => line.startsWith("write")).length, 2)
          assert.isAtMost(wal.filter((line) => line.startsWith("syncData done")).length, 2)
          assert.strictEqual(shown(store).size, 64)
        })
      )
    })
  )

  it.effect("wait when memory is full, and every one is answered", () =>
    withStore(new SimFs(1), options, (store) =>
      Effect.gen(function* () {
        const put = (n: number) => store.put(key(n % 100), "v".repeat(40))
        const sequences = yield* Effect.all(
          Array.from({ length: 500 }, (_, n) => put(n)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(new Set(sequences).size, 500)
        assert.isAbove(store.stats.flushes, 10)
        assert.isAtMost(store.stats.memoryBytes, 2 * options.memtableBytes)
        assert.strictEqual(shown(store).size, 100)
      })
    )
  )

  it.effect("at class disk are seen by readers once they are synced, and not before", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1, { holdSyncs: true })
      yield* withStore(fs, { ...options, durability: "disk" }, (store) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(store.put("a", "1"), { startImmediately: true })
          for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
          assert.isTrue(fs.trace.some((line) => line.startsWith("syncData") && line.includes("/wal/")))
          assert.isUndefined(store.getSync("a"))
          assert.strictEqual(shown(store).size, 0)
          assert.isTrue(fs.releaseSync())
          yield* Fiber.join(fiber)
          assert.strictEqual(decoded(store.getSync("a")), "1")
        })
      )
    })
  )
})

describe("an archive that cannot be written", () => {
  it.effect("keeps the files, is counted, fails only who asks for it, and is caught up with later", () =>
    Effect.gen(function* () {
      let isDown = true
      const taken: Array<string> = []
      const archive = (segment: { readonly path: string }): Effect.Effect<void, string> =>
        Effect.suspend(() =>
          isDown ? Effect.fail("no such host") : Effect.sync(() => void taken.push(segment.path))
        )
      yield* withStore(new SimFs(1), { ...options, wal: { segmentBytes: 600, archive } }, (store) =>
        Effect.gen(function* () {
          yield* fill(store, new Model(), 3, 40)
          yield* store.flush
          assert.isAbove(store.stats.archiveFailures, 0)
          assert.strictEqual(store.wal.firstSequence, 1)
          const error = yield* Effect.flip(store.retain)
          assert.include(error.message, "look after the archive")
          yield* store.put("still", "writing")
          isDown = false
          yield* store.retain
          assert.isAbove(store.wal.firstSequence, 1)
          assert.strictEqual(taken.length, store.stats.filesArchived)
        })
      )
    })
  )
})

describe("a store that is open already, or closed", () => {
  it.effect("says so, and what to do", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      const store = yield* withStore(fs, options, (open) =>
        Effect.gen(function* () {
          yield* open.put("a", "1")
          const second = yield* Effect.flip(withStore(fs, options, () => Effect.void))
          assert.include(second.message, "open already")
          return open
        })
      )
      assert.include((yield* Effect.flip(store.get("a"))).message, "Keep the scope")
      assert.include((yield* Effect.flip(store.put("a", "2"))).message, "Keep the scope")
      assert.include((yield* Effect.flip(store.flush)).message, "Keep the scope")
      assert.throws(() => [...store.scan()], /Keep the scope/)
    })
  )
})

describe("back-pressure", () => {
  it.effect(
    "writes wait while both memtables are full: the answer is late, the thread is free, memory is bounded",
    () =>
      Effect.gen(function* () {
        const stuck = { ...options, level0: { trigger: 4, slow: 4, stop: 5 } }
        const release = yield* Deferred.make<void>()
        yield* withStore(
          new SimFs(1),
          { ...stuck, wal: { archive: () => Deferred.await(release) } },
          (store) =>
            Effect.gen(function* () {
              // The archive hook holds the flush actor, so level 0 does not get smaller while it is held.
              const writing = yield* Effect.forkChild(
                Effect.forEach(
                  Array.from({ length: 60 }, (_, n) => n),
                  (n) => store.put(key(n), "v".repeat(60)),
                  { discard: true }
                ),
                { startImmediately: true }
              )
              for (let turn = 0; turn < 200; turn++) yield* Effect.yieldNow
              assert.isUndefined(writing.pollUnsafe())
              assert.isAtMost(store.stats.memoryBytes, 2 * options.memtableBytes)
              yield* Deferred.succeed(release, undefined)
              yield* TestClock.adjust("1 second")
              yield* Fiber.join(writing)
              assert.strictEqual(shown(store).size, 60)
            })
        )
      })
  )
})
