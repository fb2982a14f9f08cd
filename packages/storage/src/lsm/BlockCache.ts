/** Whose block a slot of the cache holds. */
export interface CacheOwner {
  /** Slot + 1 of each block that is in the cache, 0 for the others. */
  readonly slots: Int32Array
}

/**
 * Data blocks of all tables in one preallocated slab, replaced by CLOCK: a block that was used since the hand last came
 * by gets another round. Blocks larger than a slot are not kept.
 */
export class BlockCache {
  readonly bytes: Uint8Array
  readonly slotBytes: number
  hits = 0
  misses = 0
  private readonly count: number
  private readonly used: Uint8Array
  private readonly owners: Array<CacheOwner | undefined>
  private readonly blocks: Int32Array
  private hand = 0

  constructor(cacheBytes: number, slotBytes: number) {
    this.slotBytes = slotBytes
    this.count = Math.max(1, Math.floor(cacheBytes / slotBytes))
    this.bytes = new Uint8Array(this.count * slotBytes)
    this.used = new Uint8Array(this.count)
    this.owners = new Array<CacheOwner | undefined>(this.count).fill(undefined)
    this.blocks = new Int32Array(this.count)
  }

  /** Where a block's bytes are in the slab, or −1. */
  find(owner: CacheOwner, block: number): number {
    const slot = (owner.slots[block] as number) - 1
    if (slot < 0) {
      this.misses++
      return -1
    }
    this.hits++
    this.used[slot] = 1
    return slot * this.slotBytes
  }

  /** A place in the slab for a block that is about to be read; call `keep` when the read went well. */
  place(): number {
    const { used } = this
    while (used[this.hand] === 1) {
      used[this.hand] = 0
      this.hand = this.hand + 1 === this.count ? 0 : this.hand + 1
    }
    const slot = this.hand
    this.hand = this.hand + 1 === this.count ? 0 : this.hand + 1
    const owner = this.owners[slot]
    if (owner !== undefined) owner.slots[this.blocks[slot] as number] = 0
    this.owners[slot] = undefined
    return slot * this.slotBytes
  }

  /** Says whose block is at a place that `place` answered. */
  keep(at: number, owner: CacheOwner, block: number): void {
    const slot = at / this.slotBytes
    this.owners[slot] = owner
    this.blocks[slot] = block
    owner.slots[block] = slot + 1
  }

  /** Frees the slots of a table that is gone. */
  forget(owner: CacheOwner): void {
    for (const there of owner.slots) {
      if (there === 0) continue
      this.owners[there - 1] = undefined
      this.used[there - 1] = 0
    }
    owner.slots.fill(0)
  }
}
