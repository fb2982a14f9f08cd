import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { SimFs, seeded } from "../src/disk/SimFs.ts"
import { segmentName } from "../src/log/LogFiles.ts"
import { type DamagedRange, fetchFrom, Log, type LogOptions } from "../src/log.ts"
import { directory, linesIn, recordOf, withLog } from "./sim-log.ts"

const options: Omit<LogOptions, "directory"> = {
  durability: "disk",
  segmentBytes: 900,
  batchRecords: 4,
  batchBytes: 4096
}

/** A closed log of a few segments with notes between the records. */
const whole = Effect.gen(function* () {
  const fs = new SimFs(5)
  yield* withLog(fs, options, (log) =>
    Effect.gen(function* () {
      for (let n = 1; n <= 30; n++) {
        log.append(recordOf(n, 10))
        if (n % 7 === 0) log.appendControl({ value: new Uint8Array([n]), timeMillis: n })
        if (n % 3 === 0) yield* log.flush
      }
    })
  )
  return fs
})

const copyOf = (files: ReadonlyMap<string, Uint8Array>): SimFs => {
  const fs = new SimFs(1)
  fs.makeDirectory("/data")
  fs.makeDirectory(directory)
  for (const [path, bytes] of files) fs.put(path, bytes)
  return fs
}

const contents = (log: Log) => ({
  lines: linesIn(log, 100_000),
  notes: [...log.scan()].flat().flatMap((batch) => (batch.isControl ? [batch.value(0)[0] as number] : []))
})

/** A replica: the same files, on another disk. */
const replica = (files: ReadonlyMap<string, Uint8Array>, asked: Array<DamagedRange> = []) => ({
  fetch: (range: DamagedRange) =>
    Effect.sync(() => {
      asked.push(range)
      return (files.get(range.file) as Uint8Array).slice(range.from, range.to)
    })
})

const logs = (files: ReadonlyMap<string, Uint8Array>) =>
  [...files.keys()].filter((path) => path.endsWith(".log"))

describe('repair: "quarantine"', () => {
  it.effect(
    "of any flipped byte: the records that are left are as they were, the others are a gap that is told",
    () =>
      Effect.gen(function* () {
        const original = yield* whole
        const files = original.files()
        const { lines: all } = yield* withLog(copyOf(files), options, (log) =>
          Effect.sync(() => contents(log))
        )
        assert.strictEqual(all.size, 30)
        const last = logs(files).at(-1)
        let gaps = 0
        for (const path of logs(files)) {
          for (
            let byte = 0;
            byte < (files.get(path) as Uint8Array).length;
            byte += count({ quick: 5, long: 1 })
          ) {
            const where = `${path} byte ${byte}`
            const disk = copyOf(files)
            disk.flip(path, byte, byte % 8)
            const damaged = disk.files().get(path) as Uint8Array
            const exit = yield* Effect.exit(
              withLog(disk, { ...options, repair: "quarantine" }, (log) =>
                Effect.gen(function* () {
                  const { lines } = contents(log)
                  const { cut, repaired } = log.recovery
                  assert.isTrue(cut !== undefined || repaired.length > 0, `${where}: nothing was told`)
                  if (path !== last) assert.isUndefined(cut, where)
                  const lost = repaired.flatMap(({ lost: gap }) =>
                    gap === undefined
                      ? []
                      : Array.from(
                          { length: gap.lastSequence - gap.firstSequence + 1 },
                          (_, i) => gap.firstSequence + i
                        )
                  )
                  for (const [n, line] of all) {
                    if (n >= log.endSequence) continue
                    assert.strictEqual(
                      lines.get(n),
                      lost.includes(n) ? undefined : line,
                      `${where}, record ${n}`
                    )
                  }
                  assert.isAtMost(lost.length, 12, where)
                  gaps += lost.length > 0 ? 1 : 0
                  for (const { copy, file, from, to } of repaired)
                    if (copy !== undefined && file === path)
                      assert.deepStrictEqual(disk.files().get(copy), damaged.slice(from, to), where)
                  yield* log.durable(log.append(recordOf(99)))
                  return { lines: linesIn(log), repaired }
                })
              )
            )
            if (Exit.isFailure(exit)) assert.fail(`${where}: ${exit.cause}`)
            // Repaired is repaired: it opens without it, with the same records.
            const again = yield* withLog(disk, options, (log) =>
              Effect.sync(() => ({ lines: linesIn(log), report: log.recovery }))
            )
            assert.deepStrictEqual(again.lines, exit.value.lines, where)
            assert.deepStrictEqual(again.report.repaired, [])
          }
        }
        assert.isAbove(gaps, 200 / count({ quick: 5, long: 1 }))
      })
  )

  it.effect("a missing segment is a gap too", () =>
    Effect.gen(function* () {
      const files = new Map((yield* whole).files())
      const middle = logs(files)[1] as string
      files.delete(middle)
      files.delete(middle.replace(".log", ".idx"))
      const disk = copyOf(files)
      const first = Number(middle.slice(-24, -4))
      const next = Number((logs(files)[1] as string).slice(-24, -4))
      yield* withLog(disk, { ...options, repair: "quarantine" }, (log) =>
        Effect.sync(() => {
          assert.deepStrictEqual(
            log.recovery.repaired.map(({ copy, lost }) => [copy, lost]),
            [[undefined, { firstSequence: first, lastSequence: next - 1 }]]
          )
          assert.strictEqual(linesIn(log).size, 30 - (next - first))
        })
      )
    })
  )

  it.effect("subjects whose names were lost are never guessed", () =>
    Effect.gen(function* () {
      const files = new Map((yield* whole).files())
      const path = logs(files)[0] as string
      // Without its index nobody knows the names; the first batch of the segment gives them.
      files.delete(path.replace(".log", ".idx"))
      const disk = copyOf(files)
      disk.flip(path, 64 + 66, 0)
      yield* withLog(disk, { ...options, repair: "quarantine" }, (log) =>
        Effect.sync(() => {
          const lines = linesIn(log)
          for (const [n, line] of lines)
            assert.strictEqual(line.split("|")[2], recordOf(n).subject ?? "", `${n}`)
          assert.isAbove(30 - lines.size, 3)
        })
      )
    })
  )

  it.effect("dying at each change of a repair, the next one ends with the same records", () =>
    Effect.gen(function* () {
      const files = (yield* whole).files()
      const path = logs(files)[1] as string
      const image = copyOf(files)
      image.flip(path, 300, 1)
      const open = (disk: SimFs) =>
        withLog(disk, { ...options, repair: "quarantine" }, (log) => Log.attempt(() => linesIn(log)))
      const undisturbed = image.clone(1)
      const expected = yield* open(undisturbed)
      assert.isBelow(expected.size, 30)
      for (let crashAt = 1; crashAt <= undisturbed.changes; crashAt++) {
        const disturbed = image.clone(1, { crashAt })
        yield* Effect.exit(open(disturbed))
        assert.deepStrictEqual(yield* open(disturbed.powerCut(crashAt)), expected, `killed at ${crashAt}`)
      }
      for (let failAt = 1; failAt <= undisturbed.calls; failAt++) {
        const disturbed = image.clone(1, { failAt, code: "EIO" })
        const exit = yield* Effect.exit(open(disturbed))
        if (Exit.isFailure(exit))
          assert.isTrue(
            exit.cause.reasons.every((r) => r._tag === "Fail" && r.error._tag === "LogFailed"),
            `EIO at ${failAt}: ${exit.cause}`
          )
        assert.deepStrictEqual(yield* open(disturbed.processKilled(failAt)), expected, `EIO at ${failAt}`)
      }
    })
  )
})

describe("repair: { fetch }", () => {
  it.effect(
    "fetchFrom takes the range from the files in another directory, and dies whole at any change",
    () =>
      Effect.gen(function* () {
        const files = (yield* whole).files()
        const path = logs(files)[1] as string
        const image = copyOf(files)
        image.makeDirectory("/replica")
        for (const [name, bytes] of files) image.put(name.replace(directory, "/replica"), bytes)
        image.flip(path, 200, 0)
        image.flip(path, 400, 0)
        const open = (disk: SimFs) =>
          withLog(disk, { ...options, repair: fetchFrom("/replica") }, (log) =>
            Log.attempt(() => ({ lines: linesIn(log), repaired: log.recovery.repaired.length }))
          )
        const undisturbed = image.clone(1)
        assert.isAbove((yield* open(undisturbed)).repaired, 0)
        assert.deepStrictEqual(undisturbed.files().get(path), files.get(path))
        for (let crashAt = 1; crashAt <= undisturbed.changes; crashAt++) {
          const disturbed = image.clone(1, { crashAt })
          yield* Effect.exit(open(disturbed))
          const after = disturbed.powerCut(crashAt)
          assert.strictEqual((yield* open(after)).lines.size, 30, `killed at ${crashAt}`)
          assert.deepStrictEqual(after.files().get(path), files.get(path), `killed at ${crashAt}`)
        }
        const nowhere = yield* Effect.flip(
          withLog(image.clone(1), { ...options, repair: fetchFrom("/nowhere") }, () => Effect.void)
        )
        assert.strictEqual(nowhere._tag, "LogCorrupt")
      })
  )

  it.effect("of any flipped byte and any length: the files are what they were, byte for byte", () =>
    Effect.gen(function* () {
      const files = (yield* whole).files()
      const random = seeded(firstSeed())
      const last = logs(files).at(-1)
      for (const path of logs(files)) {
        if (path === last) continue
        const bytes = files.get(path) as Uint8Array
        for (let byte = 0; byte < bytes.length; byte += count({ quick: 7, long: 1 })) {
          const end = Math.min(bytes.length, byte + 1 + Math.floor(random() * 200))
          const variants = {
            flipped: bytes.map((b, i) => (i === byte ? b ^ 4 : b)),
            zeroed: bytes.map((b, i) => (i >= byte && i < end ? 0 : b)),
            short: bytes.slice(0, Math.max(64, byte)),
            long: new Uint8Array([...bytes, ...new Uint8Array(byte)])
          }
          for (const [what, content] of Object.entries(variants)) {
            const where = `TROUPE_SEED=${firstSeed()}: ${path} ${what} at ${byte}`
            const disk = copyOf(new Map([...files, [path, content]]))
            const asked: Array<DamagedRange> = []
            yield* withLog(disk, { ...options, repair: replica(files, asked) }, (log) =>
              Effect.sync(() => {
                assert.strictEqual(linesIn(log, 100_000).size, 30, where)
                assert.deepStrictEqual(
                  log.recovery.repaired.map((r) => [r.file, r.lost]),
                  asked.map((r) => [r.file, undefined]),
                  where
                )
              })
            ).pipe(Effect.catchCause((cause) => Effect.sync(() => assert.fail(`${where}: ${cause}`))))
            assert.deepStrictEqual(disk.files(), files, where)
          }
        }
      }
    })
  )

  it.effect(
    "a replica that has the same damage, or none of it, is no help: refused, nothing changed but by the replica",
    () =>
      Effect.gen(function* () {
        const files = (yield* whole).files()
        const path = logs(files)[0] as string
        const disk = copyOf(files)
        disk.flip(path, 200, 0)
        const same = disk.files()
        const error = yield* Effect.flip(
          withLog(disk, { ...options, repair: replica(same) }, () => Effect.void)
        )
        assert.strictEqual(error._tag === "LogCorrupt" && error.file, path)
        const gone = { fetch: () => Effect.fail("nobody home") }
        const failed = yield* Effect.flip(withLog(disk, { ...options, repair: gone }, () => Effect.void))
        assert.include(failed.message, "nobody home")
        assert.deepStrictEqual(disk.files().get(path), same.get(path))
      })
  )

  it.effect(
    "an undamaged log asks for nothing and is not changed; without repair damage is refused with all three exits",
    () =>
      Effect.gen(function* () {
        const files = (yield* whole).files()
        const disk = copyOf(files)
        const asked: Array<DamagedRange> = []
        yield* withLog(disk, { ...options, repair: replica(files, asked) }, () => Effect.void)
        yield* withLog(disk, { ...options, repair: "quarantine" }, () => Effect.void)
        assert.deepStrictEqual(asked, [])
        assert.deepStrictEqual(disk.files(), files)
        const bare = copyOf(
          new Map(
            [...files].filter(([path]) => path !== `${directory}/${segmentName(1)}`.replace(".log", ".idx"))
          )
        )
        bare.flip(`${directory}/${segmentName(1)}`, 300, 1)
        const error = yield* Effect.flip(withLog(bare, options, () => Effect.void))
        for (const exit of ["quarantine", "fetch", "openReadOnly"]) assert.include(error.message, exit)
        assert.strictEqual(error._tag, "LogCorrupt")
      })
  )
})
