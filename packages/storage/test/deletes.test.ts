import { assert, describe, it } from "@effect/vitest"
import { firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { SimFs, seeded } from "../src/disk/SimFs.ts"
import { stateName } from "../src/log/LogFiles.ts"
import { type Log, type LogRecord, SubjectFilter } from "../src/log.ts"
import { directory, linesIn, recordOf, withLog } from "./sim-log.ts"

const options = { durability: "os", segmentBytes: 2000, batchRecords: 8, batchBytes: 4096 } as const
const utf8 = new TextEncoder()

const keyed = (n: number, key: string): LogRecord => ({
  ...recordOf(n),
  key: utf8.encode(key),
  tombstone: false
})
const plain = (n: number): LogRecord => ({ ...recordOf(n), key: undefined, tombstone: false })

const append = (log: Log, records: number, make: (n: number) => LogRecord) =>
  Effect.gen(function* () {
    for (let i = 0; i < records; i++) {
      log.append(make(log.nextSequence))
      if (i % 8 === 7) yield* log.flush
    }
    yield* log.flush
  })

const shown = (log: Log): ReadonlyArray<number> => [...linesIn(log).keys()]
const state = `${directory}/${stateName}`

describe("records that are deleted from the middle", () => {
  it.effect(
    "are gone for every way of reading, at once and after reopening; the others keep their sequences",
    () => {
      const fs = new SimFs(1)
      const gone = (sequence: number) =>
        sequence === 1 || sequence === 9 || (sequence >= 20 && sequence <= 40)
      const expected = Array.from({ length: 60 }, (_, i) => i + 1).filter((sequence) => !gone(sequence))
      const check = (log: Log): void => {
        assert.deepStrictEqual(shown(log), expected)
        const lent = log
          .lend(1, 1 << 20)
          .flatMap((b) => Array.from({ length: b.count - b.start }, (_, i) => b.sequence(b.start + i)))
        assert.deepStrictEqual(lent, expected)
        const scanned = [...log.scan()]
          .flat()
          .flatMap((b) => Array.from({ length: b.count }, (_, row) => b.sequence(row)))
        assert.deepStrictEqual(scanned, expected)
        const filter = new SubjectFilter((subject) => subject === "orders.1")
        const selected = log
          .read(1, 1 << 20, filter)
          .flatMap((b) => Array.from(b.select(filter), (row) => b.sequence(row)))
        assert.deepStrictEqual(
          selected,
          expected.filter((n) => n % 5 === 1)
        )
        for (let sequence = 1; sequence <= 60; sequence++)
          assert.strictEqual(log.recordAt(sequence) !== undefined, !gone(sequence), `${sequence}`)
        // By time too: the first record that is there.
        assert.strictEqual(log.sequenceAt(recordOf(20).timeMillis), 41)
        assert.strictEqual(log.sequenceAt(recordOf(1).timeMillis), 2)
        const [batch] = log.read(25, 1)
        // A batch may have no rows left; what it covers is passed over with it.
        assert.isTrue(batch !== undefined && batch.start === batch.count && batch.sequence(batch.start) > 25)
      }
      return Effect.gen(function* () {
        yield* withLog(fs, options, (log) =>
          Effect.gen(function* () {
            yield* append(log, 60, plain)
            assert.isDefined(log.recordAt(9))
            log.deleteRecords(1)
            log.deleteRecords(9)
            log.deleteRecords(9)
            log.deleteRecords(20, 40)
            // Nothing there: passed over.
            log.deleteRecords(0)
            log.deleteRecords(500, 600)
            check(log)
            assert.throws(() => log.deleteRecords(5, 4), RangeError)
            assert.throws(() => log.deleteRecords(1.5), RangeError)
            yield* log.flush
          })
        )
        yield* withLog(fs, options, (log) => Effect.sync(() => check(log)))
      })
    }
  )

  it.effect("a segment of which half is deleted is written anew: its bytes go, what is left stays", () =>
    withLog(new SimFs(1), options, (log) =>
      Effect.gen(function* () {
        yield* append(log, 200, plain)
        const before = log.bytes
        const kept: Array<number> = []
        for (let sequence = 1; sequence <= 200; sequence++) {
          if (sequence % 4 === 0) kept.push(sequence)
          else log.deleteRecords(sequence)
        }
        yield* log.flush
        // The keeper of full segments answers in the order of its messages: retention comes after what it reclaims.
        yield* log.retain({})
        yield* log.roll
        log.deleteRecords(199)
        yield* log.flush
        yield* log.retain({})
        assert.isBelow(log.bytes, before * 0.75)
        assert.deepStrictEqual(shown(log), kept)
      })
    )
  )

  it.effect("a queue that is emptied as it is filled keeps few segments and few bytes", () => {
    const fs = new SimFs(1)
    return Effect.gen(function* () {
      yield* withLog(fs, options, (log) =>
        Effect.gen(function* () {
          for (let round = 0; round < 100; round++) {
            yield* append(log, 16, plain)
            const last = log.nextSequence - 1
            // Everything but one in fifty, and some out of order.
            for (let sequence = last - 15; sequence <= last; sequence++)
              if (sequence % 50 !== 0) log.deleteRecords(sequence)
            yield* log.flush
            yield* log.retain({})
          }
          assert.isBelow(log.raw.segments.length, 20)
          assert.isBelow(log.bytes, 25_000)
          assert.deepStrictEqual(
            shown(log),
            Array.from({ length: 32 }, (_, i) => (i + 1) * 50)
          )
        })
      )
      yield* withLog(fs, options, (log) =>
        Effect.sync(() =>
          assert.deepStrictEqual(
            shown(log),
            Array.from({ length: 32 }, (_, i) => (i + 1) * 50)
          )
        )
      )
    })
  })

  for (const [what, lose] of [
    ["missing", undefined],
    ["damaged", (bytes: Uint8Array) => bytes.map((byte, i) => (i === 50 ? byte ^ 1 : byte))]
  ] as const) {
    it.effect(`a state file that is ${what} brings nothing back`, () => {
      const fs = new SimFs(1)
      return Effect.gen(function* () {
        yield* withLog(fs, options, (log) =>
          Effect.gen(function* () {
            yield* append(log, 60, plain)
            for (const sequence of [3, 17, 18, 33]) log.deleteRecords(sequence)
            yield* append(log, 60, plain)
            log.deleteRecords(70)
            yield* log.compact()
          })
        )
        const bytes = fs.files().get(state) as Uint8Array
        assert.isDefined(bytes)
        const bare = new SimFs(1)
        bare.makeDirectory("/data")
        bare.makeDirectory(directory)
        for (const [path, content] of fs.files()) {
          if (path !== state) bare.put(path, content)
          else if (lose !== undefined) bare.put(path, lose(content))
        }
        const expected = Array.from({ length: 120 }, (_, i) => i + 1).filter(
          (n) => ![3, 17, 18, 33, 70].includes(n)
        )
        yield* withLog(bare, options, (log) =>
          Effect.sync(() => {
            assert.deepStrictEqual(shown(log), expected)
            assert.deepStrictEqual(log.recovery.rebuiltIndexes, lose === undefined ? [] : [state])
          })
        )
        yield* withLog(bare, options, (log) =>
          Effect.sync(() => assert.deepStrictEqual(shown(log), expected))
        )
      })
    })
  }
})

describe("compaction", () => {
  it.effect("while it runs, appends go on, and what is deleted meanwhile stays deleted", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      const random = seeded(firstSeed())
      const deleted = new Set<number>()
      yield* withLog(fs, options, (log) =>
        Effect.gen(function* () {
          yield* append(log, 400, (n) => (n % 2 === 0 ? keyed(n, `key ${n % 10}`) : plain(n)))
          const compaction = yield* Effect.forkChild(log.compact(), { startImmediately: true })
          let turns = 0
          while (compaction.pollUnsafe() === undefined) {
            const sequence = 1 + 2 * Math.floor(random() * 200)
            deleted.add(sequence)
            log.deleteRecords(sequence)
            log.append(plain(log.nextSequence))
            turns++
            yield* Effect.yieldNow
          }
          assert.isAbove((yield* Fiber.join(compaction)).records, 100)
          assert.isAbove(turns, 20)
          yield* log.flush
        })
      )
      yield* withLog(fs, options, (log) =>
        Effect.sync(() => {
          const there = shown(log)
          for (const sequence of deleted) assert.notInclude(there, sequence)
          for (let sequence = 1; sequence < 400; sequence += 2)
            if (!deleted.has(sequence)) assert.include(there, sequence)
        })
      )
    })
  )

  it.effect("L10: a follower gets what is left, each once and in order, and a scan in progress too", () =>
    withLog(new SimFs(1), options, (log) =>
      Effect.gen(function* () {
        yield* append(log, 200, (n) => keyed(n, `key ${n % 10}`))
        log.appendControl({ value: utf8.encode("note"), timeMillis: 1 })
        yield* append(log, 50, plain)
        const scan = log.scan({ maxBytes: 300 })[Symbol.iterator]()
        const scanned: Array<number> = []
        let notes = 0
        const step = (): boolean => {
          const next = scan.next()
          if (next.done === true) return false
          for (const batch of next.value) {
            if (batch.isControl) notes++
            else for (let row = batch.start; row < batch.count; row++) scanned.push(batch.sequence(row))
          }
          return true
        }
        for (let i = 0; i < 3; i++) step()
        const before = scanned.length
        assert.isTrue(before > 0 && before < 100)
        const followed: Array<number> = []
        const follower = yield* Effect.forkChild(
          log.follow(1, { maxBytes: 300 }).pipe(
            Stream.tap((batch) =>
              Effect.sync(() => {
                for (let row = batch.start; row < batch.count; row++) followed.push(batch.sequence(row))
              })
            ),
            Stream.takeUntil((batch) => batch.nextSequence > 260),
            Stream.runDrain
          ),
          { startImmediately: true }
        )
        yield* log.compact()
        yield* append(log, 10, plain)
        while (step()) {}
        yield* Fiber.join(follower)
        const left = shown(log)
        assert.isBelow(left.length, 130)
        assert.strictEqual(notes, 1)
        assert.deepStrictEqual(
          scanned.slice(before),
          left.filter((n) => n > (scanned[before - 1] as number) && n <= 260)
        )
        assert.isTrue(followed.every((n, i) => i === 0 || n > (followed[i - 1] as number)))
        for (const n of left) assert.include(followed, n)
      })
    )
  )

  it.effect("keeps segments that a consumer holds, and says how far it came", () =>
    withLog(new SimFs(1), options, (log) =>
      Effect.gen(function* () {
        yield* append(log, 200, (n) => keyed(n, "one"))
        const release = log.hold(() => 100)
        const first = yield* log.compact()
        assert.isTrue(first.cleanBelow > 50 && first.cleanBelow <= 100)
        assert.isTrue(shown(log).includes(100))
        release()
        const second = yield* log.compact()
        assert.isAbove(second.cleanBelow, 150)
        assert.isFalse(shown(log).includes(100))
        const third = yield* log.compact()
        assert.deepStrictEqual(third, {
          segmentsBefore: 0,
          segmentsAfter: 0,
          records: 0,
          bytesBefore: 0,
          bytesAfter: 0,
          cleanBelow: second.cleanBelow
        })
      })
    )
  )

  it.effect("of many small leftovers few segments remain, and records larger than a batch survive", () =>
    withLog(new SimFs(1), options, (log) =>
      Effect.gen(function* () {
        const large = { value: new Uint8Array(1_500_000).fill(9), timeMillis: 5, key: utf8.encode("large") }
        const at = log.append(large)
        yield* log.flush
        yield* append(log, 2000, (n) => keyed(n, `key ${n % 3}`))
        const before = log.raw.segments.length
        const done = yield* log.compact()
        assert.isAbove(done.segmentsBefore, 20)
        assert.isAtMost(log.raw.segments.length, 5)
        assert.strictEqual(before - log.raw.segments.length, done.segmentsBefore - done.segmentsAfter)
        assert.strictEqual(log.recordAt(at)?.batch.value(log.recordAt(at)?.row ?? 0).length, 1_500_000)
      })
    )
  )

  it.effect("a compaction that the disk has no room for leaves the log as it was, and usable", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      yield* withLog(fs, options, (log) =>
        Effect.gen(function* () {
          yield* append(log, 100, (n) => keyed(n, "one"))
          const before = shown(log)
          const write = fs.write.bind(fs)
          Object.assign(fs, {
            write: (...args: Parameters<typeof write>) => {
              if (args[4] > 64) throw Object.assign(new Error("full"), { code: "ENOSPC", syscall: "write" })
              return write(...args)
            }
          })
          const failure = yield* Effect.flip(log.compact())
          assert.strictEqual(failure._tag === "LogFailed" && failure.code, "ENOSPC")
          Object.assign(fs, { write })
          assert.isUndefined(log.failure)
          assert.deepStrictEqual(shown(log), before)
          assert.isFalse([...fs.files().keys()].some((path) => path.endsWith(".tmp")))
          yield* log.durable(log.append(plain(101)))
          yield* log.compact()
          assert.isBelow(shown(log).length, 40)
        })
      )
    })
  )
})
