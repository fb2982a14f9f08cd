import { crc32c } from "./Crc32c.ts"
import { readU64, writeU64 } from "./LittleEndian.ts"

/** Bytes of the header every batch begins with. */
export const batchHeaderBytes = 64

/** The batch version this code writes and the only one it reads. */
export const batchVersion = 1

/** Where each field of the batch header is; `docs/file-formats.md` is checked against this. */
export const batchHeaderAt = {
  headerCrc: 0,
  bodyCrc: 4,
  length: 8,
  chain: 12,
  baseOffset: 16,
  count: 24,
  span: 28,
  baseTime: 32,
  maxTimeDelta: 40,
  epoch: 44,
  syncedTo: 48,
  attributes: 56,
  version: 58,
  columns: 59,
  heapStart: 60
} as const

/** Bits of `attributes`. Bits 0–2 are the codec (0: none), bits 12–15 the kind of a control batch. */
export const batchAttribute = {
  control: 1 << 3,
  hasKeys: 1 << 4,
  hasSubjects: 1 << 5,
  hasHeaders: 1 << 6,
  hasTombstones: 1 << 7,
  appendTime: 1 << 8
} as const

/** What a control batch is for. Control batches cover no sequence (`span` 0). */
export const controlKind = { subjects: 0, owner: 1, checkpoint: 2, epoch: 3, deletes: 4 } as const

/** The header of one batch, decoded. */
export interface BatchHeader {
  readonly headerCrc: number
  readonly bodyCrc: number
  /** Bytes of the whole batch, a multiple of 8. */
  readonly length: number
  readonly chain: number
  readonly baseSequence: number
  readonly count: number
  readonly span: number
  readonly baseTimeMillis: number
  readonly maxTimeDeltaMillis: number
  readonly epoch: number
  readonly syncedTo: number
  readonly attributes: number
  readonly version: number
  readonly columns: number
  readonly heapStart: number
}

/** True when the batch holds no records but something the log or its owner notes between them. */
export const isControl = (header: BatchHeader): boolean => (header.attributes & batchAttribute.control) !== 0

/** Which control batch it is: one of `controlKind`. */
export const controlKindOf = (header: BatchHeader): number => header.attributes >>> 12

/** Writes a header at `at` and seals it; the body from `at + 64` on must be there. Answers `headerCrc`. */
export const writeBatchHeader = (
  bytes: Uint8Array,
  view: DataView,
  at: number,
  header: Omit<BatchHeader, "headerCrc" | "bodyCrc" | "version">,
  seed: number
): number => {
  const field = batchHeaderAt
  view.setUint32(at + field.bodyCrc, crc32c(bytes, at + batchHeaderBytes, at + header.length), true)
  view.setUint32(at + field.length, header.length, true)
  view.setUint32(at + field.chain, header.chain, true)
  writeU64(view, at + field.baseOffset, header.baseSequence)
  view.setUint32(at + field.count, header.count, true)
  view.setUint32(at + field.span, header.span, true)
  view.setFloat64(at + field.baseTime, header.baseTimeMillis, true)
  view.setUint32(at + field.maxTimeDelta, header.maxTimeDeltaMillis, true)
  view.setUint32(at + field.epoch, header.epoch, true)
  writeU64(view, at + field.syncedTo, header.syncedTo)
  view.setUint16(at + field.attributes, header.attributes, true)
  bytes[at + field.version] = batchVersion
  bytes[at + field.columns] = header.columns
  view.setUint32(at + field.heapStart, header.heapStart, true)
  const headerCrc = crc32c(bytes, at + 4, at + batchHeaderBytes, seed)
  view.setUint32(at, headerCrc, true)
  return headerCrc
}

/** The header at `at`, or `undefined` when there are too few bytes or its checksum does not hold under `seed`. */
export const readBatchHeader = (
  bytes: Uint8Array,
  view: DataView,
  at: number,
  seed: number
): BatchHeader | undefined => {
  if (at + batchHeaderBytes > bytes.length) return undefined
  const headerCrc = view.getUint32(at, true)
  if (crc32c(bytes, at + 4, at + batchHeaderBytes, seed) !== headerCrc) return undefined
  const field = batchHeaderAt
  return {
    headerCrc,
    bodyCrc: view.getUint32(at + field.bodyCrc, true),
    length: view.getUint32(at + field.length, true),
    chain: view.getUint32(at + field.chain, true),
    baseSequence: readU64(view, at + field.baseOffset),
    count: view.getUint32(at + field.count, true),
    span: view.getUint32(at + field.span, true),
    baseTimeMillis: view.getFloat64(at + field.baseTime, true),
    maxTimeDeltaMillis: view.getUint32(at + field.maxTimeDelta, true),
    epoch: view.getUint32(at + field.epoch, true),
    syncedTo: readU64(view, at + field.syncedTo),
    attributes: view.getUint16(at + field.attributes, true),
    version: bytes[at + field.version] as number,
    columns: bytes[at + field.columns] as number,
    heapStart: view.getUint32(at + field.heapStart, true)
  }
}

/** Whether the body that follows a valid header at `at` is whole and holds its checksum. */
export const isBodyValid = (bytes: Uint8Array, at: number, header: BatchHeader): boolean =>
  at + header.length <= bytes.length &&
  crc32c(bytes, at + batchHeaderBytes, at + header.length) === header.bodyCrc
