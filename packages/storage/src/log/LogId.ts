import { crc32c } from "./Crc32c.ts"

/**
 * The random 64-bit name of one log, in every segment header and, as the seed of each header checksum, in every batch:
 * a batch of another log, or of a file that was used before, never validates.
 */
export interface LogId {
  readonly low: number
  readonly high: number
}

/** The checksum of the eight little-endian bytes of a log id: where each header checksum of that log begins. */
export const logIdSeed = (id: LogId): number => {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, id.low, true)
  view.setUint32(4, id.high, true)
  return crc32c(bytes)
}

/** Sixteen hexadecimal digits, high half first. */
export const logIdText = (id: LogId): string =>
  id.high.toString(16).padStart(8, "0") + id.low.toString(16).padStart(8, "0")
