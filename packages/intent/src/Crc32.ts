const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb8_8320 : c >>> 1
  return c
})

/** CRC-32 as in gzip and PNG (ISO-HDLC, reflected 0x04c11db7): finds every burst of up to 32 changed bits. */
export const crc32 = (bytes: Uint8Array): number => {
  let crc = 0xffff_ffff
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] as number)) & 255] as number)
  }
  return ~crc >>> 0
}
