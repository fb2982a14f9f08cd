import { foldBytesMin, makeCrc32cByFolding } from "./Crc32cFold.ts"
import { crc32cByTable } from "./Crc32cTable.ts"

let long: typeof crc32cByTable | undefined

const orTable = (): typeof crc32cByTable => {
  try {
    return makeCrc32cByFolding()
  } catch {
    // No WebAssembly here (`--jitless`, an old machine without SIMD): slower, not other.
    return crc32cByTable
  }
}

/**
 * The CRC-32C (Castagnoli) of `bytes[start, end)` as an unsigned 32-bit number: the checksum of Kafka, RocksDB and
 * PostgreSQL. With `seed` = the checksum of what comes before, the answer is the checksum of both.
 */
export const crc32c = (bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number => {
  if (end - start < foldBytesMin) return crc32cByTable(bytes, start, end, seed)
  long ??= orTable()
  return long(bytes, start, end, seed)
}
