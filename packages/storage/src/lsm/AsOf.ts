import { compareBytes } from "./Bytes.ts"
import { type EntryCursor, entryFlag, noTime } from "./EntryCursor.ts"

/** A moment in the past of the store: after a write, or at a time. */
export type AsOf = { readonly sequence: number } | { readonly timeMillis: number }

/** Below which moment a key that left no trace may have been there. */
export interface Traceless {
  readonly tracelessSequence: number
  readonly tracelessMillis: number
}

/**
 * What a key was at a moment: its value, `undefined` when it had none, or "gone" when that is not known any more.
 *
 * Walks the versions from the newest down. The version directly above the answer says whether what lay below it was
 * dropped, so a wrong answer cannot come out of a gap.
 */
export const valueAsOf = (
  source: EntryCursor,
  key: Uint8Array,
  at: AsOf,
  visible: number,
  traceless: Traceless
): Uint8Array | undefined | "gone" => {
  let isGap = false
  for (source.seek(key, false); source.valid; source.next()) {
    if (compareBytes(source.keyBytes, source.keyStart, source.keyLength, key, 0, key.length) !== 0) break
    if (source.sequence > visible) continue
    if (!("sequence" in at) && source.timeMillis === noTime) return "gone"
    const isLater = "sequence" in at ? source.sequence > at.sequence : source.timeMillis > at.timeMillis
    if (isLater) {
      isGap = (source.flags & entryFlag.olderDropped) !== 0
      continue
    }
    // Under a gap the version is known to have been current only at its own sequence.
    if (isGap && !("sequence" in at && at.sequence === source.sequence)) return "gone"
    if ((source.flags & entryFlag.tombstone) !== 0) return undefined
    return source.valueBytes.slice(source.valueStart, source.valueStart + source.valueLength)
  }
  const { tracelessMillis, tracelessSequence } = traceless
  const isUntraceable =
    "sequence" in at
      ? at.sequence < tracelessSequence
      : tracelessSequence > 0 && at.timeMillis < tracelessMillis
  return isGap || isUntraceable ? "gone" : undefined
}
