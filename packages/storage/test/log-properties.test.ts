import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { vi } from "vitest"
import { SimFs, seeded } from "../src/disk/SimFs.ts"
import { type Log, type LogRecord, SubjectFilter } from "../src/log.ts"
import { lineOf, linesIn, program, recordOf, withLog, witness } from "./sim-log.ts"

// The long counts take minutes.
vi.setConfig({ testTimeout: count({ quick: 60_000, long: 1_800_000 }) })

const options = { durability: "os", segmentBytes: 2500, batchRecords: 7, batchBytes: 4096 } as const

const seeds = (counts: { readonly quick: number; readonly long: number }): ReadonlyArray<number> =>
  Array.from({ length: count(counts) }, (_, i) => firstSeed() + i)

/** Appends records of random shapes and times in batches of random sizes. */
const fill = (log: Log, seed: number, records: number) =>
  Effect.gen(function* () {
    const random = seeded(seed)
    const lines = [""]
    const times = [0]
    for (let n = 1; n <= records; n++) {
      // Time mostly goes forward, jumps now and then, and steps back.
      const jump = random() < 0.02 ? 5_000_000_000 * random() : 0
      const timeMillis = Math.floor(Math.max(0, (times[n - 1] as number) + (random() - 0.3) * 100 + jump))
      const record: LogRecord = { ...recordOf(n, Math.floor(random() * 50)), timeMillis }
      log.append(record)
      lines.push(lineOf(record))
      times.push(timeMillis)
      if (random() < 0.1) yield* log.flush
      if (random() < 0.05)
        log.appendControl({ value: new Uint8Array(1 + Math.floor(random() * 600)), timeMillis })
    }
    yield* log.flush
    return { lines, times, random }
  })

describe("L3 sequences are dense, from 1, and never used again", () => {
  it.effect(
    "append and appendBatch answer the sequence their record has, over rolls, retention and reopening",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds({ quick: 20, long: 500 })) {
          const fs = new SimFs(seed)
          const seen = witness()
          yield* withLog(fs, options, (log) => program(log, seen, seed, 60, fs))
          const next = yield* withLog(fs, options, (log) =>
            Effect.sync(() => {
              const lines = linesIn(log)
              for (let sequence = log.firstSequence; sequence < log.nextSequence; sequence++) {
                assert.strictEqual(
                  lines.get(sequence),
                  seen.appended[sequence],
                  `TROUPE_SEED=${seed}, ${sequence}`
                )
              }
              assert.strictEqual(log.nextSequence, seen.appended.length, `TROUPE_SEED=${seed}`)
              return log.nextSequence
            })
          )
          const after = yield* withLog(fs, options, (log) => Effect.sync(() => log.append(recordOf(1))))
          assert.strictEqual(after, next)
        }
      })
  )
})

describe("L4 stability: a record reads the same until retention removed it, and then it is gone", () => {
  it.effect("recordAt over a life of appends, rolls and retention", () =>
    Effect.gen(function* () {
      for (const seed of seeds({ quick: 10, long: 300 })) {
        const fs = new SimFs(seed)
        yield* withLog(fs, options, (log) =>
          Effect.gen(function* () {
            const { lines, random } = yield* fill(log, seed, 200)
            for (let round = 0; round < 6; round++) {
              const { firstSequence } = yield* log.retain({ below: Math.floor(random() * 200) })
              for (let sequence = 1; sequence <= 200; sequence++) {
                const found = log.recordAt(sequence)
                const where = `TROUPE_SEED=${seed}, ${sequence}, first ${firstSequence}`
                if (sequence < firstSequence) assert.isUndefined(found, where)
                else
                  assert.strictEqual(
                    new TextDecoder().decode(found?.batch.value(found.row)),
                    lines[sequence]?.split("|")[0],
                    where
                  )
              }
            }
            assert.isAbove(log.firstSequence, 1, `TROUPE_SEED=${seed}: retention removed nothing`)
          })
        )
      }
    })
  )
})

/** Several index entries in each segment. */
const indexed = { ...options, segmentBytes: 6000, indexBytes: 300 }

describe("L6 index soundness: seeking equals the linear scan", () => {
  it.effect(
    "by sequence, in chunks of any size, by scan, and by time, also when times step back; reopened with and without indexes",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds({ quick: 15, long: 400 })) {
          const fs = new SimFs(seed)
          const sought = (
            log: Log,
            lines: ReadonlyArray<string>,
            times: ReadonlyArray<number>,
            random: () => number
          ) => {
            assert.strictEqual(linesIn(log, 1 + Math.floor(random() * 5000)).size, lines.length - 1)
            const all = [...log.scan({ maxBytes: 1000 })].flat()
            assert.isTrue(all.some((batch) => batch.isControl))
            const shape = (batches: typeof all) => batches.map((b) => [b.baseSequence, b.isControl, b.count])
            for (let i = 0; i < 40; i++) {
              const start = 1 + Math.floor(random() * lines.length)
              const scanned = [...log.scan({ from: start, maxBytes: 1 + Math.floor(random() * 3000) })].flat()
              const expected = all.filter((b) =>
                b.isControl ? b.baseSequence >= start : b.nextSequence > start
              )
              assert.deepStrictEqual(
                shape(scanned),
                shape(expected),
                `TROUPE_SEED=${seed}, scan from ${start}`
              )
              const from = 1 + Math.floor(random() * (lines.length - 1))
              const [batch] = log.read(from, 1 + Math.floor(random() * 3000))
              assert.strictEqual(batch?.sequence(batch.start), from, `TROUPE_SEED=${seed}`)
              const time =
                (times[1 + Math.floor(random() * (times.length - 1))] as number) +
                Math.floor(random() * 3 - 1)
              const first = times.findIndex((t, sequence) => sequence > 0 && t >= time)
              assert.strictEqual(
                log.sequenceAt(time),
                first < 0 ? log.endSequence : first,
                `TROUPE_SEED=${seed}, time ${time}`
              )
            }
          }
          const { lines, times, random } = yield* withLog(fs, indexed, (log) =>
            Effect.tap(fill(log, seed, 300), (filled) =>
              Effect.sync(() => sought(log, filled.lines, filled.times, filled.random))
            )
          )
          yield* withLog(fs, indexed, (log) => Effect.sync(() => sought(log, lines, times, random)))
          const bare = new SimFs(seed)
          bare.makeDirectory("/data")
          bare.makeDirectory("/data/log")
          for (const [path, bytes] of fs.files()) if (!path.endsWith(".idx")) bare.put(path, bytes)
          yield* withLog(bare, indexed, (log) =>
            Effect.sync(() => {
              assert.isAbove(log.recovery.rebuiltIndexes.length, 1)
              sought(log, lines, times, random)
            })
          )
          for (const [path, bytes] of fs.files()) {
            if (path.endsWith(".idx"))
              assert.deepStrictEqual(bare.files().get(path), bytes, `TROUPE_SEED=${seed}: rebuilt ${path}`)
          }
        }
      })
  )
})

describe("L9 filter equivalence: a filtered read is the filter of the full read", () => {
  it.effect("for any subset of subjects", () =>
    Effect.gen(function* () {
      for (const seed of seeds({ quick: 15, long: 400 })) {
        const fs = new SimFs(seed)
        yield* withLog(fs, options, (log) =>
          Effect.gen(function* () {
            const { lines, random } = yield* fill(log, seed, 250)
            const wanted = new Set([1, 2, 3, 4].filter(() => random() < 0.4).map((n) => `orders.${n}`))
            const filter = new SubjectFilter((subject) => wanted.has(subject))
            const got: Array<number> = []
            for (let from = 1; ; ) {
              const batches = log.read(from, 900, filter)
              const last = batches[batches.length - 1]
              if (last === undefined) break
              for (const batch of batches)
                for (const row of batch.select(filter)) got.push(batch.sequence(row))
              from = last.nextSequence
            }
            const expected = lines.flatMap((line, sequence) =>
              wanted.has(line.split("|")[2] ?? "") ? [sequence] : []
            )
            assert.deepStrictEqual(got, expected, `TROUPE_SEED=${seed}`)
          })
        )
      }
    })
  )

  it.effect("what is lent is what is read, and touches nothing that was read", () =>
    Effect.gen(function* () {
      for (const seed of seeds({ quick: 10, long: 400 })) {
        yield* withLog(new SimFs(seed), options, (log) =>
          Effect.gen(function* () {
            const { random } = yield* fill(log, seed, 250)
            const filter = random() < 0.5 ? new SubjectFilter((subject) => subject === "orders.2") : undefined
            const kept: Array<readonly [now: Uint8Array, then: Uint8Array]> = []
            for (let from = 1; ; ) {
              // Several chunks a call, and calls of different sizes into the same memory.
              const maxBytes = Math.floor(1 + random() * 4000)
              const read = log.read(from, maxBytes, filter)
              for (const batch of read) kept.push([batch.bytes, batch.bytes.slice()])
              const lent = log.lend(from, maxBytes, filter)
              const note = `TROUPE_SEED=${seed}, from ${from}`
              assert.deepStrictEqual(
                lent.map((batch) => [batch.start, batch.nextSequence, [...batch.bytes]]),
                read.map((batch) => [batch.start, batch.nextSequence, [...batch.bytes]]),
                note
              )
              const last = read[read.length - 1]
              if (last === undefined) break
              from = last.nextSequence
            }
            for (const [now, then] of kept) assert.deepStrictEqual(now, then, `TROUPE_SEED=${seed}`)
          })
        )
      }
    })
  )

  it.effect("a filtered follower that nothing concerns sleeps at the end, also behind a fresh segment", () =>
    withLog(new SimFs(1), options, (log) =>
      Effect.gen(function* () {
        const filter = new SubjectFilter((subject) => subject === "rare")
        let reads = 0
        const read = log.read.bind(log)
        Object.assign(log, {
          read: (from: number, maxBytes: number) => {
            reads++
            return read(from, maxBytes, filter)
          }
        })
        for (let round = 0; round < 20; round++) {
          for (let i = 0; i < 5; i++)
            log.append({ value: new Uint8Array(200), timeMillis: 1, subject: "common" })
          yield* log.roll
        }
        const found = yield* Effect.forkChild(
          log.follow(1, { filter }).pipe(
            Stream.flatMap((batch) =>
              Stream.fromArray(Array.from(batch.select(filter), (row) => batch.sequence(row)))
            ),
            Stream.take(1),
            Stream.runCollect
          ),
          { startImmediately: true }
        )
        yield* Effect.repeat(Effect.yieldNow, { times: 100 })
        assert.isAtMost(reads, 25, "a follower with nothing to do was busy")
        log.append({ value: new Uint8Array(1), timeMillis: 1, subject: "rare" })
        yield* log.flush
        assert.deepStrictEqual(yield* Fiber.join(found), [101])
      })
    )
  )

  it.effect("a filter that was used goes on to take subjects that come later", () =>
    withLog(new SimFs(1), options, (log) =>
      Effect.gen(function* () {
        const filter = new SubjectFilter((subject) => subject.startsWith("late"))
        const rows = () =>
          log
            .read(1, 1 << 20, filter)
            .flatMap((batch) => Array.from(batch.select(filter), (row) => batch.sequence(row)))
        log.append({ value: new Uint8Array(1), timeMillis: 1, subject: "early" })
        yield* log.flush
        assert.deepStrictEqual(rows(), [])
        for (let i = 0; i < 40; i++)
          log.append({ value: new Uint8Array(1), timeMillis: 1, subject: `late.${i}` })
        yield* log.flush
        assert.deepStrictEqual(
          rows(),
          Array.from({ length: 40 }, (_, i) => i + 2)
        )
      })
    )
  )
})

describe("L10 tail completeness", () => {
  it.effect("followers that start anywhere get each sequence once, in order, over rolls and retention", () =>
    Effect.gen(function* () {
      for (const seed of seeds({ quick: 10, long: 300 })) {
        for (const durability of ["memory", "os", "disk"] as const) {
          const fs = new SimFs(seed)
          yield* withLog(fs, { ...options, durability }, (log) =>
            Effect.gen(function* () {
              const random = seeded(seed)
              const total = 150
              let reached = 0
              const follower = (from: number, maxBytes: number) =>
                log.follow(from, { maxBytes }).pipe(
                  Stream.flatMap((b) =>
                    Stream.fromArray(
                      Array.from({ length: b.count - b.start }, (_, i) => b.sequence(b.start + i))
                    )
                  ),
                  Stream.tap((sequence) => Effect.sync(() => (reached = from === 1 ? sequence : reached))),
                  Stream.takeUntil((sequence) => sequence === total),
                  Stream.runCollect
                )
              const early = yield* Effect.forkChild(follower(1, 100), { startImmediately: true })
              const ahead = yield* Effect.forkChild(follower(60, 5000), { startImmediately: true })
              for (let n = 1; n <= total; n++) {
                const sequence = log.append(recordOf(n))
                if (random() < 0.2) yield* log.durable(sequence)
                if (random() < 0.05) yield* Effect.yieldNow
                if (n === 100) yield* log.retain({ below: 90, keepFrom: reached })
              }
              yield* log.flush
              const late = yield* follower(total - 5, 1)
              const range = (from: number) => Array.from({ length: total - from + 1 }, (_, i) => from + i)
              assert.deepStrictEqual(yield* Fiber.join(early), range(1), `TROUPE_SEED=${seed}`)
              assert.deepStrictEqual(yield* Fiber.join(ahead), range(60), `TROUPE_SEED=${seed}`)
              assert.deepStrictEqual(late, range(total - 5), `TROUPE_SEED=${seed}`)
            })
          )
        }
      }
    })
  )
})
