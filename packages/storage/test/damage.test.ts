import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { vi } from "vitest"
import { FileSystem } from "../src/disk/FileSystem.ts"
import { SimFs, seeded } from "../src/disk/SimFs.ts"
import { segmentName } from "../src/log/LogFiles.ts"
import { Log, type LogOptions } from "../src/log.ts"
import { directory, linesIn, recordOf, withLog, writtenOf } from "./sim-log.ts"

// The long counts take minutes.
vi.setConfig({ testTimeout: count({ quick: 60_000, long: 1_800_000 }) })

const options: Omit<LogOptions, "directory"> = {
  durability: "disk",
  segmentBytes: 900,
  batchRecords: 5,
  batchBytes: 4096
}

/** A log of three segments, two of them sealed, with controls between the records, closed in order. */
const smallLog = Effect.gen(function* () {
  const fs = new SimFs(7)
  yield* withLog(fs, options, (log) =>
    Effect.gen(function* () {
      for (let n = 1; n <= 24; n++) {
        log.append(recordOf(n, 10))
        if (n % 4 === 0) log.appendControl({ value: new Uint8Array([n]), timeMillis: n })
        if (n % 3 === 0) yield* log.flush
      }
    })
  )
  return fs
})

/** The same after deletes and a compaction: rewritten segments, a state file, and deletes that are only noted. */
const compactedLog = Effect.gen(function* () {
  const fs = yield* smallLog
  yield* withLog(fs, options, (log) =>
    Effect.gen(function* () {
      for (const sequence of [2, 3, 6, 9]) log.deleteRecords(sequence)
      yield* log.roll
      yield* log.compact()
      log.append(recordOf(25, 10))
      log.deleteRecords(18)
      log.deleteRecords(25)
      yield* log.roll
      log.append(recordOf(26, 10))
      log.deleteRecords(15)
    })
  )
  return fs
})

const contents = (log: Log): { readonly lines: Map<number, string>; readonly controls: Array<number> } => ({
  lines: linesIn(log, 100_000),
  controls: [...log.scan()].flatMap((group) =>
    group.filter((b) => b.isControl).map((b) => b.value(0)[0] as number)
  )
})

const flipOptions = count({ quick: 1, long: 8 })

describe("L7 no silent damage", () => {
  for (const [title, make, records] of [
    ["a flipped bit anywhere in a closed log is reported, and is never other records or fewer", smallLog, 24],
    ["so it is in a log with deletes that was compacted", compactedLog, 11]
  ] as const)
    it.effect(title, () =>
      Effect.gen(function* () {
        const whole = yield* make
        const expected = yield* withLog(whole.clone(1), options, (log) => Effect.sync(() => contents(log)))
        assert.strictEqual(expected.lines.size, records)
        assert.strictEqual(expected.controls.length, 6)
        const random = seeded(firstSeed())
        let flips = 0
        const outcomes = { refused: 0, unreadable: 0, mended: 0 }
        for (const [path, bytes] of whole.files()) {
          for (let byte = 0; byte < bytes.length; byte++) {
            for (let i = 0; i < flipOptions; i++) {
              const bit = flipOptions === 8 ? i : Math.floor(random() * 8)
              const where = `${path} byte ${byte} bit ${bit}`
              const disk = whole.clone(1)
              disk.flip(path, byte, bit)
              flips++
              const exit = yield* Effect.exit(
                withLog(disk, options, (log) =>
                  Log.attempt(() => ({ contents: contents(log), report: log.recovery }))
                )
              )
              if (Exit.isFailure(exit)) {
                const [reason] = exit.cause.reasons
                const error = reason?._tag === "Fail" ? reason.error : undefined
                assert.include(["LogCorrupt", "LogUnsupported"], error?._tag, `${where}: ${exit.cause}`)
                if (error?._tag === "LogCorrupt") {
                  assert.strictEqual(error.file, path, where)
                  assert.isTrue(
                    error.from <= byte && byte < error.to,
                    `${where}: reported ${error.from} to ${error.to}`
                  )
                }
                // Opened or not: what refused must not have been changed.
                const before = whole.clone(1)
                before.flip(path, byte, bit)
                assert.deepStrictEqual(disk.files().get(path), before.files().get(path), where)
                outcomes.refused++
                continue
              }
              const { contents: got, report } = exit.value
              assert.deepStrictEqual(got, expected, `${where}: other records, and no error`)
              assert.isTrue(
                report.cut !== undefined || report.rebuiltIndexes.length > 0,
                `${where}: nothing was reported`
              )
              outcomes.mended++
            }
          }
        }
        assert.isAbove(flips, 2000)
        assert.isAbove(outcomes.refused, 1000)
        // Only index files and the closing note of the last segment can be mended without loss.
        assert.isAbove(outcomes.mended, 64)
      })
    )

  it.effect("in a log that lost power, nothing below the synced line is cut: it is reported as damage", () =>
    Effect.gen(function* () {
      const fs = new SimFs(3)
      const image = yield* withLog(fs, { ...options, segmentBytes: 1 << 20 }, (log) =>
        Effect.gen(function* () {
          for (let n = 1; n <= 12; n++) {
            log.append(recordOf(n, 10))
            yield* log.flush
          }
          return fs.powerCut(1, "nothing")
        })
      )
      const path = `${directory}/${segmentName(1)}`
      const bytes = writtenOf(image.files().get(path) as Uint8Array)
      let cuts = 0
      let shortest = 12
      for (let byte = 0; byte < bytes.length; byte++) {
        const disk = image.clone(1)
        disk.flip(path, byte, byte % 8)
        const exit = yield* Effect.exit(
          withLog(disk, options, (log) =>
            Effect.sync(() => ({ end: log.endSequence - 1, lines: linesIn(log), report: log.recovery }))
          )
        )
        if (Exit.isFailure(exit)) continue
        const { end, report } = exit.value
        assert.isDefined(report.cut, `byte ${byte}`)
        shortest = Math.min(shortest, end)
        cuts++
      }
      // The last batch says that everything before it is synced: only it can go.
      assert.strictEqual(shortest, 11)
      assert.isAbove(cuts, 64)
    })
  )

  it.effect("a damaged log opens read-only up to the damage", () =>
    Effect.gen(function* () {
      const whole = yield* smallLog
      const path = `${directory}/${segmentName(1)}`
      const disk = whole.clone(1)
      // Without its index the first segment is walked, and the walk finds the damage.
      const bare = new SimFs(1)
      bare.makeDirectory("/data")
      bare.makeDirectory(directory)
      for (const [name, bytes] of disk.files())
        if (name !== path.replace(".log", ".idx")) bare.put(name, bytes)
      bare.flip(path, 400, 3)
      const refused = yield* Effect.flip(withLog(bare, options, () => Effect.void))
      assert.strictEqual(refused._tag, "LogCorrupt")
      const before = bare.changes
      yield* Effect.scoped(
        Effect.gen(function* () {
          const log = yield* Log.openReadOnly({ directory })
          assert.strictEqual(log.damage?.file, path)
          assert.isAbove(log.endSequence, 1)
          const lines = linesIn(log)
          assert.strictEqual(lines.size, log.endSequence - 1)
        })
      ).pipe(Effect.provideService(FileSystem, bare))
      assert.strictEqual(bare.changes, before, "reading only changed the disk")
    })
  )

  it.effect("a middle that is missing, doubled, swapped or of another log is damage", () =>
    Effect.gen(function* () {
      const make = (seed: number) =>
        Effect.gen(function* () {
          const fs = new SimFs(seed)
          const marks: Array<number> = [64]
          yield* withLog(fs, { ...options, segmentBytes: 1 << 20 }, (log) =>
            Effect.gen(function* () {
              for (let n = 1; n <= 8; n++) {
                // Controls take no sequence: only the chain can tell that one is gone.
                if (n % 2 === 0) log.appendControl({ value: new Uint8Array([n]), timeMillis: n })
                else log.append({ value: new Uint8Array([n]), timeMillis: n })
                yield* log.flush
                marks.push(log.bytes)
              }
            })
          )
          return { bytes: fs.files().get(`${directory}/${segmentName(1)}`) as Uint8Array, marks }
        })
      const { bytes, marks } = yield* make(1)
      const other = yield* make(2)
      const part = (source: Uint8Array, k: number) => source.subarray(marks[k], marks[k + 1])
      const join = (...parts: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(parts))
      const head = bytes.subarray(0, 64)
      const all = Array.from({ length: 8 }, (_, k) => part(bytes, k))
      const rest = bytes.subarray(marks[8])
      const variants = new Map<string, Uint8Array>()
      for (let k = 0; k < 8; k++) {
        variants.set(`without batch ${k}`, join(head, ...all.filter((_, i) => i !== k), rest))
        variants.set(
          `batch ${k} twice`,
          join(head, ...all.slice(0, k + 1), all[k] as Uint8Array, ...all.slice(k + 1), rest)
        )
        variants.set(
          `batch ${k} of another log`,
          join(head, ...all.slice(0, k), part(other.bytes, k), ...all.slice(k + 1), rest)
        )
        if (k < 7) {
          variants.set(
            `batches ${k} and ${k + 1} swapped`,
            join(
              head,
              ...all.slice(0, k),
              all[k + 1] as Uint8Array,
              all[k] as Uint8Array,
              ...all.slice(k + 2),
              rest
            )
          )
        }
      }
      const outcomes: Record<string, string> = {}
      for (const [name, content] of variants) {
        const disk = new SimFs(1)
        disk.makeDirectory("/data")
        disk.makeDirectory(directory)
        disk.put(`${directory}/${segmentName(1)}`, content)
        const exit = yield* Effect.exit(
          withLog(disk, options, (log) =>
            Effect.sync(() => ({ n: log.endSequence - 1, cut: log.recovery.cut }))
          )
        )
        outcomes[name] = Exit.isFailure(exit)
          ? "refused"
          : `${exit.value.n} records, ${exit.value.cut === undefined ? "nothing" : "cut"} reported`
      }
      for (const [name, outcome] of Object.entries(outcomes)) assert.strictEqual(outcome, "refused", name)
    })
  )
})
