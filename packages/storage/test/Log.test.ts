import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { FileSystem } from "../src/disk/FileSystem.ts"
import { SimFs } from "../src/disk/SimFs.ts"
import { Log, LogFailed, type SealedSegment } from "../src/log.ts"
import { directory, linesIn, recordOf, withLog } from "./sim-log.ts"

const one = (n: number) => ({ value: new Uint8Array([n]), timeMillis: n })

const isPending = <A, E>(fiber: Fiber.Fiber<A, E>) => fiber.pollUnsafe() === undefined

/** Lets everything that can run now run. */
const settle = Effect.repeat(Effect.yieldNow, { times: 5 })

/** A log of class disk whose syncs wait for `releaseSync`, and which lets them go when the scope closes. */
const withHeldLog = (fs: SimFs) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const log = yield* Log.open({ directory, durability: "disk" }).pipe(Effect.provideService(FileSystem, fs))
    yield* Scope.addFinalizer(
      scope,
      Effect.sync(() => {
        while (fs.releaseSync());
      })
    )
    return log
  })

describe("durability classes", () => {
  it.effect("memory: acknowledged when append returns; a reader still finds it", () =>
    withLog(new SimFs(1), { durability: "memory" }, (log) =>
      Effect.gen(function* () {
        const sequence = log.append(one(1))
        yield* log.durable(sequence)
        assert.strictEqual(log.recordAt(sequence)?.batch.value(0)[0], 1)
      })
    )
  )

  it.effect("os: readers see what is written, and not what is only appended", () =>
    withLog(new SimFs(1), { durability: "os" }, (log) =>
      Effect.gen(function* () {
        const sequence = log.append(one(1))
        assert.strictEqual(log.endSequence, 1)
        assert.isUndefined(log.recordAt(sequence))
        yield* log.durable(sequence)
        assert.strictEqual(log.endSequence, 2)
      })
    )
  )

  it.effect("os: acknowledged by the write, also while the sync of a full segment takes its time", () => {
    const fs = new SimFs(1, { holdSyncs: true })
    return Effect.scoped(
      Effect.gen(function* () {
        const scope = yield* Effect.scope
        const log = yield* Log.open({ directory, durability: "os", segmentBytes: 300 }).pipe(
          Effect.provideService(FileSystem, fs)
        )
        yield* Scope.addFinalizer(
          scope,
          Effect.sync(() => {
            while (fs.releaseSync());
          })
        )
        let acknowledged = 0
        // One caller that goes on as soon as it is answered: on the very stack of the write that fills the segment.
        const caller = yield* Effect.forkChild(
          Effect.gen(function* () {
            for (let n = 1; n <= 20; n++, acknowledged++) yield* log.durable(log.append(one(n)))
          })
        )
        for (let turns = 0; turns < 30; turns++) yield* settle
        assert.strictEqual(acknowledged, 20)
        assert.isFalse(isPending(caller))
        assert.isTrue(
          fs.trace.some((line) => line.startsWith("syncData ")),
          "a full segment waits for its sync"
        )
        assert.isFalse(fs.trace.some((line) => line.startsWith("syncData done")))
      })
    )
  })

  it.effect("disk: neither acknowledged nor readable before the sync is done", () => {
    const fs = new SimFs(1, { holdSyncs: true })
    return Effect.scoped(
      Effect.gen(function* () {
        const log = yield* withHeldLog(fs)
        const sequence = log.append(one(1))
        const waiting = yield* Effect.forkChild(log.durable(sequence), { startImmediately: true })
        yield* settle
        assert.isTrue(isPending(waiting))
        assert.deepStrictEqual(log.read(1, 1000), [])
        assert.isTrue(fs.releaseSync())
        yield* Fiber.join(waiting)
        assert.strictEqual(log.recordAt(sequence)?.batch.value(0)[0], 1)
      })
    )
  })

  it.effect("disk without syncing is refused as the contradiction it is", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        withLog(new SimFs(1), { durability: "disk", fsync: "never" }, () => Effect.void)
      )
      assert.isTrue(Exit.hasDies(exit))
    })
  )
})

describe("group commit", () => {
  it.effect("while one sync runs the next group collects, and one sync answers all of it", () => {
    const fs = new SimFs(1, { holdSyncs: true })
    return Effect.scoped(
      Effect.gen(function* () {
        const log = yield* withHeldLog(fs)
        const wait = (sequence: number) => Effect.forkChild(log.durable(sequence), { startImmediately: true })
        const first = yield* wait(log.append(one(1)))
        yield* settle
        const before = fs.trace.length
        const second = yield* wait(log.append(one(2)))
        yield* settle
        const third = yield* wait(log.append(one(3)))
        yield* settle
        assert.strictEqual(fs.trace.length, before, "nothing is written while the sync runs")
        fs.releaseSync()
        yield* Fiber.join(first)
        yield* settle
        assert.isTrue(isPending(second) && isPending(third), "the group after it waits for its own sync")
        assert.deepStrictEqual(
          fs.trace.slice(before).map((line) => line.split(" ")[0]),
          ["syncData", "write", "syncData"]
        )
        fs.releaseSync()
        yield* Fiber.join(second)
        yield* Fiber.join(third)
      })
    )
  })

  it.effect("a thousand waiters share one promise and cost one write", () =>
    withLog(new SimFs(1), { durability: "os" }, (log) =>
      Effect.gen(function* () {
        const sequences = Array.from({ length: 1000 }, (_, i) => log.append(one(i % 256)))
        const waits = sequences.map((sequence) => log.durable(sequence))
        yield* Effect.forEach(waits, (wait) => wait, { concurrency: "unbounded", discard: true })
        assert.strictEqual(log.read(1, 1 << 20).length, 1)
      })
    )
  )

  it.effect("interval: acknowledgements of class disk wait for the tick, flush does not", () =>
    withLog(new SimFs(1), { durability: "disk", fsync: { intervalMillis: 100 } }, (log) =>
      Effect.gen(function* () {
        const waiting = yield* Effect.forkChild(log.durable(log.append(one(1))), { startImmediately: true })
        yield* TestClock.adjust("99 millis")
        yield* settle
        assert.isTrue(isPending(waiting))
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(waiting)
        log.append(one(2))
        yield* log.flush
        assert.strictEqual(log.endSequence, 3)
      })
    )
  )

  it.effect("linger: a batch waits for more until its time is over", () => {
    const fs = new SimFs(1)
    return withLog(fs, { durability: "os", lingerMillis: 5 }, (log) =>
      Effect.gen(function* () {
        const before = fs.trace.length
        const waiting = yield* Effect.forkChild(log.durable(log.append(one(1))), { startImmediately: true })
        yield* TestClock.adjust("4 millis")
        log.append(one(2))
        assert.strictEqual(fs.trace.length, before)
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(waiting)
        assert.strictEqual(fs.trace.length, before + 1)
        assert.strictEqual(log.endSequence, 3)
      })
    )
  })
})

describe("a poisoned log", () => {
  it.effect(
    "after a failed sync everything unacknowledged is rejected, nothing later is taken, and the sync is not tried again",
    () =>
      Effect.gen(function* () {
        const probe = new SimFs(1)
        const callsOf = (fs: SimFs) =>
          withLog(fs, { durability: "disk" }, (log) =>
            Effect.gen(function* () {
              yield* log.durable(log.append(one(1)))
              return fs.calls
            })
          )
        const before = yield* callsOf(probe)
        // The calls of the next append: write, syncData, its end.
        const fs = new SimFs(1, { failAt: before + 3, code: "EIO" })
        yield* withLog(fs, { durability: "disk" }, (log) =>
          Effect.gen(function* () {
            yield* log.durable(log.append(one(1)))
            const failures = yield* Effect.forEach(
              [log.append(one(2)), log.append(one(3))],
              (sequence) => Effect.flip(log.durable(sequence)),
              { concurrency: "unbounded" }
            )
            for (const failure of failures) {
              assert.instanceOf(failure, LogFailed)
              assert.strictEqual(failure.code, "EIO")
              assert.strictEqual(failure.operation, "sync")
              assert.include(failure.message, "open the log again")
            }
            const syncs = fs.trace.filter((line) => line.includes("sync")).length
            const refused = yield* Effect.flip(Log.attempt(() => log.append(one(4))))
            assert.strictEqual(refused, failures[0])
            assert.strictEqual(yield* Effect.flip(log.flush), failures[0])
            yield* settle
            assert.strictEqual(fs.trace.filter((line) => line.includes("sync")).length, syncs)
            assert.strictEqual(log.endSequence, 2, "readers see what was acknowledged")
            assert.strictEqual(yield* Effect.flip(log.awaitAfter(1)), failures[0])
          })
        )
      })
  )

  it.effect("a closed log says so", () =>
    Effect.gen(function* () {
      const log = yield* withLog(new SimFs(1), { durability: "os" }, (open) => Effect.succeed(open))
      const failure = yield* Effect.flip(Log.attempt(() => log.append(one(1))))
      assert.strictEqual(failure._tag === "LogFailed" && failure.code, "CLOSED")
    })
  )
})

describe("opening", () => {
  it.effect("the same directory twice in one process is refused; after the first is closed it opens", () => {
    const fs = new SimFs(1)
    return Effect.gen(function* () {
      const second = withLog(fs, { durability: "os" }, (log) => Effect.succeed(log.nextSequence))
      const failure = yield* withLog(fs, { durability: "os" }, (log) =>
        Effect.gen(function* () {
          yield* log.durable(log.append(one(1)))
          return yield* Effect.flip(second)
        })
      )
      assert.strictEqual(failure._tag === "LogFailed" && failure.code, "EBUSY")
      assert.strictEqual(yield* second, 2)
    })
  })
})

describe("appending", () => {
  it.effect("keeps every part of a record; the caller may reuse its buffers at once", () =>
    withLog(new SimFs(1), { durability: "os" }, (log) =>
      Effect.gen(function* () {
        const value = new Uint8Array([1, 2, 3])
        log.append({
          value,
          key: value,
          headers: value,
          timeMillis: 12.9,
          subject: "a.b",
          tombstone: true,
          mark: 5
        })
        value.fill(9)
        yield* log.flush
        const found = Option.getOrThrow(Option.fromUndefinedOr(log.recordAt(1)))
        const { batch, row } = found
        assert.deepStrictEqual([...batch.value(row)], [1, 2, 3])
        assert.deepStrictEqual([...batch.key(row)], [1, 2, 3])
        assert.deepStrictEqual([...batch.headers(row)], [1, 2, 3])
        assert.strictEqual(batch.timeMillis(row), 12)
        assert.strictEqual(batch.subject(row), "a.b")
        assert.isTrue(batch.isTombstone(row))
        assert.strictEqual(batch.mark(row), 5)
      })
    )
  )

  it.effect("a full batch is in the file with its padding, whatever the sizes of its parts", () => {
    const fs = new SimFs(1)
    return withLog(fs, { durability: "os", batchBytes: 8, batchRecords: 3 }, (log) =>
      Effect.gen(function* () {
        let sequence = 0
        for (let values = 1; values <= 24; values++) {
          for (let keys = 0; keys <= 9; keys++) {
            const group = Array.from({ length: 1 + (keys % 3) }, () => ({
              value: new Uint8Array(values).fill(7),
              key: new Uint8Array(keys).fill(8),
              timeMillis: 1
            }))
            sequence = log.appendBatch(group) + group.length
            yield* log.flush
            // What another process finds now is what a kill now leaves.
            const files = fs.list("/data/log") ?? []
            const file = fs.open(`/data/log/${files.find((name) => name.endsWith(".log"))}`, "read")
            assert.strictEqual(fs.size(file), log.bytes, `values of ${values} bytes, keys of ${keys}`)
            fs.close(file)
          }
        }
        assert.strictEqual(log.endSequence, sequence)
      })
    )
  })

  it.effect("a record or a group larger than the pooled batch gets a batch of its own", () =>
    withLog(new SimFs(1), { durability: "os", batchBytes: 100, batchRecords: 3 }, (log) =>
      Effect.gen(function* () {
        log.append(one(1))
        log.append({ value: new Uint8Array(5000).fill(7), key: new Uint8Array(400).fill(8), timeMillis: 1 })
        log.appendBatch(Array.from({ length: 50 }, (_, i) => one(i)))
        yield* log.flush
        assert.strictEqual(log.nextSequence, 53)
        const batches = log.read(1, 1 << 20)
        assert.deepStrictEqual(
          batches.map((batch) => batch.count),
          [1, 1, 50]
        )
        assert.strictEqual(batches[1]?.value(0).length, 5000)
        assert.strictEqual(batches[1]?.key(0).length, 400)
        for (const { bytes } of batches) assert.strictEqual(bytes.length % 8, 0)
      })
    )
  )

  it.effect("more than 65 535 subjects in a segment widen the column, and each record keeps its own", () =>
    withLog(new SimFs(1), { durability: "os" }, (log) =>
      Effect.gen(function* () {
        const total = 65_700
        for (let n = 1; n <= total; n++) log.append({ ...one(1), subject: `s.${n}` })
        yield* log.flush
        for (const n of [1, 65_534, 65_535, 65_536, total]) {
          const found = log.recordAt(n)
          assert.strictEqual(found?.batch.subject(found.row), `s.${n}`)
        }
        const widths = new Set(log.read(1, 1 << 28).map((batch) => batch.subjectIds?.BYTES_PER_ELEMENT))
        assert.deepStrictEqual([...widths].sort(), [2, 4])
      })
    )
  )

  it.effect("what no record can have is refused before anything is changed", () =>
    withLog(new SimFs(1), { durability: "os" }, (log) =>
      Effect.sync(() => {
        for (const bad of [{ timeMillis: -1 }, { timeMillis: Number.NaN }, { mark: 16 }, { mark: 1.5 }]) {
          assert.throws(() => log.append({ ...one(1), subject: "never.seen", ...bad }), RangeError)
        }
        assert.throws(() => log.appendBatch([one(1), { ...one(1), timeMillis: 1e13 }]), RangeError)
        assert.strictEqual(log.nextSequence, 1)
        assert.strictEqual(log.append(one(1)), 1)
      })
    )
  )

  it.effect("segments roll by age of their records too", () =>
    withLog(new SimFs(1), { durability: "os", segmentMillis: 1000 }, (log) =>
      Effect.gen(function* () {
        for (const timeMillis of [0, 500, 999, 1000, 1500, 5000]) {
          log.append({ ...one(1), timeMillis })
          yield* log.flush
        }
        yield* log.retain({ below: 4 })
        assert.strictEqual(log.firstSequence, 4)
        yield* log.retain({ below: 6 })
        assert.strictEqual(log.firstSequence, 6)
      })
    )
  )
})

describe("controls", () => {
  it.effect("lie between the records, take no sequence, and only scan shows them", () =>
    withLog(new SimFs(1), { durability: "disk", segmentBytes: 300 }, (log) =>
      Effect.gen(function* () {
        for (let n = 1; n <= 9; n++) {
          log.append(one(n))
          if (n % 3 === 0) log.appendControl(one(100 + n))
        }
        yield* log.flush
        assert.strictEqual(linesIn(log).size, 9)
        const order = [...log.scan()]
          .flat()
          .flatMap((b) => Array.from({ length: b.count }, (_, row) => [b.sequence(row), b.value(row)[0]]))
        assert.deepStrictEqual(order, [
          [1, 1],
          [2, 2],
          [3, 3],
          [4, 103],
          [4, 4],
          [5, 5],
          [6, 6],
          [7, 106],
          [7, 7],
          [8, 8],
          [9, 9],
          [10, 109]
        ])
      })
    )
  )
})

describe("retention", () => {
  const filled = (log: Log) =>
    Effect.gen(function* () {
      for (let n = 1; n <= 40; n++) {
        log.append(recordOf(n))
        if (n % 5 === 0) yield* log.flush
      }
    })
  const options = { durability: "os", segmentBytes: 600 } as const

  it.effect(
    "by sequence, time, bytes and records; never past the low-water mark; never the active segment",
    () =>
      withLog(new SimFs(1), options, (log) =>
        Effect.gen(function* () {
          yield* filled(log)
          assert.deepStrictEqual(yield* log.retain({ below: 5 }), { segments: 0, bytes: 0, firstSequence: 1 })
          const { firstSequence } = yield* log.retain({ below: 12 })
          assert.isTrue(firstSequence > 1 && firstSequence <= 12)
          yield* log.retain({ olderThanMillis: recordOf(20).timeMillis })
          assert.isTrue(log.firstSequence > firstSequence && log.firstSequence <= 20)
          const before = log.firstSequence
          yield* log.retain({ maxBytes: 0, keepFrom: 26 })
          assert.isTrue(log.firstSequence > before && log.firstSequence <= 26)
          yield* log.retain({ maxRecords: 10 })
          assert.isTrue(log.nextSequence - log.firstSequence >= 10)
          yield* log.retain({ below: 1000 })
          yield* log.retain({ maxBytes: 0 })
          assert.strictEqual(log.nextSequence, 41)
          yield* log.roll
          yield* log.retain({ below: 1000 })
          assert.strictEqual(log.firstSequence, 41)
          assert.strictEqual(log.append(one(1)), 41)
        })
      )
  )

  it.effect(
    "the archive hook has each segment while its file is there; when it fails, the segment stays",
    () => {
      const fs = new SimFs(1)
      const archived: Array<SealedSegment> = []
      let refuse = false
      const archive = (segment: SealedSegment) =>
        Effect.suspend(() => {
          assert.isTrue(fs.files().has(segment.path))
          if (refuse) return Effect.fail("no room")
          archived.push(segment)
          return Effect.void
        })
      return withLog(fs, { ...options, archive }, (log) =>
        Effect.gen(function* () {
          yield* filled(log)
          yield* log.retain({ below: 15 })
          assert.strictEqual(archived.at(-1)?.lastSequence, log.firstSequence - 1)
          const before = log.firstSequence
          refuse = true
          const failure = yield* Effect.flip(log.retain({ below: 40 }))
          assert.strictEqual(failure.operation, "archive")
          assert.strictEqual(log.firstSequence, before)
          refuse = false
          yield* log.retain({ below: 40 })
          let next = 1
          for (const segment of archived) {
            assert.strictEqual(segment.firstSequence, next)
            next = segment.lastSequence + 1
          }
          assert.strictEqual(next, log.firstSequence)
        })
      )
    }
  )
})

describe("following", () => {
  it.effect("a follower at the end sleeps until there is something, and fails when the log does", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const fiber = yield* withLog(new SimFs(1), { durability: "os" }, (log) =>
        Effect.gen(function* () {
          const following = yield* Effect.forkDetach(
            Stream.runForEach(log.follow(1), (batch) => Effect.sync(() => seen.push(batch.nextSequence))),
            { startImmediately: true }
          )
          yield* settle
          assert.deepStrictEqual(seen, [])
          yield* log.durable(log.append(one(1)))
          yield* settle
          assert.deepStrictEqual(seen, [2])
          return following
        })
      )
      const failure = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(failure._tag, "LogFailed")
    })
  )

  it.effect("onAdvance calls once a group, and stops when it is told", () =>
    withLog(new SimFs(1), { durability: "os" }, (log) =>
      Effect.gen(function* () {
        let calls = 0
        const stop = log.onAdvance(() => calls++)
        for (let n = 0; n < 50; n++) log.append(one(n))
        yield* log.flush
        assert.strictEqual(calls, 1)
        stop()
        log.append(one(1))
        yield* log.flush
        assert.strictEqual(calls, 1)
      })
    )
  )
})
