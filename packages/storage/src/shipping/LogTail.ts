import type { FileSystem } from "../disk/FileSystem.ts"
import { readFully, replaceFile } from "../disk/WholeFile.ts"
import { cutName, inDirectory, indexName, stateName } from "../log/LogFiles.ts"
import type { LogPoint } from "../log/LogPoint.ts"
import type { Segment } from "../log/Segment.ts"
import { segmentHeaderBytes } from "../log/SegmentHeader.ts"

/** The end of a log that was cut because the primary's history does not have it. */
export interface LostTail {
  /** Where the two histories part. */
  readonly point: LogPoint
  /** The first sequence that went, and the one after the last. */
  readonly fromSequence: number
  readonly toSequence: number
  /** Bytes that went, and the files that keep them. */
  readonly bytes: number
  readonly copies: ReadonlyArray<string>
}

/**
 * Cuts everything after `point` from closed segment files, keeping a copy. Newest first, so that whatever a crash leaves
 * reads as a log that still has some of its tail; doing it again ends in the same log. Throws what the disk throws.
 */
export const cutAfter = (
  fs: FileSystem,
  directory: string,
  segments: ReadonlyArray<Segment>,
  point: LogPoint
): LostTail => {
  const copies: Array<string> = []
  let bytes = 0
  const last = segments[segments.length - 1]
  forgetState(fs, directory)
  for (let k = segments.length - 1; k >= 0; k--) {
    const segment = segments[k] as Segment
    if (segment.baseSequence < point.segment) break
    const keep = segment.baseSequence === point.segment ? point.position : 0
    if (segment.size > Math.max(keep, segmentHeaderBytes)) {
      copies.push(copyAside(fs, directory, segment, keep))
      bytes += segment.size - Math.max(keep, segmentHeaderBytes)
    }
    removeIndex(fs, directory, segment)
    if (keep === 0) {
      fs.remove(segment.path)
      fs.syncDirectory(directory)
      continue
    }
    fs.syncDirectory(directory)
    truncateTo(fs, segment.path, keep)
  }
  return {
    point,
    fromSequence: point.sequence,
    toSequence: last?.nextSequence ?? point.sequence,
    bytes,
    copies
  }
}

/** Cuts what a segment's file has after the segment's last good batch, keeping a copy. Throws what the disk throws. */
export const keepAndCut = (fs: FileSystem, directory: string, segment: Segment): void => {
  copyAside(fs, directory, segment, segment.size)
  truncateTo(fs, segment.path, segment.size)
}

/** Removes whole segments, oldest first, so that what a crash leaves has no hole. Throws what the disk throws. */
export const removeAll = (fs: FileSystem, directory: string, segments: ReadonlyArray<Segment>): void => {
  forgetState(fs, directory)
  for (const segment of segments) {
    fs.remove(segment.path)
    removeIndex(fs, directory, segment)
    fs.syncDirectory(directory)
  }
}

/** What is kept beside the segments may tell of what is cut; the segments tell the rest again. */
const forgetState = (fs: FileSystem, directory: string): void => {
  if (!(fs.list(directory) ?? []).includes(stateName)) return
  fs.remove(inDirectory(directory, stateName))
  fs.syncDirectory(directory)
}

const removeIndex = (fs: FileSystem, directory: string, segment: Segment): void => {
  const name = indexName(segment.baseSequence)
  if ((fs.list(directory) ?? []).includes(name)) fs.remove(inDirectory(directory, name))
}

const truncateTo = (fs: FileSystem, path: string, size: number): void => {
  const file = fs.open(path, "write")
  try {
    fs.truncate(file, size)
    fs.sync(file)
  } finally {
    fs.close(file)
  }
}

const copyAside = (fs: FileSystem, directory: string, segment: Segment, from: number): string => {
  const file = fs.open(segment.path, "read")
  let content: Uint8Array
  try {
    content = new Uint8Array(fs.size(file) - from)
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
