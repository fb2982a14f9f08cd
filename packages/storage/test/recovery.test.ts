import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SimFs } from "../src/disk/SimFs.ts"
import { crc32c } from "../src/log/Crc32c.ts"
import { cutName, indexName, segmentName } from "../src/log/LogFiles.ts"
import { decodeSegmentHeader, encodeSegmentHeader, segmentHeaderAt } from "../src/log/SegmentHeader.ts"
import { Log, LogUnsupported } from "../src/log.ts"
import { directory, lineOf, linesIn, recordOf, withLog } from "./sim-log.ts"

const options = { durability: "os", batchBytes: 4096 } as const

/** The files of a log that nobody closed: one batch a record, nothing of it synced, and where each batch begins. */
const unclosed = (records: number, segmentBytes = 1 << 20) =>
  Effect.gen(function* () {
    const fs = new SimFs(1)
    const positions: Array<number> = []
    const files = yield* withLog(fs, { ...options, segmentBytes }, (log) =>
      Effect.gen(function* () {
        for (let n = 1; n <= records; n++) {
          positions.push(log.bytes)
          // No subjects: each record is one batch and nothing else.
          log.append({ ...recordOf(n), subject: undefined })
          yield* log.flush
        }
        // As the process left them, before the scope closes the log.
        return new Map(fs.files())
      })
    )
    return { files, positions }
  })

const lines = (records: number): Map<number, string> =>
  new Map(
    Array.from({ length: records }, (_, i) => [i + 1, lineOf({ ...recordOf(i + 1), subject: undefined })])
  )

const diskOf = (files: ReadonlyMap<string, Uint8Array>): SimFs => {
  const disk = new SimFs(1)
  disk.makeDirectory("/data")
  disk.makeDirectory(directory)
  for (const [path, bytes] of files) disk.put(path, bytes)
  return disk
}

const at = (name: string): string => `${directory}/${name}`
const first = at(segmentName(1))

/** What opening finds: the records and the report. */
const opened = (disk: SimFs) =>
  withLog(disk, options, (log) => Effect.sync(() => ({ lines: linesIn(log), report: log.recovery })))

/** The files of a log that was closed: all of it synced. */
const closed = (records: number, segmentBytes: number) =>
  Effect.gen(function* () {
    const { files } = yield* unclosed(records, segmentBytes)
    const disk = diskOf(files)
    yield* opened(disk)
    return disk.files()
  })

/** The same files, with one of them changed. */
const changed = (
  files: ReadonlyMap<string, Uint8Array>,
  path: string,
  change: (bytes: Uint8Array) => Uint8Array
) => new Map([...files].map(([name, bytes]) => [name, name === path ? change(bytes.slice()) : bytes]))

describe("recovery of an unsynced end", () => {
  it.effect("a process that ended without closing lost nothing that was written", () =>
    Effect.gen(function* () {
      const { files } = yield* unclosed(6)
      const found = yield* opened(diskOf(files))
      assert.deepStrictEqual(found.lines, lines(6))
      assert.deepStrictEqual(found.report, { cut: undefined, rebuiltIndexes: [], repaired: [] })
    })
  )

  it.effect("cut at any byte, the log is the batches before it, and says what it cut", () =>
    Effect.gen(function* () {
      const { files, positions } = yield* unclosed(4)
      const whole = (files.get(first) as Uint8Array).length
      for (let size = 64; size < whole; size++) {
        const disk = diskOf(changed(files, first, (bytes) => bytes.slice(0, size)))
        const found = yield* opened(disk)
        const kept = positions.filter((_, i) => (positions[i + 1] ?? whole) <= size).length
        assert.deepStrictEqual(found.lines, lines(kept), `cut at ${size}`)
        const end = positions[kept] ?? whole
        const cut = size === end ? undefined : { file: first, from: end, bytes: size - end, copies: [] }
        assert.deepStrictEqual(found.report.cut, cut, `cut at ${size}`)
      }
    })
  )

  it.effect("a write that is missing below later ones is cut with them, and a copy is kept", () =>
    Effect.gen(function* () {
      const { files, positions } = yield* unclosed(6)
      const from = positions[2] as number
      for (const [what, change] of [
        ["zeroes", (bytes: Uint8Array) => bytes.fill(0, from, positions[3])],
        ["a torn header", (bytes: Uint8Array) => bytes.fill(0, from, from + 32)],
        ["a torn body", (bytes: Uint8Array) => bytes.fill(0, from + 70, positions[3])]
      ] as const) {
        const damaged = changed(files, first, change)
        const disk = diskOf(damaged)
        const found = yield* opened(disk)
        assert.deepStrictEqual(found.lines, lines(2), what)
        const copy = at(cutName(1, from, 0))
        const content = damaged.get(first) as Uint8Array
        assert.deepStrictEqual(
          found.report.cut,
          { file: first, from, bytes: content.length - from, copies: [copy] },
          what
        )
        assert.deepStrictEqual(disk.files().get(copy), content.slice(from), what)
        // The next crash at the same place keeps its own copy.
        const again = diskOf(new Map([...disk.files(), [first, content]]))
        assert.deepStrictEqual((yield* opened(again)).report.cut?.copies, [at(cutName(1, from, 1))], what)
      }
    })
  )

  it.effect("zeroes to the end are no batches: they go without a word", () =>
    Effect.gen(function* () {
      const { files } = yield* unclosed(3)
      const disk = diskOf(
        changed(files, first, (bytes) => new Uint8Array([...bytes, ...new Uint8Array(5000)]))
      )
      const found = yield* opened(disk)
      assert.deepStrictEqual(found.lines, lines(3))
      assert.isUndefined(found.report.cut)
      yield* withLog(disk, options, (log) => log.durable(log.append(recordOf(4))))
      assert.strictEqual((yield* opened(disk)).lines.size, 4)
    })
  )

  it.effect(
    "a torn end with a later segment after it: both go, and a copy of what held records is kept",
    () =>
      Effect.gen(function* () {
        const { files } = yield* unclosed(12, 400)
        const segments = [...files.keys()]
        assert.isTrue(
          segments.length >= 4 && segments.every((path) => path.endsWith(".log")),
          "a seal proves a sync"
        )
        const middle = segments[1] as string
        const torn = changed(files, middle, (bytes) => bytes.slice(0, bytes.length - 9))
        const disk = diskOf(torn)
        const found = yield* opened(disk)
        const next = Number(segments[2]?.slice(-24, -4))
        assert.deepStrictEqual(found.lines, lines(next - 2))
        const copies = found.report.cut?.copies ?? []
        for (const path of segments.slice(2)) {
          assert.isFalse(disk.files().has(path), "a later segment is gone")
          const held = torn.get(path) as Uint8Array
          const copy = at(cutName(Number(path.slice(-24, -4)), 0, 0))
          if (held.length > 64) assert.deepStrictEqual(disk.files().get(copy), held)
          assert.strictEqual(copies.includes(copy), held.length > 64)
        }
        assert.strictEqual(
          copies.length,
          segments.length - 1 - (torn.get(segments.at(-1) as string)?.length === 64 ? 1 : 0)
        )
      })
  )
})

describe("a segment that was begun, with its header not synced yet", () => {
  for (const [what, tear] of [
    ["no bytes", () => new Uint8Array(0)],
    ["zeroes", (bytes: Uint8Array) => bytes.fill(0)],
    ["half a header", (bytes: Uint8Array) => bytes.slice(0, 32)],
    ["a header that is not there, and batches after it", (bytes: Uint8Array) => bytes.fill(0, 0, 64)]
  ] as const) {
    it.effect(`goes when the segment before it has no index: ${what}`, () =>
      Effect.gen(function* () {
        const { files } = yield* unclosed(12, 400)
        const segments = [...files.keys()]
        const middle = segments[1] as string
        const torn = changed(files, middle, tear)
        const disk = diskOf(torn)
        const found = yield* opened(disk)
        const base = Number(middle.slice(-24, -4))
        assert.deepStrictEqual(found.lines, lines(base - 1))
        assert.isUndefined(disk.files().get(middle))
        const held = torn.get(middle) as Uint8Array
        const copy = at(cutName(base, 0, 0))
        assert.deepStrictEqual(disk.files().get(copy), held.length > 64 ? held : undefined)
        // And repair leaves it to recovery: nothing of it was acknowledged as synced.
        const repaired = yield* withLog(diskOf(torn), { ...options, repair: "quarantine" }, (log) =>
          Effect.sync(() => ({ lines: linesIn(log), repaired: log.recovery.repaired }))
        )
        assert.deepStrictEqual(repaired, { lines: lines(base - 1), repaired: [] })
      })
    )

    it.effect(`is damage when the segment before it has one: ${what}`, () =>
      Effect.gen(function* () {
        const files = yield* closed(12, 400)
        const last = [...files.keys()].filter((path) => path.endsWith(".log")).at(-1) as string
        const disk = diskOf(changed(files, last, tear))
        const before = disk.files()
        const error = yield* Effect.flip(opened(disk))
        assert.strictEqual(error._tag, "LogCorrupt")
        if (error._tag === "LogCorrupt") assert.strictEqual(error.file, last)
        assert.deepStrictEqual(disk.files(), before)
      })
    )
  }
})

describe("what is left over", () => {
  it.effect("half-replaced files and indexes without a segment are removed, other files are left alone", () =>
    Effect.gen(function* () {
      const { files } = yield* unclosed(3)
      const disk = diskOf(files)
      for (const name of [`${segmentName(9)}.tmp`, `${indexName(1)}.tmp`, indexName(500)])
        disk.put(at(name), new Uint8Array([1]))
      for (const name of ["lock", "notes.tmp", "1.log"]) disk.put(at(name), new Uint8Array([1]))
      assert.deepStrictEqual((yield* opened(disk)).lines, lines(3))
      const names = [...disk.files().keys()].map((path) => path.slice(directory.length + 1)).sort()
      assert.deepStrictEqual(names, [segmentName(1), "1.log", "lock", "notes.tmp"].sort())
    })
  )
})

describe("what this version must not touch", () => {
  it.effect(
    "another major version, another log's segment and a hole between segments are refused and left as they are",
    () =>
      Effect.gen(function* () {
        const files = yield* closed(12, 400)
        const segments = [...files.keys()].filter((path) => path.endsWith(".log"))
        assert.isAtLeast(segments.length, 3)
        const middle = segments[1] as string
        const hole = diskOf(new Map([...files].filter(([path]) => !path.startsWith(middle.slice(0, -4)))))
        const error = yield* Effect.flip(opened(hole))
        assert.strictEqual(error._tag, "LogCorrupt")
        assert.include(error.message, "openReadOnly")
        assert.strictEqual(hole.changes, 2, "only the directories of the test were made")

        const newer = diskOf(
          changed(files, first, (bytes) => {
            const view = new DataView(bytes.buffer)
            view.setUint16(segmentHeaderAt.formatMajor, 2, true)
            view.setUint32(segmentHeaderAt.headerCrc, crc32c(bytes, 0, segmentHeaderAt.headerCrc), true)
            return bytes
          })
        )
        assert.instanceOf(yield* Effect.flip(opened(newer)), LogUnsupported)
        assert.strictEqual(newer.changes, 2)

        const foreign = diskOf(
          changed(files, middle, (bytes) => {
            const head = decodeSegmentHeader(bytes)
            if (head._tag !== "Valid") throw new Error("the test's own file is damaged")
            bytes.set(encodeSegmentHeader({ ...head.header, logId: { low: 1, high: 2 } }))
            return bytes
          })
        )
        const other = yield* Effect.flip(opened(foreign))
        assert.strictEqual(other._tag === "LogCorrupt" && other.file, middle)
        assert.strictEqual(foreign.changes, 2)
      })
  )

  it.effect("a directory that is no log is none to read", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Log.openReadOnly({ directory: "/does/not/exist" })))
      assert.strictEqual(error._tag === "LogFailed" && error.code, "ENOENT")
    })
  )
})
