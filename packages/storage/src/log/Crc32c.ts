import { foldBytesMin, makeCrc32cByFolding, makeFoldingRoom } from "./Crc32cFold.ts"
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
  const own = end - start < roomBytesMin ? undefined : rooms.get(bytes.buffer)
  if (own !== undefined) return own(bytes, start, end, seed)
  long ??= orTable()
  return long(bytes, start, end, seed)
}

/** Inputs below this many bytes are not worth a room, nor asking for theirs. */
export const roomBytesMin = 64 * 1024
const rooms = new WeakMap<ArrayBufferLike, typeof crc32cByTable>()
// Each reserves gigabytes of addresses, of which a process has not so many: a few readers are faster, the others as before.
let roomsLeft = 8

/** Memory that is used again and again for bytes to be checksummed: a third faster there, as nothing is copied. */
export const checksumRoom = (length: number): Uint8Array<ArrayBuffer> => {
  if (roomsLeft > 0 && length >= roomBytesMin) {
    try {
      const { crc32c: own, room } = makeFoldingRoom(length)
      rooms.set(room.buffer, own)
      roomsLeft--
      return room
    } catch {
      // No WebAssembly, or no addresses left.
      roomsLeft = 0
    }
  }
  // Not from Node's pool: views of columns need a chunk to begin at a multiple of 8.
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}

/** Gives a room back to whoever asks next; its bytes stay valid for as long as they are held. */
export const releaseRoom = (room: Uint8Array): void => {
  if (rooms.delete(room.buffer)) roomsLeft++
}
