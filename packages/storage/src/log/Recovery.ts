import type { FileSystem } from "../disk/FileSystem.ts"
import { readFully, replaceFile } from "../disk/WholeFile.ts"
import { encodeIndexFile } from "./IndexFile.ts"
import type { LogCorrupt } from "./LogError.ts"
import { cutName, inDirectory, indexName, stateName } from "./LogFiles.ts"
import type { LogState } from "./LogState.ts"
import type { Repaired } from "./Repair.ts"
import type { Segment } from "./Segment.ts"
import { segmentHeaderBytes } from "./SegmentHeader.ts"
import { type Survey, surveyLog } from "./Survey.ts"

/** What recovery changed when a log was opened. But for `repaired` nothing of it was acknowledged at class `disk`. */
export interface RecoveryReport {
  /** The end that was cut, if one was. */
  readonly cut:
    | {
        readonly file: string
        /** The byte from which on the file was cut. */
        readonly from: number
        /** Bytes that went, over all files. */
        readonly bytes: number
        /** Files that hold a copy of what was cut. */
        readonly copies: ReadonlyArray<string>
      }
    | undefined
  /** Index files that were lost or damaged, and the state file when it was: they were made anew from the segments. */
  readonly rebuiltIndexes: ReadonlyArray<string>
  /** What `repair` did about damage; nothing when it was not asked to. */
  readonly repaired: ReadonlyArray<Repaired>
}

/** A log as it is after recovery. */
export interface Recovered {
  readonly segments: Array<Segment>
  readonly state: LogState
  readonly report: RecoveryReport
}

/**
 * Brings a log's directory into the state that writing goes on from: applies the decision of the recovery table, syncs
 * what is kept, and writes missing indexes. Killed anywhere in the middle, the next run ends in the same state.
 * Throws `LogCorrupt` when synced bytes are damaged, and what the file system throws.
 */
export const recoverLog = (
  fs: FileSystem,
  directory: string,
  indexSpacing: number,
  repaired: ReadonlyArray<Repaired> = []
): Recovered => {
  const survey = surveyLog(fs, directory, indexSpacing)
  if (survey.stop?.decision === "refuse") throw survey.stop.damage
  for (const name of survey.leftovers) fs.remove(inDirectory(directory, name))
  const cut = survey.stop === undefined ? undefined : applyCut(fs, directory, survey)
  const segments = survey.segments.slice(0, survey.stop?.keep)
  const rebuiltIndexes: Array<string> = []
  // Read back is not synced: after a killed process all of it, names too, may still be in the page cache only.
  for (const segment of segments) if (!segment.sealed) syncFile(fs, segment.path)
  if (survey.lostState) {
    const path = inDirectory(directory, stateName)
    fs.remove(path)
    rebuiltIndexes.push(path)
  }
  fs.syncDirectory(directory)
  // Not before: an index says that the segment after it is there for good.
  for (const [k, segment] of segments.entries()) {
    if (segment.sealed) continue
    if (k === segments.length - 1 && (segment.header.generation === 0 || !segment.isWhole)) continue
    const path = inDirectory(directory, indexName(segment.baseSequence))
    replaceFile(fs, path, encodeIndexFile(segment))
    segment.sealed = true
    if (survey.unindexed.includes(segment.baseSequence)) rebuiltIndexes.push(path)
  }
  return { segments, state: survey.state, report: { cut, rebuiltIndexes, repaired } }
}

/** How far a log is good, without changing a byte of it: for readers in other processes and for a damaged log. */
export const surveyReadable = (
  fs: FileSystem,
  directory: string,
  indexSpacing: number
): { readonly segments: Array<Segment>; readonly damage: LogCorrupt | undefined } => {
  const { segments, stop } = surveyLog(fs, directory, indexSpacing)
  return {
    segments: segments.slice(0, stop?.keep),
    damage: stop?.decision === "refuse" ? stop.damage : undefined
  }
}

const applyCut = (fs: FileSystem, directory: string, survey: Survey): RecoveryReport["cut"] => {
  const stop = survey.stop as NonNullable<Survey["stop"]>
  const copies: Array<string> = []
  let bytes = 0
  // Newest first: whatever is left in the middle of this still reads as a log with a bad end.
  for (let k = survey.segments.length - 1; k >= stop.keep; k--) {
    const segment = survey.segments[k] as Segment
    const size = survey.fileBytes[k] as number
    if (size > segmentHeaderBytes) {
      copies.push(copyAside(fs, directory, segment, 0, size))
      bytes += size - segmentHeaderBytes
    }
    fs.remove(segment.path)
    fs.syncDirectory(directory)
  }
  const last = survey.segments[stop.keep - 1] as Segment
  const size = survey.fileBytes[stop.keep - 1] as number
  if (size > last.size) {
    if (stop.decision === "cutWithCopy") copies.push(copyAside(fs, directory, last, last.size, size))
    const file = fs.open(last.path, "write")
    try {
      fs.truncate(file, last.size)
      fs.sync(file)
    } finally {
      fs.close(file)
    }
    if (stop.decision !== "end") bytes += size - last.size
  }
  return bytes === 0 ? undefined : { file: last.path, from: last.size, bytes, copies }
}

const copyAside = (fs: FileSystem, directory: string, segment: Segment, from: number, to: number): string => {
  const content = new Uint8Array(to - from)
  const file = fs.open(segment.path, "read")
  try {
    readFully(fs, file, content, 0, content.length, from)
  } finally {
    fs.close(file)
  }
  const taken = fs.list(directory) ?? []
  let nth = 0
  while (taken.includes(cutName(segment.baseSequence, from, nth))) nth++
  const path = inDirectory(directory, cutName(segment.baseSequence, from, nth))
  replaceFile(fs, path, content)
  return path
}

const syncFile = (fs: FileSystem, path: string): void => {
  const file = fs.open(path, "write")
  try {
    fs.sync(file)
  } finally {
    fs.close(file)
  }
}
