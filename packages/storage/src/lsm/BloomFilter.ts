/** Bytes of one line of the filter: what a probe of one key touches, one cache line. */
export const filterLineBytes = 64

const lineBits = filterLineBytes * 8
const probes = 6

/**
 * A blocked Bloom filter: each key sets six bits in one line of 64 bytes.
 *
 * "No" is certain; "maybe" is wrong for about one key in a hundred at ten bits a key.
 * Source: Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient Bloom Filters" (2007).
 */
export class BloomFilter {
  readonly bytes: Uint8Array
  private readonly lines: number

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.lines = bytes.length / filterLineBytes
  }

  /** A filter of these hashes. */
  static of(hashes: Int32Array, count: number, bitsPerKey: number): BloomFilter {
    const lines = Math.max(1, Math.ceil((count * bitsPerKey) / lineBits))
    const filter = new BloomFilter(new Uint8Array(lines * filterLineBytes))
    for (let i = 0; i < count; i++) filter.add(hashes[i] as number)
    return filter
  }

  /** False when no key with this hash was added. */
  mayHold(hash: number): boolean {
    const { bytes } = this
    const line = this.lineOf(hash)
    let h = remix(hash)
    for (let i = 0; i < probes; i++) {
      const bit = h >>> 23
      if (((bytes[line + (bit >>> 3)] as number) & (1 << (bit & 7))) === 0) return false
      h = Math.imul(h, 0x9e3779b1)
    }
    return true
  }

  private add(hash: number): void {
    const { bytes } = this
    const line = this.lineOf(hash)
    let h = remix(hash)
    for (let i = 0; i < probes; i++) {
      const bit = h >>> 23
      const at = line + (bit >>> 3)
      bytes[at] = (bytes[at] as number) | (1 << (bit & 7))
      h = Math.imul(h, 0x9e3779b1)
    }
  }

  private lineOf(hash: number): number {
    return Math.floor(((hash >>> 0) / 0x1_0000_0000) * this.lines) * filterLineBytes
  }
}

/** Another hash of the hash, never 0, so that bits do not follow from the line. */
const remix = (hash: number): number => {
  let h = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39)
  return (h ^ (h >>> 15)) | 1
}
