import type { DeletedRecords } from "./DeletedRecords.ts"
import { eachPart } from "./DeleteNote.ts"
import type { LogId } from "./LogId.ts"
import { type Cleaned, encodeLogState, type LogState } from "./LogState.ts"
import type { Segment } from "./Segment.ts"

/** What the state file says, and which deletes it must not say yet. */
export class StateKeeper {
  /** Up to where the log is compacted, and since when. */
  cleaned: ReadonlyArray<Cleaned>
  /** Deletes noted in segments that are not sealed yet: the segment, first and last sequence. */
  private late: Array<readonly [segment: number, first: number, last: number]> = []

  constructor(state: LogState) {
    this.cleaned = state.cleaned
  }

  /** Records `first` to `last`, none of them before, were deleted by a note in the segment that begins at `segment`. */
  noteDelete(segment: number, first: number, last: number): void {
    this.late.push([segment, first, last])
  }

  /** The bytes of the state file: how far the log is compacted, and what the sealed segments say is deleted. */
  encode(segments: ReadonlyArray<Segment>, cleaned: ReadonlyArray<Cleaned>, logId: LogId): Uint8Array {
    const unsealed = segments.find((segment) => !segment.sealed) as Segment
    this.late = this.late.filter(([at]) => at >= unsealed.baseSequence)
    const known = new Map<Segment, DeletedRecords>()
    for (const segment of segments)
      if (segment.deleted !== undefined) known.set(segment, segment.deleted.copy())
    // A note that is not synced may be lost, and what it says must be lost with it.
    for (const [, first, last] of this.late)
      eachPart(segments, first, last, (segment, from, to) => known.get(segment)?.remove(from, to))
    const deleted = [...known.values()].filter((one) => one.count > 0)
    return encodeLogState({ appliedTo: unsealed.baseSequence, cleaned, deleted }, logId)
  }
}
