/** The initial number of slots: a power of two. */
const slotsMin = 1024

/**
 * The last sequence of each key, in typed arrays: about 16 bytes a key beside the bytes of the key. Exact: two keys with
 * one hash are two keys.
 */
export class KeyTable {
  /** How many keys. */
  size = 0
  private slots = new Int32Array(slotsMin)
  private hashes = new Int32Array(slotsMin / 2)
  private ends = new Uint32Array(slotsMin / 2 + 1)
  private sequences = new Float64Array(slotsMin / 2)
  private heap = new Uint8Array(slotsMin * 8)

  /** Bytes of memory it holds. */
  get bytes(): number {
    return this.slots.length * 4 + this.hashes.length * 16 + this.heap.length
  }

  /** Notes that `key` has a record with this sequence, later than any before. */
  set(key: Uint8Array, sequence: number): void {
    const hash = hashOf(key)
    const slot = this.find(key, hash)
    const known = this.slots[slot] as number
    if (known > 0) {
      this.sequences[known - 1] = sequence
      return
    }
    const id = this.size++
    if (id >= this.hashes.length) this.growKeys()
    const begin = this.ends[id] as number
    if (begin + key.length > this.heap.length) this.growHeap(begin + key.length)
    this.heap.set(key, begin)
    this.ends[id + 1] = begin + key.length
    this.hashes[id] = hash
    this.sequences[id] = sequence
    this.slots[slot] = id + 1
    if (this.size * 2 > this.slots.length) this.growSlots()
  }

  /** The last sequence of a key, or −1 when it is not known. */
  get(key: Uint8Array): number {
    const known = this.slots[this.find(key, hashOf(key))] as number
    return known === 0 ? -1 : (this.sequences[known - 1] as number)
  }

  private find(key: Uint8Array, hash: number): number {
    const mask = this.slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const known = this.slots[slot] as number
      if (known === 0 || (this.hashes[known - 1] === hash && this.isKey(known - 1, key))) return slot
    }
  }

  private isKey(id: number, key: Uint8Array): boolean {
    const begin = this.ends[id] as number
    if ((this.ends[id + 1] as number) - begin !== key.length) return false
    for (let i = 0; i < key.length; i++) if (this.heap[begin + i] !== key[i]) return false
    return true
  }

  private growKeys(): void {
    const length = this.hashes.length * 2
    const hashes = new Int32Array(length)
    hashes.set(this.hashes)
    const ends = new Uint32Array(length + 1)
    ends.set(this.ends)
    const sequences = new Float64Array(length)
    sequences.set(this.sequences)
    Object.assign(this, { hashes, ends, sequences })
  }

  private growHeap(atLeast: number): void {
    const heap = new Uint8Array(Math.max(atLeast, this.heap.length * 2))
    heap.set(this.heap)
    this.heap = heap
  }

  private growSlots(): void {
    const slots = new Int32Array(this.slots.length * 2)
    const mask = slots.length - 1
    for (let id = 0; id < this.size; id++) {
      let slot = (this.hashes[id] as number) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = id + 1
    }
    this.slots = slots
  }
}

/** FNV-1a with the end of MurmurHash3: short keys, and low bits that differ. */
const hashOf = (key: Uint8Array): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ (key[i] as number), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
