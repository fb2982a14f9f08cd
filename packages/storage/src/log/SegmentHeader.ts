import { crc32c } from "./Crc32c.ts"
import { readU64, writeU64 } from "./LittleEndian.ts"
import type { LogId } from "./LogId.ts"

/** Bytes of the header every segment begins with. */
export const segmentHeaderBytes = 64

/** The version of this code; another major is refused, an older minor is read. */
export const formatMajor = 1
export const formatMinor = 1

/** The minor version a file is written as: what no compaction has rewritten is as it was in version 1.0. */
export const minorOf = (generation: number): number => (generation === 0 ? 0 : formatMinor)

/** The first eight bytes of a segment: `TROUPLOG`. */
export const segmentMagic = Uint8Array.from([0x54, 0x52, 0x4f, 0x55, 0x50, 0x4c, 0x4f, 0x47])

/** Where each field of the segment header is; `docs/file-formats.md` is checked against this. */
export const segmentHeaderAt = {
  magic: 0,
  formatMajor: 8,
  formatMinor: 10,
  flags: 12,
  logId: 16,
  baseOffset: 24,
  epoch: 32,
  generation: 36,
  createdMs: 40,
  previousChain: 48,
  rewrittenSpan: 52,
  rewrittenTail: 56,
  headerCrc: 60
} as const

/** What a segment says about itself. */
export interface SegmentHeader {
  readonly logId: LogId
  /** Sequence of its first record, present or to come. */
  readonly baseSequence: number
  readonly epoch: number
  /** How often compaction rewrote it. */
  readonly generation: number
  readonly createdMillis: number
  /** `headerCrc` of the last batch of the segment before; 0 in the first one. */
  readonly previousChain: number
  /** Sequences that a rewritten segment covers; 0 in one that was never rewritten. */
  readonly rewrittenSpan?: number
  /** In a rewritten segment: the `headerCrc` that its last batch had before, which the next segment names; else 0. */
  readonly rewrittenTail?: number
}

/** What was found where a segment header should be. */
export type SegmentHeaderResult =
  | { readonly _tag: "Valid"; readonly header: SegmentHeader }
  | { readonly _tag: "Unsupported"; readonly version: string }
  | { readonly _tag: "Damaged"; readonly expected: string; readonly found: string }

/** The 64 bytes of a segment header. */
export const encodeSegmentHeader = (header: SegmentHeader): Uint8Array => {
  const bytes = new Uint8Array(segmentHeaderBytes)
  const view = new DataView(bytes.buffer)
  const at = segmentHeaderAt
  bytes.set(segmentMagic, at.magic)
  view.setUint16(at.formatMajor, formatMajor, true)
  view.setUint16(at.formatMinor, minorOf(header.generation), true)
  view.setUint32(at.logId, header.logId.low, true)
  view.setUint32(at.logId + 4, header.logId.high, true)
  writeU64(view, at.baseOffset, header.baseSequence)
  view.setUint32(at.epoch, header.epoch, true)
  view.setUint32(at.generation, header.generation, true)
  writeU64(view, at.createdMs, header.createdMillis)
  view.setUint32(at.previousChain, header.previousChain, true)
  view.setUint32(at.rewrittenSpan, header.rewrittenSpan ?? 0, true)
  view.setUint32(at.rewrittenTail, header.rewrittenTail ?? 0, true)
  view.setUint32(at.headerCrc, crc32c(bytes, 0, at.headerCrc), true)
  return bytes
}

/** Reads a segment header; never throws, whatever the bytes. */
export const decodeSegmentHeader = (bytes: Uint8Array): SegmentHeaderResult => {
  if (bytes.length < segmentHeaderBytes) {
    return {
      _tag: "Damaged",
      expected: `${segmentHeaderBytes} bytes of header`,
      found: `${bytes.length} bytes`
    }
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, segmentHeaderBytes)
  const at = segmentHeaderAt
  const expected = crc32c(bytes, 0, at.headerCrc)
  const found = view.getUint32(at.headerCrc, true)
  if (found !== expected) {
    return { _tag: "Damaged", expected: `checksum ${hex(expected)}`, found: hex(found) }
  }
  if (segmentMagic.some((byte, i) => bytes[i] !== byte)) {
    return { _tag: "Damaged", expected: "the magic TROUPLOG", found: "another" }
  }
  const major = view.getUint16(at.formatMajor, true)
  if (major !== formatMajor) {
    return { _tag: "Unsupported", version: `${major}.${view.getUint16(at.formatMinor, true)}` }
  }
  return {
    _tag: "Valid",
    header: {
      logId: { low: view.getUint32(at.logId, true), high: view.getUint32(at.logId + 4, true) },
      baseSequence: readU64(view, at.baseOffset),
      epoch: view.getUint32(at.epoch, true),
      generation: view.getUint32(at.generation, true),
      createdMillis: readU64(view, at.createdMs),
      previousChain: view.getUint32(at.previousChain, true),
      rewrittenSpan: view.getUint32(at.rewrittenSpan, true),
      rewrittenTail: view.getUint32(at.rewrittenTail, true)
    }
  }
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, "0")}`
