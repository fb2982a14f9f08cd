import { readU64, writeU64 } from "../log/LittleEndian.ts"
import type { TableMeta } from "./TableMeta.ts"
import { levelCount, type TableChanges } from "./Version.ts"

/** Where each field of a manifest edit is; `docs/lsm-format.md` is checked against this. Tables, then removed numbers follow. */
export const versionEditAt = {
  version: 0,
  kind: 1,
  comparator: 2,
  reserved: 3,
  epoch: 4,
  walFloor: 8,
  lastSeq: 16,
  tracelessSeq: 24,
  tracelessMs: 32,
  lastMs: 40,
  addCount: 48,
  removeCount: 52,
  tables: 56
} as const

/** Where each field of an added table is, from its begin; its two keys follow, then the next table. */
export const editTableAt = {
  tableId: 0,
  level: 4,
  crc: 8,
  entries: 12,
  tombstones: 16,
  smallestLength: 20,
  largestLength: 24,
  reserved: 28,
  bytes: 32,
  seqMin: 40,
  seqMax: 48,
  keys: 56
} as const

/** Kinds of edits: a change, or a checkpoint that says everything again. */
export const editKind = { change: 0, checkpoint: 1 } as const

/** Orders of keys; bytes is the only one. */
export const editComparator = { bytes: 0 } as const

const editVersion = 1

/** One record of the manifest: what the store is made of from now on. */
export interface VersionEdit extends TableChanges {
  /** True for an edit that replaces all that came before. */
  readonly isCheckpoint: boolean
  /** The sequence from which on the write-ahead log must be replayed. */
  readonly walFloor: number
  /** The largest sequence in any table. */
  readonly lastSequence: number
  /** Below this sequence, and this time, a key that is not there may have been there. */
  readonly tracelessSequence: number
  readonly tracelessMillis: number
  /** Time of the newest write in any table, so that times never go back. */
  readonly lastMillis: number
}

/** The bytes of an edit. */
export const encodeVersionEdit = (edit: VersionEdit): Uint8Array => {
  const { add, remove } = edit
  const keys = add.reduce((sum, { table }) => sum + table.smallest.length + table.largest.length, 0)
  const at = versionEditAt
  const bytes = new Uint8Array(at.tables + add.length * editTableAt.keys + keys + remove.length * 4)
  const view = new DataView(bytes.buffer)
  bytes[at.version] = editVersion
  bytes[at.kind] = edit.isCheckpoint ? editKind.checkpoint : editKind.change
  bytes[at.comparator] = editComparator.bytes
  writeU64(view, at.walFloor, edit.walFloor)
  writeU64(view, at.lastSeq, edit.lastSequence)
  writeU64(view, at.tracelessSeq, edit.tracelessSequence)
  view.setFloat64(at.tracelessMs, edit.tracelessMillis, true)
  view.setFloat64(at.lastMs, edit.lastMillis, true)
  view.setUint32(at.addCount, add.length, true)
  view.setUint32(at.removeCount, remove.length, true)
  let to: number = at.tables
  for (const { level, table } of add) to = putTable(bytes, view, to, level, table)
  for (const id of remove) {
    view.setUint32(to, id, true)
    to += 4
  }
  return bytes
}

const putTable = (bytes: Uint8Array, view: DataView, to: number, level: number, table: TableMeta): number => {
  const field = editTableAt
  view.setUint32(to + field.tableId, table.id, true)
  view.setUint32(to + field.level, level, true)
  view.setUint32(to + field.crc, table.crc, true)
  view.setUint32(to + field.entries, table.entries, true)
  view.setUint32(to + field.tombstones, table.tombstones, true)
  view.setUint32(to + field.smallestLength, table.smallest.length, true)
  view.setUint32(to + field.largestLength, table.largest.length, true)
  writeU64(view, to + field.bytes, table.bytes)
  writeU64(view, to + field.seqMin, table.sequenceMin)
  writeU64(view, to + field.seqMax, table.sequenceMax)
  bytes.set(table.smallest, to + field.keys)
  bytes.set(table.largest, to + field.keys + table.smallest.length)
  return to + field.keys + table.smallest.length + table.largest.length
}

/** Reads an edit whose checksum holds; a sentence when its parts do not fit into each other. */
export const decodeVersionEdit = (bytes: Uint8Array): VersionEdit | string => {
  const at = versionEditAt
  if (bytes.length < at.tables) return `${bytes.length} bytes of edit`
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes[at.version] !== editVersion) return `edit version ${bytes[at.version]}`
  if (bytes[at.comparator] !== editComparator.bytes) return `comparator ${bytes[at.comparator]}`
  const addCount = view.getUint32(at.addCount, true)
  const removeCount = view.getUint32(at.removeCount, true)
  const add: Array<{ readonly level: number; readonly table: TableMeta }> = []
  let from: number = at.tables
  for (let i = 0; i < addCount; i++) {
    const read = readTable(bytes, view, from)
    if (read === undefined) return "a table passes the end"
    add.push({ level: read.level, table: read.table })
    from = read.end
  }
  if (from + removeCount * 4 !== bytes.length) return "the parts do not fill the edit"
  const remove = Array.from({ length: removeCount }, (_, i) => view.getUint32(from + i * 4, true))
  return {
    isCheckpoint: bytes[at.kind] === editKind.checkpoint,
    walFloor: readU64(view, at.walFloor),
    lastSequence: readU64(view, at.lastSeq),
    tracelessSequence: readU64(view, at.tracelessSeq),
    tracelessMillis: view.getFloat64(at.tracelessMs, true),
    lastMillis: view.getFloat64(at.lastMs, true),
    add,
    remove
  }
}

const readTable = (
  bytes: Uint8Array,
  view: DataView,
  from: number
): { readonly level: number; readonly table: TableMeta; readonly end: number } | undefined => {
  const field = editTableAt
  const keys = from + field.keys
  if (keys > bytes.length) return undefined
  const largestAt = keys + view.getUint32(from + field.smallestLength, true)
  const end = largestAt + view.getUint32(from + field.largestLength, true)
  const level = view.getUint32(from + field.level, true)
  if (end > bytes.length || level >= levelCount) return undefined
  return {
    level,
    end,
    table: {
      id: view.getUint32(from + field.tableId, true),
      crc: view.getUint32(from + field.crc, true),
      entries: view.getUint32(from + field.entries, true),
      tombstones: view.getUint32(from + field.tombstones, true),
      bytes: readU64(view, from + field.bytes),
      sequenceMin: readU64(view, from + field.seqMin),
      sequenceMax: readU64(view, from + field.seqMax),
      smallest: bytes.slice(keys, largestAt),
      largest: bytes.slice(largestAt, end)
    }
  }
}
