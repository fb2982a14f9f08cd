import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { FileSystem } from "../src/disk/FileSystem.ts"
import { SimFs, seeded } from "../src/disk/SimFs.ts"
import { Log, type ReadOnlyLog } from "../src/log.ts"
import { directory, lineOf, linesIn, recordOf, withLog } from "./sim-log.ts"

const options = { durability: "os", segmentBytes: 1500, batchRecords: 6, batchBytes: 4096 } as const
const writer = fileURLToPath(new URL("./busy-writer.ts", import.meta.url))

describe("a log that another process writes", () => {
  it.effect(
    "refresh takes in appends, rolls, deletes, retention and compactions, in any order, changing nothing",
    () =>
      Effect.gen(function* () {
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 30, long: 1000 }); seed++) {
          const fs = new SimFs(seed)
          yield* withLog(fs, { ...options, durability: seed % 2 === 0 ? "os" : "disk" }, (log) =>
            Effect.gen(function* () {
              const random = seeded(seed)
              log.append(recordOf(1))
              yield* log.flush
              const other = yield* Log.openReadOnly({ directory })
              let looks = 0
              for (let step = 0; step < 150; step++) {
                const choice = random()
                if (choice < 0.6) log.append(recordOf(log.nextSequence, Math.floor(random() * 60)))
                else if (choice < 0.7) log.deleteRecords(1 + Math.floor(random() * log.nextSequence))
                else if (choice < 0.76) yield* log.roll
                else if (choice < 0.8) yield* log.retain({ below: Math.floor(random() * log.nextSequence) })
                else if (choice < 0.84) yield* log.compact()
                else {
                  yield* log.flush
                  const before = fs.changes
                  const where = `TROUPE_SEED=${seed}, step ${step}`
                  // Without a refresh it goes on to show records as they were, also where files were replaced or removed.
                  if (random() < 0.5) {
                    for (const [n, line] of linesIn(other, 1 + Math.floor(random() * 3000))) {
                      assert.isTrue(line.startsWith(`value ${n} `), where)
                    }
                  }
                  assert.strictEqual(other.refresh(), log.endSequence, where)
                  const there = [...linesIn(log)]
                  // The writer also remembers the times of records that are gone, which nothing on the disk need tell any more.
                  assert.isAtMost(other.lastTimeMillis, log.lastTimeMillis, where)
                  const newest = there.at(-1)?.[0]
                  if (newest !== undefined) {
                    assert.isAtLeast(other.lastTimeMillis, recordOf(newest).timeMillis, where)
                  }
                  assert.deepStrictEqual([...linesIn(other)], there, where)
                  assert.strictEqual(fs.changes, before, where)
                  looks++
                }
              }
              assert.isAbove(looks, 5)
            })
          )
        }
      })
  )

  it.effect("follow looks at its interval and gets each sequence once, in order", () => {
    const fs = new SimFs(1)
    return withLog(fs, options, (log) =>
      Effect.gen(function* () {
        log.append(recordOf(1))
        yield* log.flush
        const other = yield* Log.openReadOnly({ directory })
        const seen: Array<number> = []
        const fiber = yield* Effect.forkChild(
          other.follow(1, { everyMillis: 100, maxBytes: 500 }).pipe(
            Stream.tap((batch) =>
              Effect.sync(() => {
                for (let row = batch.start; row < batch.count; row++) seen.push(batch.sequence(row))
              })
            ),
            Stream.takeUntil((batch) => batch.nextSequence > 60),
            Stream.runDrain
          ),
          { startImmediately: true }
        )
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(seen, [1])
        for (let n = 2; n <= 60; n++) log.append(recordOf(n))
        yield* log.flush
        assert.deepStrictEqual(seen, [1])
        yield* TestClock.adjust(100)
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          seen,
          Array.from({ length: 60 }, (_, i) => i + 1)
        )
      })
    )
  })

  it.effect("a torn end is not read, and damage ends the log for a refresh too", () =>
    Effect.gen(function* () {
      const fs = new SimFs(1)
      yield* withLog(fs, { ...options, segmentBytes: 1 << 20 }, (log) =>
        Effect.gen(function* () {
          for (let n = 1; n <= 5; n++) yield* log.durable(log.append(recordOf(n)))
          const other = yield* Log.openReadOnly({ directory })
          for (let n = 6; n <= 9; n++) yield* log.durable(log.append(recordOf(n)))
          const [path, bytes] = [...fs.files()].find(([name]) => name.endsWith(".log")) as [
            string,
            Uint8Array
          ]
          // Half of the last write.
          const torn = new SimFs(1)
          torn.makeDirectory("/data")
          torn.makeDirectory(directory)
          torn.put(path, bytes.slice(0, bytes.length - 30))
          assert.strictEqual(other.refresh(), 10)
          const half = yield* Log.openReadOnly({ directory }).pipe(Effect.provideService(FileSystem, torn))
          assert.strictEqual(half.endSequence, 9)
          assert.isUndefined(half.damage)
          torn.put(path, bytes)
          assert.strictEqual(half.refresh(), 10)
        })
      )
    })
  )

  it.live(
    "a process that appends, deletes, compacts and removes under load: every record that is read is the one that was written, and none is missing",
    () =>
      Effect.gen(function* () {
        const base = mkdtempSync(join(tmpdir(), "troupe-read-only-"))
        const at = join(base, "log")
        const child = spawn(
          process.execPath,
          ["--conditions=@troupe/source", writer, at, String(count({ quick: 6000, long: 100_000 }))],
          {
            stdio: ["ignore", "pipe", "inherit"]
          }
        )
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            child.kill("SIGKILL")
            rmSync(base, { recursive: true, force: true })
          })
        )
        let log: ReadOnlyLog | undefined
        let looks = 0
        const lines = Stream.fromAsyncIterable(createInterface({ input: child.stdout }), (cause) => cause)
        yield* Stream.runForEach(lines, (line) =>
          Effect.gen(function* () {
            const told = Number(line)
            log ??= yield* Log.openReadOnly({ directory: at })
            const open = log
            if (open.endSequence <= told) open.refresh()
            assert.isAbove(open.endSequence, told)
            const seen = linesIn(open, 50_000)
            looks++
            // What has no key and is not one of the deleted is there, from the first on.
            const first = Math.max(open.firstSequence, ...[...seen.keys()].slice(0, 1))
            for (let n = first; n <= told; n++) {
              const expected = recordOf(n)
              if (seen.has(n)) assert.strictEqual(seen.get(n), lineOf(expected))
              else
                assert.isTrue(expected.key !== undefined || n % 10 === 0, `record ${n} of ${told} is missing`)
            }
          })
        )
        assert.isAbove(looks, 20)
      }),
    { timeout: count({ quick: 60_000, long: 600_000 }) }
  )
})
