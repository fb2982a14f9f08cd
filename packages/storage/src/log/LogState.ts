import { crc32c } from "./Crc32c.ts"
import { DeletedRecords } from "./DeletedRecords.ts"
import { readU64, writeU64 } from "./LittleEndian.ts"
import type { LogId } from "./LogId.ts"
import { formatMajor } from "./SegmentHeader.ts"

/** Bytes of the header of the state file. */
export const stateHeaderBytes = 48

/** The first eight bytes of the state file: `TROUPSTA`. */
export const stateMagic = Uint8Array.from([0x54, 0x52, 0x4f, 0x55, 0x50, 0x53, 0x54, 0x41])

/** Where each field of the state header is; `docs/file-formats.md` is checked against this. */
export const stateHeaderAt = {
  magic: 0,
  formatMajor: 8,
  formatMinor: 10,
  flags: 12,
  logId: 16,
  appliedTo: 24,
  cleaned: 32,
  segments: 36,
  words: 40,
  fileCrc: 44
} as const

/** Up to where a compaction had cleaned the log, and when. */
export interface Cleaned {
  /** Every record with a smaller sequence had been looked at. */
  readonly below: number
  readonly atMillis: number
}

/** What is kept beside the segments: how far they are compacted, and which of their records are deleted. */
export interface LogState {
  /** Deletes noted in segments that begin before this sequence are in `deleted`. */
  readonly appliedTo: number
  /** Ascending. */
  readonly cleaned: ReadonlyArray<Cleaned>
  /** One for each segment that has any. */
  readonly deleted: ReadonlyArray<DeletedRecords>
}

/** The state of a log that has no state file. */
export const noState: LogState = { appliedTo: 0, cleaned: [], deleted: [] }

/** The bytes of a state file: header, cleaned columns, segment columns, bits. */
export const encodeLogState = (state: LogState, logId: LogId): Uint8Array => {
  const { cleaned, deleted } = state
  const words = deleted.reduce((sum, one) => sum + one.bits.length, 0)
  const bytes = new Uint8Array(stateHeaderBytes + cleaned.length * 16 + deleted.length * 12 + words * 4)
  const view = new DataView(bytes.buffer)
  const field = stateHeaderAt
  bytes.set(stateMagic, field.magic)
  view.setUint16(field.formatMajor, formatMajor, true)
  view.setUint32(field.logId, logId.low, true)
  view.setUint32(field.logId + 4, logId.high, true)
  writeU64(view, field.appliedTo, state.appliedTo)
  view.setUint32(field.cleaned, cleaned.length, true)
  view.setUint32(field.segments, deleted.length, true)
  view.setUint32(field.words, words, true)
  let at = stateHeaderBytes
  for (const { below, atMillis } of cleaned) {
    writeU64(view, at, below)
    view.setFloat64(at + 8, atMillis, true)
    at += 16
  }
  for (const one of deleted) {
    writeU64(view, at, one.baseSequence)
    view.setUint32(at + 8, one.bits.length, true)
    at += 12
  }
  for (const one of deleted) {
    for (const word of one.bits) {
      view.setUint32(at, word, true)
      at += 4
    }
  }
  view.setUint32(field.fileCrc, fileCrc(bytes), true)
  return bytes
}

/** What a state file says, or `undefined` when it is damaged or of another log. */
export const decodeLogState = (bytes: Uint8Array, logId: LogId): LogState | undefined => {
  if (bytes.length < stateHeaderBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const field = stateHeaderAt
  const u32 = (at: number): number => view.getUint32(at, true)
  if (u32(field.fileCrc) !== fileCrc(bytes)) return undefined
  if (stateMagic.some((byte, i) => bytes[i] !== byte)) return undefined
  if (view.getUint16(field.formatMajor, true) !== formatMajor) return undefined
  if (u32(field.logId) !== logId.low || u32(field.logId + 4) !== logId.high) return undefined
  const cleanedRows = u32(field.cleaned)
  const segments = u32(field.segments)
  const words = u32(field.words)
  if (bytes.length !== stateHeaderBytes + cleanedRows * 16 + segments * 12 + words * 4) return undefined
  let at = stateHeaderBytes
  const cleaned = Array.from({ length: cleanedRows }, () => {
    const row = { below: readU64(view, at), atMillis: view.getFloat64(at + 8, true) }
    at += 16
    return row
  })
  let bits = at + segments * 12
  const deleted: Array<DeletedRecords> = []
  for (let k = 0; k < segments; k++, at += 12) {
    const one = new DeletedRecords(readU64(view, at))
    const length = u32(at + 8)
    if (bits + length * 4 > bytes.length) return undefined
    for (let i = 0; i < length; i++, bits += 4) {
      for (let word = u32(bits); word !== 0; word &= word - 1) {
        const sequence = one.baseSequence + i * 32 + (31 - Math.clz32(word & -word))
        one.add(sequence, sequence)
      }
    }
    deleted.push(one)
  }
  return { appliedTo: readU64(view, field.appliedTo), cleaned, deleted }
}

const fileCrc = (bytes: Uint8Array): number =>
  crc32c(bytes, stateHeaderBytes, bytes.length, crc32c(bytes, 0, stateHeaderAt.fileCrc))
