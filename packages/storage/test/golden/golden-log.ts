import * as Effect from "effect/Effect"
import { SimFs } from "../../src/disk/SimFs.ts"
import { ensureDirectory } from "../../src/disk/WholeFile.ts"
import { LogWriter } from "../../src/log/LogWriter.ts"
import { directory, recordOf, withLog } from "../sim-log.ts"

/** How many records the golden log has. */
export const goldenRecords = 40

/**
 * Writes the golden log: two sealed segments and the last one, every column, an atomic batch, controls, more subjects in
 * one batch than rows in another. The same code must make the same bytes for ever.
 */
export const writeGoldenLog = (): ReadonlyMap<string, Uint8Array> => {
  const fs = new SimFs(1)
  ensureDirectory(fs, directory)
  const shape = {
    directory,
    segmentBytes: 1400,
    segmentMillis: Number.POSITIVE_INFINITY,
    room: { records: 6, valueBytes: 4096, heapBytes: 1024 },
    indexSpacing: 256,
    preallocateBytes: 0
  }
  const writer = new LogWriter(fs, shape, [], { low: 0x01020304, high: 0xa0b0c0d0 }, 1_700_000_000_000)
  for (let n = 1; n <= goldenRecords; ) {
    if (n % 9 === 0) writer.appendControl({ value: new TextEncoder().encode(`control ${n}`), timeMillis: n })
    if (n % 7 === 0 && n + 3 <= goldenRecords) {
      writer.appendBatch([recordOf(n), recordOf(n + 1), recordOf(n + 2), recordOf(n + 3)])
      n += 4
    } else {
      writer.append(recordOf(n))
      n += 1
    }
    if (n % 5 === 0) writer.write()
  }
  writer.close()
  return fs.files()
}

/** Records that were deleted from the middle of the golden log before it was compacted, and after. */
export const goldenDeletes = { before: [3, 4, 15], after: [21, 36] } as const

/** A disk with these files. */
export const diskOf = (files: ReadonlyMap<string, Uint8Array>): SimFs => {
  const fs = new SimFs(1)
  ensureDirectory(fs, directory)
  for (const [path, bytes] of files) fs.put(path, bytes)
  return fs
}

/** The golden log with deletes and a compaction: rewritten segments, gaps, a state file, deletes that are only noted yet. */
export const writeCompactedGoldenLog = (
  golden: ReadonlyMap<string, Uint8Array>
): Effect.Effect<ReadonlyMap<string, Uint8Array>, unknown> =>
  Effect.gen(function* () {
    const fs = diskOf(golden)
    yield* withLog(fs, { durability: "disk", segmentBytes: 1400, indexBytes: 256 }, (log) =>
      Effect.gen(function* () {
        for (const sequence of goldenDeletes.before) log.deleteRecords(sequence)
        yield* log.roll
        yield* log.compact({ tombstoneMillis: 1 })
        log.append(recordOf(goldenRecords + 1))
        for (const sequence of goldenDeletes.after) log.deleteRecords(sequence)
        yield* log.roll
      })
    )
    return fs.files()
  })
