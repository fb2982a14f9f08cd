import { crc32c } from "../log/Crc32c.ts"
import { readU64, writeU64 } from "../log/LittleEndian.ts"

/** Bytes of the footer every sorted table ends with. */
export const tableFooterBytes = 64

/** The version this code writes; another major is refused, an older minor is read. */
export const tableMajor = 1
export const tableMinor = 0

/** The first eight bytes of a footer: `TROUPSST`. */
export const tableMagic = Uint8Array.from([0x54, 0x52, 0x4f, 0x55, 0x50, 0x53, 0x53, 0x54])

/** Where each field of the footer is; `docs/lsm-format.md` is checked against this. */
export const tableFooterAt = {
  magic: 0,
  formatMajor: 8,
  formatMinor: 10,
  filterStart: 12,
  indexStart: 16,
  filterCrc: 20,
  indexCrc: 24,
  entries: 28,
  tombstones: 32,
  tableId: 36,
  seqMin: 40,
  seqMax: 48,
  oldestExpiry: 56,
  footerCrc: 60
} as const

/** What a table says about itself. */
export interface TableFooter {
  /** End of the data blocks and begin of the filter. */
  readonly filterStart: number
  /** End of the filter and begin of the index, which ends where the footer begins. */
  readonly indexStart: number
  readonly filterCrc: number
  readonly indexCrc: number
  readonly entries: number
  readonly tombstones: number
  readonly tableId: number
  readonly sequenceMin: number
  readonly sequenceMax: number
}

/** What was found where a footer should be. */
export type TableFooterResult =
  | { readonly _tag: "Valid"; readonly footer: TableFooter; readonly crc: number }
  | { readonly _tag: "Unsupported"; readonly version: string }
  | { readonly _tag: "Damaged"; readonly expected: string; readonly found: string }

/** The 64 bytes of a footer. */
export const encodeTableFooter = (footer: TableFooter): Uint8Array => {
  const bytes = new Uint8Array(tableFooterBytes)
  const view = new DataView(bytes.buffer)
  const at = tableFooterAt
  bytes.set(tableMagic, at.magic)
  view.setUint16(at.formatMajor, tableMajor, true)
  view.setUint16(at.formatMinor, tableMinor, true)
  view.setUint32(at.filterStart, footer.filterStart, true)
  view.setUint32(at.indexStart, footer.indexStart, true)
  view.setUint32(at.filterCrc, footer.filterCrc, true)
  view.setUint32(at.indexCrc, footer.indexCrc, true)
  view.setUint32(at.entries, footer.entries, true)
  view.setUint32(at.tombstones, footer.tombstones, true)
  view.setUint32(at.tableId, footer.tableId, true)
  writeU64(view, at.seqMin, footer.sequenceMin)
  writeU64(view, at.seqMax, footer.sequenceMax)
  view.setUint32(at.footerCrc, crc32c(bytes, 0, at.footerCrc), true)
  return bytes
}

/** The checksum in the last four bytes of a footer. */
export const footerCrcOf = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(tableFooterAt.footerCrc, true)

/** Reads a footer; never throws, whatever the bytes. */
export const decodeTableFooter = (bytes: Uint8Array): TableFooterResult => {
  if (bytes.length < tableFooterBytes) {
    return {
      _tag: "Damaged",
      expected: `${tableFooterBytes} bytes of footer`,
      found: `${bytes.length} bytes`
    }
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, tableFooterBytes)
  const at = tableFooterAt
  const crc = view.getUint32(at.footerCrc, true)
  const computed = crc32c(bytes, 0, at.footerCrc)
  if (crc !== computed) return { _tag: "Damaged", expected: `checksum ${computed}`, found: `${crc}` }
  if (tableMagic.some((byte, i) => bytes[i] !== byte)) {
    return { _tag: "Damaged", expected: "the magic TROUPSST", found: "another" }
  }
  const major = view.getUint16(at.formatMajor, true)
  if (major !== tableMajor) {
    return { _tag: "Unsupported", version: `${major}.${view.getUint16(at.formatMinor, true)}` }
  }
  return {
    _tag: "Valid",
    crc,
    footer: {
      filterStart: view.getUint32(at.filterStart, true),
      indexStart: view.getUint32(at.indexStart, true),
      filterCrc: view.getUint32(at.filterCrc, true),
      indexCrc: view.getUint32(at.indexCrc, true),
      entries: view.getUint32(at.entries, true),
      tombstones: view.getUint32(at.tombstones, true),
      tableId: view.getUint32(at.tableId, true),
      sequenceMin: readU64(view, at.seqMin),
      sequenceMax: readU64(view, at.seqMax)
    }
  }
}
