import type { FileSystem } from "../disk/FileSystem.ts"
import { readWhole } from "../disk/WholeFile.ts"
import {
  type BatchHeader,
  batchHeaderAt,
  batchHeaderBytes,
  batchVersion,
  isBodyValid,
  readBatchHeader
} from "./BatchHeader.ts"
import { type BatchView, learnSubjects, viewBatch } from "./BatchView.ts"
import { FileWindow } from "./FileWindow.ts"
import { decodeIndexFile, generationIn } from "./IndexFile.ts"
import { LogCorrupt } from "./LogError.ts"
import { baseOfSegmentName, inDirectory, indexName, segmentName } from "./LogFiles.ts"
import { logIdSeed } from "./LogId.ts"
import { namesSubjects } from "./Segment.ts"
import { type SegmentHeader, segmentHeaderBytes } from "./SegmentHeader.ts"
import { SubjectDictionary } from "./SubjectDictionary.ts"
import { readSegmentHeader, surveyLog } from "./Survey.ts"

/** A stretch of a segment that is not what was written. */
export interface BadRange {
  /** Bytes of the file; none when a batch is missing without a trace. */
  readonly from: number
  readonly to: number
  /** The sequences that are not there because of it: from the first on, up to the second. */
  readonly firstSequence: number
  readonly nextSequence: number
}

/** A segment that has to be repaired. */
export interface DamagedSegment {
  readonly path: string
  /** As it is, or, where the header is damaged, as it must have been. */
  readonly header: SegmentHeader
  readonly isHeaderDamaged: boolean
  readonly bytes: number
  /** Bytes it should have, as far as is known. */
  readonly wholeBytes: number
  /** Names of its subjects, when a good index has them. */
  readonly subjects: SubjectDictionary | undefined
  /** Where the next segment begins, and what it names as the batch before; `undefined` in the last segment. */
  readonly next: { readonly baseSequence: number; readonly chain: number | undefined } | undefined
  readonly ranges: ReadonlyArray<BadRange>
}

/** A good batch of a damaged segment. */
export interface GoodBatch {
  readonly header: BatchHeader
  readonly batch: BatchView
}

interface Scanned {
  readonly ranges: ReadonlyArray<BadRange>
  readonly nextSequence: number
  readonly chain: number
}

/**
 * Looks at every byte of a log and says which segments have to be repaired. The end of the last segment is damage only when
 * recovery would refuse it: a torn end is recovery's.
 */
export const findDamage = (
  fs: FileSystem,
  directory: string,
  indexSpacing: number
): ReadonlyArray<DamagedSegment> => {
  const names = fs.list(directory) ?? []
  const named = names
    .map(baseOfSegmentName)
    .filter((base) => base !== undefined)
    .sort((a, b) => a - b)
  const heads = named.map((base) =>
    readSegmentHeader(fs, inDirectory(directory, segmentName(base)), base, undefined)
  )
  const known = heads.find((head) => !(head.header instanceof LogCorrupt))?.header
  if (known === undefined || known instanceof LogCorrupt) {
    const damage = heads[0]?.header
    if (damage instanceof LogCorrupt) throw damage
    return []
  }
  const seed = logIdSeed(known.logId)
  const found: Array<DamagedSegment> = []
  let coveredTo = 0
  let endChain = 0
  for (const [k, base] of named.entries()) {
    if (base < coveredTo) continue
    const path = inDirectory(directory, segmentName(base))
    const head = heads[k] as (typeof heads)[number]
    const isHeaderDamaged = head.header instanceof LogCorrupt
    // A header that was good a moment ago and is of another log is nothing that can be repaired.
    const indexBytes = names.includes(indexName(base))
      ? readWhole(fs, inDirectory(directory, indexName(base)))
      : undefined
    const header = isHeaderDamaged
      ? madeUp(known, base, endChain, indexBytes)
      : (head.header as SegmentHeader)
    if (logIdSeed(header.logId) !== seed)
      throw new LogCorrupt({
        file: path,
        from: 0,
        to: segmentHeaderBytes,
        expected: "a segment of this log",
        found: "one of another log"
      })
    if (header.generation > 0) coveredTo = base + (header.rewrittenSpan ?? 0)
    const nextBase = named.find((other) => other > base && other >= coveredTo)
    const nextHead = nextBase === undefined ? undefined : heads[named.indexOf(nextBase)]?.header
    const next =
      nextBase === undefined
        ? undefined
        : {
            baseSequence: nextBase,
            chain:
              nextHead === undefined || nextHead instanceof LogCorrupt ? undefined : nextHead.previousChain
          }
    const index = indexBytes === undefined ? undefined : decodeIndexFile(indexBytes, path, header)
    const damaged = {
      path,
      header,
      isHeaderDamaged,
      bytes: head.fileBytes,
      wholeBytes: index?.size ?? (next === undefined ? head.fileBytes : 0xffff_ffff),
      subjects: index?.subjects,
      next
    }
    const scanned = scanSegment(fs, { ...damaged, ranges: [] }, () => {})
    endChain = header.generation > 0 ? (header.rewrittenTail ?? 0) : scanned.chain
    const follows = next?.chain === undefined || next.chain === endChain
    if (isHeaderDamaged && k > 0 && found.length === 0 && isCut(fs, directory, indexSpacing)) break
    const isWrong =
      next === undefined
        ? isHeaderDamaged || (found.length === 0 && isRefused(fs, directory, indexSpacing, path))
        : isHeaderDamaged || scanned.ranges.length > 0 || !follows
    if (isWrong) found.push({ ...damaged, ranges: scanned.ranges })
    endChain = next?.chain ?? endChain
  }
  return found
}

/** Whether recovery would cut the end of the log: with it goes a segment that was begun and whose header was not synced. */
const isCut = (fs: FileSystem, directory: string, indexSpacing: number): boolean => {
  const { stop } = surveyLog(fs, directory, indexSpacing)
  return stop !== undefined && stop.decision !== "refuse"
}

/** Whether recovery refuses the log because of this file. */
const isRefused = (fs: FileSystem, directory: string, indexSpacing: number, path: string): boolean => {
  const { stop } = surveyLog(fs, directory, indexSpacing)
  return stop?.decision === "refuse" && stop.damage.file === path
}

/** A header from what the other segments and the index tell. */
const madeUp = (
  known: SegmentHeader,
  baseSequence: number,
  previousChain: number,
  index: Uint8Array | undefined
): SegmentHeader => {
  const generation = index === undefined ? 0 : generationIn(index)
  const header = { ...known, baseSequence, previousChain, generation, rewrittenSpan: 0, rewrittenTail: 0 }
  const indexed = index === undefined ? undefined : decodeIndexFile(index, "", header)
  if (indexed === undefined) return { ...header, generation: 0 }
  return generation === 0 ? header : { ...header, rewrittenSpan: indexed.nextSequence - baseSequence }
}

/** Calls `visit` with each good batch of a segment, in order, and answers what lies between them. */
export const scanSegment = (
  fs: FileSystem,
  damaged: DamagedSegment,
  visit: (good: GoodBatch) => void
): Scanned => {
  const { header: segment, next } = damaged
  const end = next?.baseSequence ?? Number.POSITIVE_INFINITY
  const file = fs.open(damaged.path, "read")
  try {
    const window = new FileWindow(fs, file, damaged.bytes)
    const ranges: Array<BadRange> = []
    const learned = damaged.subjects ?? new SubjectDictionary()
    let position = segmentHeaderBytes
    let sequence = segment.baseSequence
    let chain: number | undefined = damaged.isHeaderDamaged ? undefined : segment.previousChain
    while (position < damaged.bytes) {
      const found = nextGood(window, position, {
        sequence,
        end,
        seed: logIdSeed(segment.logId),
        chain,
        names: damaged.subjects ?? learned,
        // Without an index, a name that was lost shifts the numbers of all subjects after it.
        afterDamage: damaged.subjects ?? (ranges.length === 0 ? undefined : noNames)
      })
      if (found === undefined) break
      const { good, at } = found
      const { header } = good
      if (
        at !== position ||
        header.baseSequence !== sequence ||
        (chain !== undefined && header.chain !== chain)
      )
        ranges.push({ from: position, to: at, firstSequence: sequence, nextSequence: header.baseSequence })
      if (damaged.subjects === undefined && namesSubjects(header)) learnSubjects(good.batch, header, learned)
      visit(good)
      position = at + header.length
      sequence = header.baseSequence + header.span
      chain = header.headerCrc
    }
    if (position < damaged.bytes || (next !== undefined && sequence < end))
      ranges.push({
        from: position,
        to: damaged.bytes,
        firstSequence: sequence,
        nextSequence: next === undefined ? sequence : end
      })
    return { ranges, nextSequence: sequence, chain: chain ?? segment.previousChain }
  } finally {
    fs.close(file)
  }
}

const noNames = new SubjectDictionary()

/** The first good batch at or after a place that does not come before `sequence` nor go past `end`. */
const nextGood = (
  window: FileWindow,
  from: number,
  wanted: {
    readonly sequence: number
    readonly end: number
    readonly seed: number
    readonly chain: number | undefined
    readonly names: SubjectDictionary
    /** Names for batches that do not follow at once; `undefined` while nothing was passed over. */
    readonly afterDamage: SubjectDictionary | undefined
  }
): { readonly good: GoodBatch; readonly at: number } | undefined => {
  for (let position = from; position + batchHeaderBytes <= window.size; position += 8) {
    const head = window.locate(position, batchHeaderBytes)
    if (head < 0) return undefined
    if (window.bytes[head + batchHeaderAt.version] !== batchVersion) continue
    const header = readBatchHeader(window.bytes, window.view, head, wanted.seed)
    if (header === undefined) continue
    if (header.baseSequence < wanted.sequence || header.baseSequence + header.span > wanted.end) continue
    const at = window.locate(position, header.length)
    if (at < 0 || !isBodyValid(window.bytes, at, header)) continue
    const follows =
      position === from &&
      header.baseSequence === wanted.sequence &&
      (wanted.chain === undefined || header.chain === wanted.chain)
    const names = follows && wanted.afterDamage === undefined ? wanted.names : (wanted.afterDamage ?? noNames)
    const batch = viewBatch(window.bytes, window.view, at, header, names, 0)
    if (typeof batch === "string" || (names === noNames && hasSubjects(batch))) continue
    return { good: { header, batch }, at: position }
  }
  return undefined
}

const hasSubjects = (batch: BatchView): boolean => batch.subjectIds?.some((id) => id > 0) === true
