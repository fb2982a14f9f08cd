import { crc32c } from "./Crc32c.ts"
import { readU64, writeU64 } from "./LittleEndian.ts"
import { Segment } from "./Segment.ts"
import { formatMajor, minorOf, type SegmentHeader } from "./SegmentHeader.ts"

/** Bytes of the header of an index file. */
export const indexHeaderBytes = 96

/** The first eight bytes of an index file: `TROUPIDX`. */
export const indexMagic = Uint8Array.from([0x54, 0x52, 0x4f, 0x55, 0x50, 0x49, 0x44, 0x58])

/** Where each field of the index header is; `docs/file-formats.md` is checked against this. */
export const indexHeaderAt = {
  magic: 0,
  formatMajor: 8,
  formatMinor: 10,
  flags: 12,
  logId: 16,
  baseOffset: 24,
  nextOffset: 32,
  baseTime: 40,
  maxTime: 48,
  firstTime: 56,
  segmentBytes: 64,
  tailChain: 68,
  entries: 72,
  subjects: 76,
  nameBytes: 80,
  spacing: 84,
  generation: 88,
  fileCrc: 92
} as const

/** Bits of the index's `flags`. */
export const indexFlag = { hasDeletes: 1 } as const

const utf8 = new TextEncoder()
const text = new TextDecoder()

/** The bytes of a sealed segment's index file: header, index columns, subject columns, names. */
export const encodeIndexFile = (segment: Segment): Uint8Array => {
  const { index, subjects, header } = segment
  const names = Array.from({ length: subjects.size }, (_, i) => utf8.encode(subjects.names[i + 1] as string))
  const nameBytes = names.reduce((sum, name) => sum + name.length, 0)
  // Only what was rewritten can have fewer records than it covers sequences.
  const rowsBytes = header.generation === 0 ? 0 : 4
  const bytes = new Uint8Array(
    indexHeaderBytes + index.length * 12 + names.length * 16 + nameBytes + rowsBytes
  )
  const view = new DataView(bytes.buffer)
  const field = indexHeaderAt
  bytes.set(indexMagic, field.magic)
  view.setUint16(field.formatMajor, formatMajor, true)
  view.setUint16(field.formatMinor, minorOf(header.generation), true)
  view.setUint32(field.flags, segment.hasDeletes ? indexFlag.hasDeletes : 0, true)
  view.setUint32(field.logId, header.logId.low, true)
  view.setUint32(field.logId + 4, header.logId.high, true)
  writeU64(view, field.baseOffset, header.baseSequence)
  writeU64(view, field.nextOffset, segment.nextSequence)
  view.setFloat64(field.baseTime, index.baseTimeMillis, true)
  view.setFloat64(field.maxTime, segment.maxTimeMillis, true)
  view.setFloat64(field.firstTime, segment.firstTimeMillis, true)
  view.setUint32(field.segmentBytes, segment.size, true)
  view.setUint32(field.tailChain, segment.tailChain, true)
  view.setUint32(field.entries, index.length, true)
  view.setUint32(field.subjects, names.length, true)
  view.setUint32(field.nameBytes, nameBytes, true)
  view.setUint32(field.spacing, index.spacing, true)
  view.setUint32(field.generation, header.generation, true)
  let at = indexHeaderBytes
  const put = (values: ArrayLike<number>, count: number): void => {
    for (let i = 0; i < count; i++, at += 4) view.setUint32(at, values[i] as number, true)
  }
  put(index.sequences, index.length)
  put(index.times, index.length)
  put(index.positions, index.length)
  const summaries = names.map((_, i) => subjects.summary(i + 1))
  let end = 0
  put(
    names.map((name) => {
      end += name.length
      return end
    }),
    names.length
  )
  put(
    summaries.map((s) => s.firstPosition),
    names.length
  )
  put(
    summaries.map((s) => s.lastPosition),
    names.length
  )
  put(
    summaries.map((s) => s.count),
    names.length
  )
  for (const name of names) {
    bytes.set(name, at)
    at += name.length
  }
  if (rowsBytes > 0) view.setUint32(at, segment.rows, true)
  view.setUint32(field.fileCrc, fileCrc(bytes), true)
  return bytes
}

/** The generation that an index file says its segment has; 0 when it is too short to say. */
export const generationIn = (bytes: Uint8Array): number =>
  bytes.length < indexHeaderBytes
    ? 0
    : new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(indexHeaderAt.generation, true)

/** The sealed segment that an index file describes, or `undefined` when the file is damaged or of another segment. */
export const decodeIndexFile = (
  bytes: Uint8Array,
  path: string,
  header: SegmentHeader
): Segment | undefined => {
  if (bytes.length < indexHeaderBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const field = indexHeaderAt
  const u32 = (at: number): number => view.getUint32(at, true)
  if (u32(field.fileCrc) !== fileCrc(bytes)) return undefined
  if (indexMagic.some((byte, i) => bytes[i] !== byte)) return undefined
  if (view.getUint16(field.formatMajor, true) !== formatMajor) return undefined
  if (u32(field.logId) !== header.logId.low || u32(field.logId + 4) !== header.logId.high) return undefined
  if (readU64(view, field.baseOffset) !== header.baseSequence) return undefined
  // Left by a crash between the swap of the segment and the swap of its index.
  if (u32(field.generation) !== header.generation) return undefined
  const rowsBytes = header.generation === 0 ? 0 : 4
  const entries = u32(field.entries)
  const subjects = u32(field.subjects)
  const nameBytes = u32(field.nameBytes)
  if (bytes.length !== indexHeaderBytes + entries * 12 + subjects * 16 + nameBytes + rowsBytes)
    return undefined

  const segment = new Segment(path, header, u32(field.spacing))
  const { index } = segment
  let at = indexHeaderBytes
  const take = (count: number): Uint32Array<ArrayBuffer> => {
    const column = new Uint32Array(count)
    for (let i = 0; i < count; i++, at += 4) column[i] = u32(at)
    return column
  }
  index.sequences = take(entries)
  index.times = take(entries)
  index.positions = take(entries)
  index.length = entries
  index.baseTimeMillis = view.getFloat64(field.baseTime, true)
  const ends = take(subjects)
  const first = take(subjects)
  const last = take(subjects)
  const counts = take(subjects)
  for (let i = 0; i < subjects; i++) {
    const begin = i === 0 ? 0 : (ends[i - 1] as number)
    segment.subjects.restore({
      subject: text.decode(bytes.subarray(at + begin, at + (ends[i] as number))),
      firstPosition: first[i] as number,
      lastPosition: last[i] as number,
      count: counts[i] as number
    })
  }
  segment.size = u32(field.segmentBytes)
  segment.tailChain = u32(field.tailChain)
  segment.nextSequence = readU64(view, field.nextOffset)
  segment.maxTimeMillis = view.getFloat64(field.maxTime, true)
  segment.firstTimeMillis = view.getFloat64(field.firstTime, true)
  segment.hasDeletes = (u32(field.flags) & indexFlag.hasDeletes) !== 0
  segment.rows = rowsBytes === 0 ? segment.records : u32(at + nameBytes)
  segment.sealed = true
  return segment
}

const fileCrc = (bytes: Uint8Array): number =>
  crc32c(bytes, indexHeaderBytes, bytes.length, crc32c(bytes, 0, indexHeaderAt.fileCrc))
