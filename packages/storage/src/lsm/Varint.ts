/** Bytes that a whole number up to 2^53 − 1 takes as a varint: seven bits a byte, lowest first. */
export const varintBytes = (value: number): number => {
  let n = 1
  while (value >= 128) {
    value = Math.floor(value / 128)
    n++
  }
  return n
}

/** Writes a varint; answers the place after it. */
export const writeVarint = (bytes: Uint8Array, at: number, value: number): number => {
  while (value >= 128) {
    bytes[at++] = (value % 128) | 128
    value = value < 0x8000_0000 ? value >>> 7 : Math.floor(value / 128)
  }
  bytes[at++] = value
  return at
}
