const utf8 = new TextEncoder()

/** Keys and values: bytes, or text that stands for its UTF-8 bytes. */
export type Bytes = Uint8Array | string

/** The bytes themselves, or the UTF-8 bytes of a text. */
export const toBytes = (bytes: Bytes): Uint8Array => (typeof bytes === "string" ? utf8.encode(bytes) : bytes)

/** The order of keys: byte by byte, unsigned, a prefix before what it begins. Negative, zero or positive. */
export const compareBytes = (
  left: Uint8Array,
  leftStart: number,
  leftLength: number,
  right: Uint8Array,
  rightStart: number,
  rightLength: number
): number => {
  const shared = Math.min(leftLength, rightLength)
  for (let i = 0; i < shared; i++) {
    const difference = (left[leftStart + i] as number) - (right[rightStart + i] as number)
    if (difference !== 0) return difference
  }
  return leftLength - rightLength
}

/** The same for whole arrays. */
export const compareKeys = (left: Uint8Array, right: Uint8Array): number =>
  compareBytes(left, 0, left.length, right, 0, right.length)

/** How many bytes two keys begin with in common; every key between the two begins with them too. */
export const commonPrefixLength = (left: Uint8Array, right: Uint8Array): number => {
  const shared = Math.min(left.length, right.length)
  let i = 0
  while (i < shared && left[i] === right[i]) i++
  return i
}

/**
 * A 32-bit hash of bytes, four at a time; the same in memtables and in filters on disk.
 *
 * Source: MurmurHash3 (x86, 32 bits, seed 0) by Austin Appleby.
 */
export const hashBytes = (bytes: Uint8Array, start: number, length: number): number => {
  const end = start + length
  const words = start + (length & ~3)
  let h = 0
  let i = start
  for (; i < words; i += 4) {
    let k =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24)
    k = Math.imul(k, 0xcc9e2d51)
    k = (k << 15) | (k >>> 17)
    h ^= Math.imul(k, 0x1b873593)
    h = (h << 13) | (h >>> 19)
    h = (Math.imul(h, 5) + 0xe6546b64) | 0
  }
  if (i < end) {
    let k = 0
    for (let shift = 0; i < end; i++, shift += 8) k |= (bytes[i] as number) << shift
    k = Math.imul(k, 0xcc9e2d51)
    k = (k << 15) | (k >>> 17)
    h ^= Math.imul(k, 0x1b873593)
  }
  h ^= length
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
