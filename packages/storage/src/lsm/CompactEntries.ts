import { compareBytes } from "./Bytes.ts"
import { EntryCursor, entryFlag, noTime } from "./EntryCursor.ts"
import { isNeeded, type KeepRules } from "./KeepRules.ts"

/** Where compaction puts the entries that stay. */
export interface EntrySink {
  /** Takes the next entry; `newKey` when it is the first of its key. */
  readonly add: (entry: EntryCursor, newKey: boolean) => void
  /** Sets a flag of the entry that was taken last. */
  readonly markLast: (flag: number) => void
}

/** What a compaction left out. */
export interface Garbage {
  /** Versions that were dropped, and their bytes of keys and values. */
  versions: number
  bytes: number
  /** Deletes that vanished together with the put they were for: likes that were taken back. */
  pairs: number
  /** The largest sequence, and time, of a delete that vanished without a trace; 0 when none did, ∞ for a time not known. */
  tracelessSequence: number
  tracelessMillis: number
}

/** A delete that may vanish once it is known that nothing older is kept below it. */
class Tombstone extends EntryCursor {
  hidesPut = false
  /** True when the history needs to see that the key was deleted then. */
  isTrace = false

  static of(entry: EntryCursor, key: Uint8Array, keyLength: number): Tombstone {
    const out = new Tombstone()
    out.keyBytes = key
    out.keyLength = keyLength
    out.sequence = entry.sequence
    out.timeMillis = entry.timeMillis
    out.flags = entry.flags
    return out
  }

  first(): void {}
  seek(): void {}
  next(): void {}
}

/**
 * Copies entries in internal order to a sink and leaves out what nobody can ask for any more: versions under newer ones
 * that neither a snapshot nor the history needs, and deletes with nothing left below them.
 *
 * `mayHoldOlder` says whether a version of the key may lie below all that is read here. Where a version was dropped the
 * one above it says so, so that a question about the past gets "gone" and never a wrong answer.
 */
export const compactEntries = (
  source: EntryCursor,
  rules: KeepRules,
  mayHoldOlder: (key: Uint8Array, keyLength: number) => boolean,
  sink: EntrySink
): Garbage => {
  const garbage: Garbage = { versions: 0, bytes: 0, pairs: 0, tracelessSequence: 0, tracelessMillis: 0 }
  let key = new Uint8Array(256)
  let keyLength = -1
  let nth = 0
  let successor = 0
  let successorMillis = noTime
  /** Kept or not, the version directly above was a delete: its fate is `above`. */
  let above: Tombstone | "dropped" | undefined
  let waiting: Array<Tombstone> = []
  let written = 0

  const drop = (entry: EntryCursor): void => {
    garbage.versions++
    garbage.bytes += entry.keyLength + entry.valueLength
  }
  const mark = (): void => {
    const top = waiting[waiting.length - 1]
    if (top !== undefined) top.flags |= entryFlag.olderDropped
    else if (written > 0) sink.markLast(entryFlag.olderDropped)
  }
  const write = (entry: EntryCursor): void => {
    sink.add(entry, written === 0)
    written++
  }
  /** The history asks for what was current in it: this delete, from its own time to that of its successor. */
  const isTrace = (entry: EntryCursor): boolean => {
    const { horizonMillis, versions } = rules
    if (nth > 0 && nth < versions) return true
    if (horizonMillis === undefined) return false
    return entry.timeMillis > horizonMillis || (nth > 0 && successorMillis > horizonMillis)
  }
  /** The key is over: deletes with nothing below them go, from the oldest on. */
  const endKey = (): void => {
    while (waiting.length > 0) {
      const oldest = waiting[waiting.length - 1] as Tombstone
      if (oldest.isTrace || mayHoldOlder(key, keyLength)) break
      waiting.pop()
      drop(oldest)
      if (oldest.hidesPut) garbage.pairs++
      garbage.tracelessSequence = Math.max(garbage.tracelessSequence, oldest.sequence)
      garbage.tracelessMillis = Math.max(
        garbage.tracelessMillis,
        oldest.timeMillis === noTime ? Number.POSITIVE_INFINITY : oldest.timeMillis
      )
      mark()
    }
    for (const tombstone of waiting) write(tombstone)
    waiting = []
  }
  const beginKey = (entry: EntryCursor): void => {
    if (keyLength >= 0) endKey()
    if (entry.keyLength > key.length) key = new Uint8Array(entry.keyLength * 2)
    keyLength = entry.keyLength
    const { keyBytes, keyStart } = entry
    if (keyLength > 32) key.set(keyBytes.subarray(keyStart, keyStart + keyLength))
    else for (let i = 0; i < keyLength; i++) key[i] = keyBytes[keyStart + i] as number
    nth = 0
    successor = Number.POSITIVE_INFINITY
    successorMillis = Number.POSITIVE_INFINITY
    above = undefined
    written = 0
  }
  const take = (entry: EntryCursor): void => {
    const isTombstone = (entry.flags & entryFlag.tombstone) !== 0
    if (!isNeeded(rules, nth, entry.sequence, successor, successorMillis)) {
      drop(entry)
      mark()
      if (!isTombstone && above !== undefined) {
        if (above === "dropped") garbage.pairs++
        else above.hidesPut = true
      }
      above = isTombstone ? "dropped" : undefined
    } else if (isTombstone) {
      above = Tombstone.of(entry, key, keyLength)
      above.isTrace = isTrace(entry)
      waiting.push(above)
    } else {
      for (const tombstone of waiting) write(tombstone)
      waiting = []
      write(entry)
      above = undefined
    }
    successor = entry.sequence
    successorMillis = entry.timeMillis
    nth++
  }

  while (source.valid) {
    const same =
      source.keyLength === keyLength &&
      compareBytes(source.keyBytes, source.keyStart, source.keyLength, key, 0, keyLength) === 0
    if (!same) beginKey(source)
    take(source)
    source.next()
  }
  if (keyLength >= 0) endKey()
  return garbage
}
