import * as Effect from "effect/Effect"
import type { FileSystem } from "../disk/FileSystem.ts"
import { controlKind, controlKindOf, isControl } from "./BatchHeader.ts"
import {
  deletesOf,
  goneByKey,
  groupPlans,
  type IsGone,
  isKeptControl,
  onlyDeleted,
  planSegment,
  readKeys,
  type SegmentPlan
} from "./CompactionPlan.ts"
import { anyDeleted, eachDelete, isMostlyDeleted, markDeleted } from "./DeleteNote.ts"
import { isLogError, type LogError, logFailed } from "./LogError.ts"
import { inDirectory, indexName } from "./LogFiles.ts"
import type { LogReader } from "./LogReader.ts"
import type { Cleaned } from "./LogState.ts"
import type { LogWriter } from "./LogWriter.ts"
import type { Segment } from "./Segment.ts"
import { SegmentRewrite } from "./SegmentRewrite.ts"

const stretchBytes = 1024 * 1024
const cleanedMax = 64

/** What compaction works on. */
export interface Compactable {
  readonly fs: FileSystem
  readonly directory: string
  readonly reader: LogReader
  readonly writer: LogWriter
  readonly segmentBytes: number
  readonly indexSpacing: number
}

/** How to compact by key. */
export interface KeyCompaction {
  readonly nowMillis: number
  readonly tombstoneMillis: number
  readonly keysMax: number
  /** Segments with this sequence or a later one stay as they are. */
  readonly keepFrom: number
}

/** What a compaction did. */
export interface Compacted {
  /** Segments that were written anew, and how many there are in their place. */
  readonly segmentsBefore: number
  readonly segmentsAfter: number
  /** Records that went. */
  readonly records: number
  /** Bytes of files before and after, of the segments that were written anew. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Below this sequence at most one record of each key is left. */
  readonly cleanBelow: number
}

/** Keeps the last record of each key in the full segments; see `WritableLog.compact`. Everything deleted so far must be synced. */
export const compactByKey = Effect.fnUntraced(function* (
  log: Compactable,
  options: KeyCompaction
): Effect.fn.Return<Compacted, LogError> {
  const { reader, writer } = log
  const full = fullBelow(writer.segments, options.keepFrom)
  const deletes = deletesOf(full)
  const cleanBelow = writer.compacted[writer.compacted.length - 1]?.below ?? 0
  const dirty = full.filter((segment) => segment.nextSequence > cleanBelow)
  const { below, keys } = yield* inTurns(log, readKeys(reader, dirty, deletes, options.keysMax))
  const isGone = goneByKey(keys, writer.compacted, options.nowMillis, options.tombstoneMillis)
  const end = Math.max(below, cleanBelow)
  const plans: Array<SegmentPlan> = []
  for (const segment of full) {
    if (segment.baseSequence < end)
      plans.push(yield* inTurns(log, planSegment(reader, segment, deletes, isGone)))
  }
  const done = yield* rewriteAll(log, plans, isGone)
  if (end > cleanBelow || done.segmentsBefore > 0) {
    const { nowMillis, tombstoneMillis } = options
    const row = { below: end, atMillis: nowMillis }
    const cleaned = end > cleanBelow ? [...writer.compacted, row] : writer.compacted
    yield* attempted(log, () => writer.writeState(pruned(cleaned, nowMillis - tombstoneMillis)))
  }
  return { ...done, cleanBelow: end }
})

/** Writes the segments anew of which at least half is deleted. Everything deleted so far must be synced. */
export const reclaimDeleted = Effect.fnUntraced(function* (
  log: Compactable,
  keepFrom: number
): Effect.fn.Return<void, LogError> {
  const { reader, writer } = log
  const plans: Array<SegmentPlan> = []
  const full = fullBelow(writer.segments, keepFrom)
  const deletes = deletesOf(full)
  for (const segment of full) {
    plans.push(
      isMostlyDeleted(segment)
        ? yield* inTurns(log, planSegment(reader, segment, deletes, onlyDeleted))
        : { segment, deleted: undefined, dropped: 0, liveBytes: segment.size }
    )
  }
  const groups = groupPlans(plans, log.segmentBytes).filter((group) =>
    group.some(({ segment }) => isMostlyDeleted(segment))
  )
  // A plan that drops nothing has marks of records that are gone for long: they are taken off.
  for (const { deleted, dropped, segment } of plans)
    if (deleted !== undefined && dropped === 0)
      deleted.each((sequence) => segment.deleted?.remove(sequence, sequence))
  if (groups.length === 0) return
  yield* rewriteGroups(log, groups, onlyDeleted)
  yield* attempted(log, () => writer.writeState(writer.compacted))
})

/** Full segments, from the oldest on, that lie below `keepFrom`. */
const fullBelow = (segments: ReadonlyArray<Segment>, keepFrom: number): ReadonlyArray<Segment> => {
  const end = segments.findIndex((segment) => !segment.sealed || segment.nextSequence > keepFrom)
  return segments.slice(0, end < 0 ? segments.length - 1 : end)
}

/** Of the rows whose tombstones may go all but the last say nothing; a row too few only makes tombstones stay longer. */
const pruned = (cleaned: ReadonlyArray<Cleaned>, expiredMillis: number): ReadonlyArray<Cleaned> => {
  const old = cleaned.filter((row) => row.atMillis <= expiredMillis)
  return cleaned.slice(Math.max(0, old.length - 1)).slice(-cleanedMax)
}

const rewriteAll = (log: Compactable, plans: ReadonlyArray<SegmentPlan>, isGone: IsGone) =>
  rewriteGroups(log, groupPlans(plans, log.segmentBytes), isGone)

const rewriteGroups = Effect.fnUntraced(function* (
  log: Compactable,
  groups: ReadonlyArray<ReadonlyArray<SegmentPlan>>,
  isGone: IsGone
): Effect.fn.Return<Omit<Compacted, "cleanBelow">, LogError> {
  let done = { segmentsBefore: 0, segmentsAfter: 0, records: 0, bytesBefore: 0, bytesAfter: 0 }
  for (const group of groups) {
    const made = yield* rewrite(log, group, isGone)
    done = {
      segmentsBefore: done.segmentsBefore + group.length,
      segmentsAfter: done.segmentsAfter + 1,
      records: done.records + group.reduce((sum, plan) => sum + plan.dropped, 0),
      bytesBefore: done.bytesBefore + group.reduce((sum, plan) => sum + plan.segment.size, 0),
      bytesAfter: done.bytesAfter + made.size
    }
  }
  return done
})

/** Writes one segment in the place of a group and swaps it in. */
const rewrite = (
  log: Compactable,
  group: ReadonlyArray<SegmentPlan>,
  isGone: IsGone
): Effect.Effect<Segment, LogError> =>
  Effect.acquireUseRelease(
    attempted(log, () => begin(log, group)),
    (made) =>
      inTurns(log, copyKept(log, group, made, isGone)).pipe(
        Effect.andThen(
          Effect.callback<void, LogError>((resume) => {
            made.finish((error) =>
              resume(
                error === undefined
                  ? Effect.void
                  : Effect.fail(logFailed("compact", made.segment.path, error))
              )
            )
          })
        ),
        // Halfway through a swap only opening the log again finds out what the disk has.
        Effect.andThen(
          Effect.try({
            try: () => swap(log, group, made),
            catch: (cause) => log.writer.fail("compact", made.segment.path, cause)
          })
        )
      ),
    (made) => Effect.sync(() => made.close())
  )

const begin = (log: Compactable, group: ReadonlyArray<SegmentPlan>): SegmentRewrite => {
  const first = (group[0] as SegmentPlan).segment
  const last = (group[group.length - 1] as SegmentPlan).segment
  const header = {
    ...first.header,
    generation: Math.max(...group.map(({ segment }) => segment.header.generation)) + 1,
    rewrittenSpan: last.nextSequence - first.baseSequence,
    rewrittenTail: last.endChain
  }
  return new SegmentRewrite(log.fs, log.directory, header, log.indexSpacing)
}

function* copyKept(
  log: Compactable,
  group: ReadonlyArray<SegmentPlan>,
  made: SegmentRewrite,
  isGone: IsGone
): Generator<void, void, void> {
  const { segments } = log.writer
  const carriedOut = new Map(group.map((plan) => [plan.segment, plan.deleted]))
  for (const plan of group) {
    for (const batches of log.reader.batchesOf(plan.segment, stretchBytes)) {
      for (const { batch, header } of batches) {
        if (!isControl(header)) {
          for (let row = 0; row < batch.count; row++)
            if (!isGone(plan, batch, row, batch.sequence(row))) made.keep(batch, row)
          continue
        }
        const kind = controlKindOf(header)
        if (kind === controlKind.deletes) {
          // Needed as long as what it deletes is in a file: what goes here goes with one rename.
          const rows: Array<number> = []
          let row = 0
          eachDelete(batch, (first, last) => {
            if (anyDeleted(segments, first, last, carriedOut)) rows.push(row)
            row++
          })
          if (rows.length > 0) made.keepControl(kind, batch, rows)
        } else if (isKeptControl(header)) made.keepControl(kind, batch)
      }
      yield
    }
  }
}

/** After a crash in the middle the old segments that are still there are known to be taken in by the new one. */
const swap = (log: Compactable, group: ReadonlyArray<SegmentPlan>, made: SegmentRewrite): Segment => {
  const { fs, reader, writer } = log
  made.swap()
  for (const { segment } of group) reader.forget(segment)
  const at = writer.segments.indexOf((group[0] as SegmentPlan).segment)
  writer.segments.splice(at, group.length, made.segment)
  for (const { deleted, segment } of group) {
    // What was deleted in the meantime is deleted in the new one.
    segment.deleted?.each((sequence) => {
      if (deleted?.has(sequence) !== true) markDeleted(writer.segments, sequence, sequence)
    })
  }
  made.settle()
  for (const { segment } of group.slice(1)) {
    fs.remove(segment.path)
    fs.remove(inDirectory(log.directory, indexName(segment.baseSequence)))
  }
  if (group.length > 1) fs.syncDirectory(log.directory)
  return made.segment
}

/** Runs a long computation, giving others their turn at each `yield`. */
const inTurns = <A>(log: Compactable, run: Generator<void, A, void>): Effect.Effect<A, LogError> =>
  Effect.suspend(() => {
    const turn: Effect.Effect<A, LogError> = Effect.flatMap(
      attempted(log, () => run.next()),
      (step) =>
        step.done === true ? Effect.succeed(step.value) : Effect.flatMap(Effect.yieldNow, () => turn)
    )
    return turn
  })

const attempted = <A>(log: Compactable, run: () => A): Effect.Effect<A, LogError> =>
  Effect.try({
    try: run,
    catch: (cause) => (isLogError(cause) ? cause : logFailed("compact", log.directory, cause))
  })
