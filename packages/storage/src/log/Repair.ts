import * as Effect from "effect/Effect"
import { FileSystem } from "../disk/FileSystem.ts"
import { readFully, replaceFile } from "../disk/WholeFile.ts"
import { controlKindOf, isControl } from "./BatchHeader.ts"
import { isKeptControl } from "./CompactionPlan.ts"
import { type BadRange, type DamagedSegment, findDamage, scanSegment } from "./DamageScan.ts"
import { attempt } from "./LogAttempt.ts"
import { LogCorrupt, type LogError } from "./LogError.ts"
import { inDirectory, quarantineName, segmentName } from "./LogFiles.ts"
import { segmentHeaderBytes } from "./SegmentHeader.ts"
import { SegmentRewrite } from "./SegmentRewrite.ts"

/** A range of a segment's file to fetch from a replica or a backup: there it is byte for byte what it was here. */
export interface DamagedRange {
  /** The damaged file, and the first sequence of its segment: the number in its name. */
  readonly file: string
  readonly segment: number
  readonly from: number
  /** The byte after it. Fewer bytes may be answered where the file there ends before. */
  readonly to: number
}

/**
 * What to do about damage below the synced line. `"quarantine"`: the damaged range goes into a `.bad` file beside the log
 * and the records it held are a gap. `fetch`: the range is put there again from a replica of the same log.
 */
export type Repair =
  | "quarantine"
  | { readonly fetch: (range: DamagedRange) => Effect.Effect<Uint8Array, unknown> }

/** Repairs from the files of a replica, a backup or an archive in a directory: those of the same log, as they were copied. */
export const fetchFrom = (directory: string): Repair => ({
  fetch: ({ from, segment, to }) =>
    Effect.flatMap(FileSystem, (fs) =>
      attempt("fetch", directory, () => {
        const file = fs.open(inDirectory(directory, segmentName(segment)), "read")
        try {
          const bytes = new Uint8Array(Math.max(0, Math.min(to, fs.size(file)) - from))
          return bytes.subarray(0, readFully(fs, file, bytes, 0, bytes.length, from))
        } finally {
          fs.close(file)
        }
      })
    )
})

/** One range that was repaired. */
export interface Repaired {
  readonly file: string
  readonly from: number
  readonly to: number
  /** The sequences that are gone; none when the range was fetched, or held no records. */
  readonly lost: { readonly firstSequence: number; readonly lastSequence: number } | undefined
  /** The copy of the damaged bytes, when there are any. */
  readonly copy: string | undefined
}

/**
 * Reads every byte of a log and repairs what is damaged; answers what it did. Killed in the middle, the next run goes on.
 */
export const repairLog = Effect.fnUntraced(function* (
  fs: FileSystem,
  directory: string,
  indexSpacing: number,
  repair: Repair
): Effect.fn.Return<ReadonlyArray<Repaired>, LogError> {
  const repaired: Array<Repaired> = []
  const look = attempt("repair", directory, () => findDamage(fs, directory, indexSpacing))
  for (const segment of yield* look) {
    if (repair === "quarantine") {
      repaired.push(
        ...(yield* attempt("repair", segment.path, () => quarantine(fs, directory, segment, indexSpacing)))
      )
    } else repaired.push(...(yield* refetch(fs, segment, repair)))
  }
  if (repaired.length === 0) return repaired
  // The end of the log shows its damage only when what comes before is whole; and what was fetched has to be good.
  const left = yield* look
  const again = left[0]
  if (again === undefined) return repaired
  if (repair !== "quarantine" || repaired.some((one) => one.file === again.path))
    return yield* damageOf(again)
  return [...repaired, ...(yield* repairLog(fs, directory, indexSpacing, repair))]
})

const damageOf = (segment: DamagedSegment): LogCorrupt =>
  new LogCorrupt({
    file: segment.path,
    from: segment.isHeaderDamaged ? 0 : (segment.ranges[0]?.from ?? segment.bytes),
    to: segment.isHeaderDamaged ? segmentHeaderBytes : (segment.ranges[0]?.to ?? segment.bytes),
    expected: "what the replica has to be whole",
    found: "damage after the repair, too"
  })

const quarantine = (
  fs: FileSystem,
  directory: string,
  segment: DamagedSegment,
  indexSpacing: number
): ReadonlyArray<Repaired> => {
  const { header, next, path, ranges } = segment
  const all: ReadonlyArray<BadRange> = segment.isHeaderDamaged
    ? [
        {
          from: 0,
          to: Math.min(segmentHeaderBytes, segment.bytes),
          firstSequence: header.baseSequence,
          nextSequence: header.baseSequence
        },
        ...ranges
      ]
    : ranges
  const repaired = all.map(({ firstSequence, from, nextSequence, to }) => ({
    file: path,
    from,
    to,
    lost: nextSequence > firstSequence ? { firstSequence, lastSequence: nextSequence - 1 } : undefined,
    copy: to > from ? copyAside(fs, directory, segment, from, to) : undefined
  }))
  const { nextSequence, chain } = scanSegment(fs, segment, () => {})
  const end = next?.baseSequence ?? nextSequence
  // Nothing is left of it, and nothing comes after it.
  if (end === header.baseSequence) {
    fs.remove(path)
    fs.syncDirectory(directory)
    return repaired
  }
  const made = new SegmentRewrite(
    fs,
    directory,
    {
      ...header,
      generation: header.generation + 1,
      rewrittenSpan: end - header.baseSequence,
      rewrittenTail: next?.chain ?? chain
    },
    indexSpacing
  )
  try {
    scanSegment(fs, segment, (good) => {
      const { batch, header: of } = good
      if (!isControl(of)) {
        for (let row = 0; row < batch.count; row++) made.keep(batch, row)
        made.coverTo(of.baseSequence + of.span)
      } else if (isKeptControl(of)) made.keepControl(controlKindOf(of), batch)
    })
    made.finishNow()
    made.swap()
    made.settle()
  } finally {
    made.close()
  }
  return repaired
}

const refetch = Effect.fnUntraced(function* (
  fs: FileSystem,
  segment: DamagedSegment,
  repair: Extract<Repair, { readonly fetch: unknown }>
): Effect.fn.Return<ReadonlyArray<Repaired>, LogError> {
  const { path } = segment
  const ranges = [
    ...(segment.isHeaderDamaged ? [{ from: 0, to: segmentHeaderBytes }] : []),
    ...rangesToFetch(segment)
  ]
  const patches: Array<{ readonly from: number; readonly to: number; readonly bytes: Uint8Array }> = []
  for (const { from, to } of ranges) {
    const wanted = { file: path, segment: segment.header.baseSequence, from, to }
    const bytes = yield* Effect.mapError(
      repair.fetch(wanted),
      (cause) =>
        new LogCorrupt({
          file: path,
          from,
          to,
          expected: "the range from the replica",
          found: `a replica that failed: ${cause instanceof Error ? cause.message : String(cause)}`
        })
    )
    patches.push({ from, to, bytes })
  }
  yield* attempt("repair", path, () => patch(fs, segment, patches))
  return ranges.map(({ from, to }) => ({ file: path, from, to, lost: undefined, copy: undefined }))
})

/** Where a batch is missing without a trace all bytes after it are elsewhere: then the rest of the file is wanted. */
const rangesToFetch = (
  segment: DamagedSegment
): ReadonlyArray<{ readonly from: number; readonly to: number }> => {
  const whole = Math.max(segment.bytes, segment.wholeBytes)
  const missing = segment.ranges.findIndex(({ from, to }) => from === to && from < segment.bytes)
  const ranges = missing < 0 ? segment.ranges : segment.ranges.slice(0, missing + 1)
  return ranges.map(({ from, to }, k) => ({ from, to: k === missing || to >= segment.bytes ? whole : to }))
}

/** Puts bytes into a file by a replace. */
const patch = (
  fs: FileSystem,
  segment: DamagedSegment,
  patches: ReadonlyArray<{ readonly from: number; readonly to: number; readonly bytes: Uint8Array }>
): void => {
  const content = readRange(fs, segment.path, 0, segment.bytes)
  let whole: Uint8Array = content
  for (const { bytes, from, to } of patches) {
    const isEnd = to >= segment.bytes
    // What was cut off may be longer than what is there, what was added is dropped; a middle keeps its length.
    const length = isEnd ? from + bytes.length : whole.length
    const next = new Uint8Array(length)
    next.set(whole.subarray(0, length))
    next.set(isEnd ? bytes : bytes.subarray(0, to - from), from)
    whole = next
  }
  replaceFile(fs, segment.path, whole)
}

const readRange = (fs: FileSystem, path: string, from: number, to: number): Uint8Array => {
  const content = new Uint8Array(to - from)
  const file = fs.open(path, "read")
  try {
    readFully(fs, file, content, 0, content.length, from)
  } finally {
    fs.close(file)
  }
  return content
}

const copyAside = (
  fs: FileSystem,
  directory: string,
  segment: DamagedSegment,
  from: number,
  to: number
): string => {
  const base = segment.header.baseSequence
  const taken = fs.list(directory) ?? []
  let nth = 0
  while (taken.includes(quarantineName(base, from, nth))) nth++
  const path = inDirectory(directory, quarantineName(base, from, nth))
  replaceFile(fs, path, readRange(fs, segment.path, from, to))
  return path
}
