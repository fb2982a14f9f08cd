import type { FileSystem } from "../disk/FileSystem.ts"
import { readFully, readWhole } from "../disk/WholeFile.ts"
import { markDeleted } from "./DeleteNote.ts"
import { FileWindow } from "./FileWindow.ts"
import { decodeIndexFile } from "./IndexFile.ts"
import { LogCorrupt, LogUnsupported } from "./LogError.ts"
import {
  baseOfIndexName,
  baseOfSegmentName,
  inDirectory,
  indexName,
  isLeftover,
  segmentName,
  stateName
} from "./LogFiles.ts"
import { logIdSeed, logIdText } from "./LogId.ts"
import { decodeLogState, type LogState, noState } from "./LogState.ts"
import { type Decision, decide, type Finding } from "./RecoveryTable.ts"
import { Segment } from "./Segment.ts"
import { decodeSegmentHeader, type SegmentHeader, segmentHeaderBytes } from "./SegmentHeader.ts"
import { findDeletes, type LaterBatches, scanForBatches, type WalkEnd, walkSegment } from "./SegmentWalk.ts"

/** Where a survey found that the log does not go on as it should. */
export interface Stop {
  readonly decision: Exclude<Decision, "accept">
  /** How many segments stay; the last of them ends at its `size`. */
  readonly keep: number
  /** What is wrong there. */
  readonly damage: LogCorrupt
}

/** Everything a look at a log's directory tells, before anything is changed. */
export interface Survey {
  /** In order; after a `stop`, those from `stop.keep` on were not walked. */
  readonly segments: ReadonlyArray<Segment>
  /** Bytes in the file of each segment. */
  readonly fileBytes: ReadonlyArray<number>
  readonly stop: Stop | undefined
  /** Index files that were missing or damaged, by their sequence. */
  readonly unindexed: ReadonlyArray<number>
  /** Names of half-replaced files, of indexes without a segment, and of segments that a rewritten one has taken in. */
  readonly leftovers: ReadonlyArray<string>
  /** What is kept beside the segments; the deletes are in the segments. */
  readonly state: LogState
  /** True when the state file was damaged. */
  readonly lostState: boolean
}

/**
 * Reads a log's directory and decides by the recovery table how far it is good. Changes nothing; throws `LogError`.
 * Without `readIndexes` every byte is looked at.
 */
export const surveyLog = (
  fs: FileSystem,
  directory: string,
  indexSpacing: number,
  readIndexes = true
): Survey => {
  const names = fs.list(directory) ?? []
  const named = names
    .map(baseOfSegmentName)
    .filter((base) => base !== undefined)
    .sort((a, b) => a - b)
  const bases: Array<number> = []
  const survey = { segments: [] as Array<Segment>, fileBytes: [] as Array<number> }
  const unindexed: Array<number> = []
  const heads: Array<SegmentHeader | LogCorrupt> = []
  const torn = new Map<Segment, LogCorrupt>()
  const indexedTo = Math.max(-1, ...names.map((name) => baseOfIndexName(name) ?? -1))
  let coveredTo = 0
  for (const base of named) {
    // Compaction puts several segments into one, and a crash came before the others were removed.
    if (base < coveredTo) continue
    bases.push(base)
    const path = inDirectory(directory, segmentName(base))
    const head = readSegmentHeader(fs, path, base, heads[0])
    survey.fileBytes.push(head.fileBytes)
    const before = survey.segments[survey.segments.length - 1]
    if (head.header instanceof LogCorrupt && head.isTorn && before !== undefined && base > indexedTo) {
      // It was begun and the segment before it is not sealed: its header need not have been synced. It follows nothing.
      const cut = new Segment(path, { ...before.header, baseSequence: base, previousChain: -1 }, indexSpacing)
      torn.set(cut, head.header)
      heads.push(cut.header)
      survey.segments.push(cut)
      continue
    }
    heads.push(head.header)
    if (head.header instanceof LogCorrupt) {
      bases.push(...named.filter((other) => other > base))
      break
    }
    if (head.header.generation > 0) coveredTo = base + (head.header.rewrittenSpan ?? 0)
    const sealed = readIndexes ? readIndex(fs, directory, names, base, path, head.header) : undefined
    const last = base === named[named.length - 1]
    if (sealed === undefined && (!last || names.includes(indexName(base)))) unindexed.push(base)
    survey.segments.push(sealed ?? new Segment(path, head.header, indexSpacing))
  }
  const broken = heads[heads.length - 1]
  const headerDamage = broken instanceof LogCorrupt ? broken : undefined
  if (headerDamage !== undefined && survey.segments.length === 0) throw headerDamage
  const leftovers = names.filter((name) => {
    const base = baseOfIndexName(name) ?? baseOfSegmentName(name)
    return isLeftover(name) || (base !== undefined && !bases.includes(base))
  })
  const deletes: Array<readonly [first: number, last: number]> = []
  const walked = walkAll(fs, survey.segments, survey.fileBytes, (first, last) => deletes.push([first, last]))
  const tornThere = walked === undefined ? undefined : torn.get(survey.segments[walked.keep] as Segment)
  const stop =
    walked?.decision === "refuse" && tornThere !== undefined ? { ...walked, damage: tornThere } : walked
  const { lostState, state } = readState(fs, directory, names, survey.segments)
  const kept = survey.segments.slice(0, stop?.keep)
  for (const segment of kept) {
    // What was walked has been heard.
    if (!segment.sealed || !segment.hasDeletes || segment.baseSequence < state.appliedTo) continue
    const found = withWindow(fs, segment, segment.size, (window) =>
      findDeletes(segment, window, logIdSeed(segment.header.logId), (first, last) =>
        deletes.push([first, last])
      )
    )
    if (!found)
      throw new LogCorrupt({
        file: segment.path,
        from: segmentHeaderBytes,
        to: segment.size,
        expected: "batches that say which records are deleted",
        found: "another checksum"
      })
  }
  for (const one of state.deleted) one.each((sequence) => markKept(kept, sequence, sequence))
  for (const [first, last] of deletes) markKept(kept, first, last)
  return {
    ...survey,
    unindexed,
    leftovers,
    state: { ...state, deleted: [] },
    lostState,
    // A segment's header is synced before the segment before it is sealed: then damage to it is no torn tail.
    stop:
      headerDamage === undefined || stop?.decision === "refuse"
        ? stop
        : { decision: "refuse", keep: stop?.keep ?? survey.segments.length, damage: headerDamage }
  }
}

/**
 * The header of a segment's file and its size; `LogCorrupt` instead where it is damaged, or of another log than `first`.
 * `isTorn`: the file is too short for a header or its checksum does not hold.
 */
export const readSegmentHeader = (
  fs: FileSystem,
  path: string,
  base: number,
  first: SegmentHeader | LogCorrupt | undefined
): { readonly header: SegmentHeader | LogCorrupt; readonly fileBytes: number; readonly isTorn: boolean } => {
  const file = fs.open(path, "read")
  try {
    const fileBytes = fs.size(file)
    const bytes = new Uint8Array(segmentHeaderBytes)
    const got = readFully(fs, file, bytes, 0, segmentHeaderBytes, 0)
    const damaged = (expected: string, found: string, isTorn = false) => ({
      header: new LogCorrupt({ file: path, from: 0, to: segmentHeaderBytes, expected, found }),
      fileBytes,
      isTorn
    })
    const result = decodeSegmentHeader(bytes.subarray(0, got))
    if (result._tag === "Unsupported") throw new LogUnsupported({ file: path, version: result.version })
    if (result._tag === "Damaged") return damaged(result.expected, result.found, true)
    const { header } = result
    if (header.baseSequence !== base) return damaged(`first sequence ${base}`, `${header.baseSequence}`)
    if (first !== undefined && !(first instanceof LogCorrupt)) {
      const [ours, theirs] = [logIdText(first.logId), logIdText(header.logId)]
      if (ours !== theirs) return damaged(`a segment of log ${ours}`, `one of log ${theirs}`)
    }
    return { header, fileBytes, isTorn: false }
  } finally {
    fs.close(file)
  }
}

/** Marks what there is of a range: the deleted records may be gone from the old end, or from the cut one. */
const markKept = (segments: ReadonlyArray<Segment>, first: number, last: number): void => {
  const from = Math.max(first, segments[0]?.baseSequence ?? 0)
  const to = Math.min(last, (segments[segments.length - 1]?.nextSequence ?? 0) - 1)
  if (from <= to) markDeleted(segments, from, to)
}

const readState = (
  fs: FileSystem,
  directory: string,
  names: ReadonlyArray<string>,
  segments: ReadonlyArray<Segment>
): { readonly state: LogState; readonly lostState: boolean } => {
  const logId = segments[0]?.header.logId
  if (!names.includes(stateName) || logId === undefined) return { state: noState, lostState: false }
  const state = decodeLogState(readWhole(fs, inDirectory(directory, stateName)), logId)
  return { state: state ?? noState, lostState: state === undefined }
}

const readIndex = (
  fs: FileSystem,
  directory: string,
  names: ReadonlyArray<string>,
  base: number,
  path: string,
  header: SegmentHeader
): Segment | undefined =>
  names.includes(indexName(base))
    ? decodeIndexFile(readWhole(fs, inDirectory(directory, indexName(base))), path, header)
    : undefined

const walkAll = (
  fs: FileSystem,
  segments: ReadonlyArray<Segment>,
  fileBytes: ReadonlyArray<number>,
  onDelete: (first: number, last: number) => void
): Stop | undefined => {
  for (const [k, segment] of segments.entries()) {
    const previous = segments[k - 1]
    if (previous !== undefined && !follows(previous, segment)) {
      return stopAt(fs, segments, fileBytes, k - 1, {
        _tag: "Bad",
        header: "bad",
        chain: "ok",
        body: "ok",
        expected: `batches up to sequence ${segment.baseSequence}, after batch ${segment.header.previousChain}`,
        found: `the end at sequence ${previous.nextSequence}, after batch ${previous.endChain}`,
        length: undefined
      })
    }
    if (segment.sealed) {
      if (segment.size === fileBytes[k]) continue
      const damage = new LogCorrupt({
        file: segment.path,
        from: Math.min(segment.size, fileBytes[k] as number),
        to: Math.max(segment.size, fileBytes[k] as number),
        expected: `${segment.size} bytes, as its index says`,
        found: `${fileBytes[k]} bytes`
      })
      return { decision: "refuse", keep: k, damage }
    }
    const end = withWindow(fs, segment, fileBytes[k] as number, (window) =>
      walkSegment(segment, window, logIdSeed(segment.header.logId), onDelete)
    )
    if (end._tag === "Unsupported") throw new LogUnsupported({ file: segment.path, version: end.version })
    if (end._tag === "Bad") return stopAt(fs, segments, fileBytes, k, end)
  }
  return undefined
}

const follows = (previous: Segment, segment: Segment): boolean =>
  segment.baseSequence === previous.nextSequence && segment.header.previousChain === previous.endChain

const stopAt = (
  fs: FileSystem,
  segments: ReadonlyArray<Segment>,
  fileBytes: ReadonlyArray<number>,
  k: number,
  end: Extract<WalkEnd, { readonly _tag: "Bad" }>
): Stop => {
  const segment = segments[k] as Segment
  const seed = logIdSeed(segment.header.logId)
  const sequence = segment.nextSequence
  const later: Array<LaterBatches> = segments.slice(k).map((s, i) => {
    // A batch with a wrong chain is itself one that came later than what is missing.
    const from = i > 0 ? segmentHeaderBytes : end.chain === "bad" ? segment.size : segment.size + 8
    return withWindow(fs, s, fileBytes[k + i] as number, (w) => scanForBatches(w, from, sequence, seed))
  })
  const count = later.reduce((sum, l) => sum + l.count, 0)
  const finding: Finding = {
    header: end.header,
    chain: end.chain,
    body: end.body,
    // A rewritten segment was synced before its name appeared.
    line: segments.slice(k).some((s) => s.sealed || s.header.generation > 0) ? "below" : "above",
    later: count === 0 ? "none" : later.some((l) => l.synced) ? "synced" : "unsynced"
  }
  const decision = decide(finding)
  if (decision === "accept") throw new Error("the recovery table accepts a bad batch")
  const damage = new LogCorrupt({
    file: segment.path,
    from: segment.size,
    to:
      end.length === undefined
        ? (fileBytes[k] as number)
        : Math.min(segment.size + end.length, fileBytes[k] as number),
    expected: end.expected,
    found: end.found
  })
  return { decision, keep: k + 1, damage }
}

const withWindow = <A>(
  fs: FileSystem,
  segment: Segment,
  bytes: number,
  use: (window: FileWindow) => A
): A => {
  const file = fs.open(segment.path, "read")
  try {
    return use(new FileWindow(fs, file, bytes))
  } finally {
    fs.close(file)
  }
}
