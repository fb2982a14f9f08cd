import { type BatchHeader, controlKind, controlKindOf, isControl } from "./BatchHeader.ts"
import type { BatchView } from "./BatchView.ts"
import type { DeletedRecords } from "./DeletedRecords.ts"
import { KeyTable } from "./KeyTable.ts"
import type { LogReader } from "./LogReader.ts"
import type { Cleaned } from "./LogState.ts"
import { deletesRecords, type Segment } from "./Segment.ts"

/** Bytes that are looked at before others get their turn. */
const stretchBytes = 1024 * 1024
/** What a record costs beside its bytes. */
const recordBytes = 12
/** Memory for keys at which a compaction stops for this time. */
const keyBytesMax = 256 * 1024 * 1024
/** Sequences one segment can cover. */
const spanMax = 0xffff_ffff

/** Which records of a segment go. */
export interface SegmentPlan {
  readonly segment: Segment
  /** The deletes that this plan carries out; later ones are for the next. */
  readonly deleted: DeletedRecords | undefined
  /** Records that go, and about the bytes that stay. */
  dropped: number
  liveBytes: number
}

/** What was deleted when a compaction began, and is synced: what is deleted later may yet be lost with its note. */
export type Deletes = ReadonlyMap<Segment, DeletedRecords>

/** The deletes of now. */
export const deletesOf = (segments: ReadonlyArray<Segment>): Deletes =>
  new Map(segments.flatMap((s) => (s.deleted === undefined ? [] : [[s, s.deleted.copy()] as const])))

/** Says of each record whether it goes. */
export type IsGone = (plan: SegmentPlan, batch: BatchView, row: number, sequence: number) => boolean

/** Only what was deleted goes. */
export const onlyDeleted: IsGone = (plan, _batch, _row, sequence) => plan.deleted?.has(sequence) === true

/**
 * The last sequence of each key in the segments from the clean part on, as far as `keysMax` keys go: at least one segment.
 * Yields now and then, so that others get their turn; answers the table and the sequence up to which it goes.
 */
export function* readKeys(
  reader: LogReader,
  dirty: ReadonlyArray<Segment>,
  deletes: Deletes,
  keysMax: number
): Generator<void, { readonly keys: KeyTable; readonly below: number }, void> {
  const keys = new KeyTable()
  let below = dirty[0]?.baseSequence ?? 0
  for (const segment of dirty) {
    if (keys.size >= keysMax || keys.bytes >= keyBytesMax) break
    const deleted = deletes.get(segment)
    for (const group of reader.batchesOf(segment, stretchBytes)) {
      for (const { batch, header } of group) {
        if (isControl(header)) continue
        for (let row = 0; row < batch.count; row++) {
          const key = batch.key(row)
          const sequence = batch.sequence(row)
          // A deleted record replaces nothing.
          if (key.length > 0 && deleted?.has(sequence) !== true) keys.set(key, sequence)
        }
      }
      yield
    }
    below = segment.nextSequence
  }
  return { keys, below }
}

/**
 * The rule of key compaction: a record goes when its key has a later one, and a tombstone (the last of its key) when it has
 * been in the clean part for `tombstoneMillis`: what it deletes is gone from the log by then, and readers had time to see it.
 */
export const goneByKey = (
  keys: KeyTable,
  cleaned: ReadonlyArray<Cleaned>,
  nowMillis: number,
  tombstoneMillis: number
): IsGone => {
  const expiredBelow = Math.max(
    0,
    ...cleaned.filter((c) => nowMillis - c.atMillis >= tombstoneMillis).map((c) => c.below)
  )
  return (plan, batch, row, sequence) => {
    if (plan.deleted?.has(sequence) === true) return true
    const key = batch.key(row)
    if (key.length === 0) return false
    if (keys.get(key) > sequence) return true
    return sequence < expiredBelow && batch.isTombstone(row)
  }
}

/** True for a control batch that rewriting keeps: names of subjects are given anew, checkpoints have said what they had to. */
export const isKeptControl = (header: BatchHeader): boolean => {
  const kind = controlKindOf(header)
  return kind !== controlKind.subjects && kind !== controlKind.checkpoint
}

/** Looks at a segment and counts what goes; yields now and then. */
export function* planSegment(
  reader: LogReader,
  segment: Segment,
  deletes: Deletes,
  isGone: IsGone
): Generator<void, SegmentPlan, void> {
  const plan: SegmentPlan = {
    segment,
    deleted: deletes.get(segment),
    dropped: 0,
    liveBytes: 0
  }
  for (const group of reader.batchesOf(segment, stretchBytes)) {
    for (const { batch, header } of group) {
      if (isControl(header)) {
        // A note of deletes mostly goes with what it deletes.
        if (isKeptControl(header) && !deletesRecords(header)) plan.liveBytes += header.length
        continue
      }
      for (let row = 0; row < batch.count; row++) {
        if (isGone(plan, batch, row, batch.sequence(row))) plan.dropped++
        else plan.liveBytes += recordBytes + batch.rowBytes(row)
      }
    }
    yield
  }
  return plan
}

/**
 * Which segments are written into one: neighbours that have become small together, others alone. A segment that loses
 * nothing and has no small neighbour stays as it is.
 */
export const groupPlans = (
  plans: ReadonlyArray<SegmentPlan>,
  segmentBytes: number
): ReadonlyArray<ReadonlyArray<SegmentPlan>> => {
  const groups: Array<Array<SegmentPlan>> = []
  let bytes = 0
  for (const plan of plans) {
    const group = groups[groups.length - 1]
    const first = group?.[0]?.segment.baseSequence ?? 0
    const isSmall = plan.liveBytes <= segmentBytes / 2
    const fits =
      group !== undefined &&
      isSmall &&
      bytes <= segmentBytes / 2 &&
      plan.segment.nextSequence - first <= spanMax
    if (fits) {
      group.push(plan)
      bytes += plan.liveBytes
    } else {
      groups.push([plan])
      bytes = plan.liveBytes
    }
  }
  return groups.filter((group) => group.length > 1 || (group[0] as SegmentPlan).dropped > 0)
}
