import { compareBytes, hashBytes } from "./Bytes.ts"
import { entryFlag } from "./EntryCursor.ts"

/** The memory of a memtable: shared, so that a worker can sort it without a copy. */
export interface MemtableMemory {
  readonly arena: SharedArrayBuffer
  readonly keyColumns: SharedArrayBuffer
  readonly versionColumns: SharedArrayBuffer
  readonly stamps: SharedArrayBuffer
  /** Keys and versions in it. */
  readonly keyCount: number
  readonly versionCount: number
}

/** Numbers a key has: where it begins, its length, its hash, its newest version. */
const keyStride = 4
/** Numbers a version has: where its value begins, its length, its flags, the version below it (or −1). */
const versionStride = 4

/** What bytes of room an entry without its key and value is reckoned with. */
const entryRoomBytes = 64

/**
 * The newest writes, in memory: an arena of bytes and an open-addressing hash from key to its newest version, each
 * version pointing to the one below it. Sorting waits until somebody needs the order.
 *
 * Its room is fixed: ask `fits` first.
 */
export class Memtable {
  keyCount = 0
  versionCount = 0
  /** Smallest and largest sequence in it; 0 while it is empty. */
  firstSequence = 0
  lastSequence = 0
  lastTimeMillis = 0
  readonly arena: Uint8Array
  private readonly memory: Omit<MemtableMemory, "keyCount" | "versionCount">
  private readonly keys: Int32Array
  private readonly versions: Int32Array
  /** Sequence and time of each version. */
  private readonly stamps: Float64Array
  private readonly slots: Int32Array
  private readonly mask: number
  private readonly entriesMax: number
  private used = 0

  constructor(roomBytes: number, entries = 0) {
    this.entriesMax = Math.max(64, entries, Math.ceil(roomBytes / entryRoomBytes))
    this.memory = {
      arena: new SharedArrayBuffer(roomBytes),
      keyColumns: new SharedArrayBuffer(this.entriesMax * keyStride * 4),
      versionColumns: new SharedArrayBuffer(this.entriesMax * versionStride * 4),
      stamps: new SharedArrayBuffer(this.entriesMax * 16)
    }
    this.arena = new Uint8Array(this.memory.arena)
    this.keys = new Int32Array(this.memory.keyColumns)
    this.versions = new Int32Array(this.memory.versionColumns)
    this.stamps = new Float64Array(this.memory.stamps)
    const slots = 2 ** Math.ceil(Math.log2(this.entriesMax * 2))
    this.slots = new Int32Array(slots)
    this.mask = slots - 1
  }

  /** What a worker needs to read the table; it must not change any more. */
  get shared(): MemtableMemory {
    return { ...this.memory, keyCount: this.keyCount, versionCount: this.versionCount }
  }

  /** Bytes of keys and values in it. */
  get bytes(): number {
    return this.used
  }

  /** True when so many more entries with so many bytes of keys and values have room. */
  fits(entries: number, bytes: number): boolean {
    return this.versionCount + entries <= this.entriesMax && this.used + bytes <= this.arena.length
  }

  /** Adds a version, newer than all there are; a value of `undefined` deletes the key. */
  add(key: Uint8Array, value: Uint8Array | undefined, sequence: number, timeMillis: number): void {
    const { versions, keys } = this
    const id = this.keyId(key)
    const version = this.versionCount++
    const at = version * versionStride
    versions[at] = this.used
    versions[at + 1] = value === undefined ? 0 : value.length
    versions[at + 2] = entryFlag.hasTime | (value === undefined ? entryFlag.tombstone : 0)
    versions[at + 3] = keys[id * keyStride + 3] as number
    this.stamps[version * 2] = sequence
    this.stamps[version * 2 + 1] = timeMillis
    if (value !== undefined) {
      this.arena.set(value, this.used)
      this.used += value.length
    }
    keys[id * keyStride + 3] = version
    if (this.firstSequence === 0) this.firstSequence = sequence
    this.lastSequence = sequence
    this.lastTimeMillis = timeMillis
  }

  /** The newest version of a key with at most `sequence`, or −1. */
  find(key: Uint8Array, hash: number, sequence: number): number {
    const { keys, slots, mask } = this
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = (slots[slot] as number) - 1
      if (id < 0) return -1
      const at = id * keyStride
      if (keys[at + 2] === hash && this.isKey(at, key)) return this.visible(keys[at + 3] as number, sequence)
    }
  }

  /** Flags of a version. */
  flags(version: number): number {
    return this.versions[version * versionStride + 2] as number
  }

  sequence(version: number): number {
    return this.stamps[version * 2] as number
  }

  /** Where the value of a version begins in the arena, and its length. */
  valueStart(version: number): number {
    return this.versions[version * versionStride] as number
  }

  valueLength(version: number): number {
    return this.versions[version * versionStride + 1] as number
  }

  private visible(newest: number, sequence: number): number {
    let version = newest
    while (version >= 0 && (this.stamps[version * 2] as number) > sequence) {
      version = this.versions[version * versionStride + 3] as number
    }
    return version
  }

  private isKey(at: number, key: Uint8Array): boolean {
    const { arena, keys } = this
    const start = keys[at] as number
    if (keys[at + 1] !== key.length) return false
    for (let i = 0; i < key.length; i++) if (arena[start + i] !== key[i]) return false
    return true
  }

  private keyId(key: Uint8Array): number {
    const { keys, slots, mask } = this
    const hash = hashBytes(key, 0, key.length)
    let slot = hash & mask
    for (; ; slot = (slot + 1) & mask) {
      const id = (slots[slot] as number) - 1
      if (id < 0) break
      if (keys[id * keyStride + 2] === hash && this.isKey(id * keyStride, key)) return id
    }
    const id = this.keyCount++
    slots[slot] = id + 1
    const at = id * keyStride
    keys[at] = this.used
    keys[at + 1] = key.length
    keys[at + 2] = hash
    keys[at + 3] = -1
    this.arena.set(key, this.used)
    this.used += key.length
    return id
  }
}

/** The keys and versions of a memtable by number, for cursors here and in a worker. */
export class MemtableView {
  readonly arena: Uint8Array
  readonly keyCount: number
  private readonly keys: Int32Array
  private readonly versions: Int32Array
  private readonly stamps: Float64Array

  constructor(memory: MemtableMemory) {
    this.arena = new Uint8Array(memory.arena)
    this.keyCount = memory.keyCount
    this.keys = new Int32Array(memory.keyColumns)
    this.versions = new Int32Array(memory.versionColumns)
    this.stamps = new Float64Array(memory.stamps)
  }

  keyStart(id: number): number {
    return this.keys[id * keyStride] as number
  }

  keyLength(id: number): number {
    return this.keys[id * keyStride + 1] as number
  }

  newest(id: number): number {
    return this.keys[id * keyStride + 3] as number
  }

  /** The version below, or −1. */
  below(version: number): number {
    return this.versions[version * versionStride + 3] as number
  }

  valueStart(version: number): number {
    return this.versions[version * versionStride] as number
  }

  valueLength(version: number): number {
    return this.versions[version * versionStride + 1] as number
  }

  flags(version: number): number {
    return this.versions[version * versionStride + 2] as number
  }

  sequence(version: number): number {
    return this.stamps[version * 2] as number
  }

  timeMillis(version: number): number {
    return this.stamps[version * 2 + 1] as number
  }

  /** The order of two keys. */
  compare(left: number, right: number): number {
    const { arena } = this
    return compareBytes(
      arena,
      this.keyStart(left),
      this.keyLength(left),
      arena,
      this.keyStart(right),
      this.keyLength(right)
    )
  }

  /** The order of a key and other bytes. */
  compareWith(id: number, key: Uint8Array): number {
    return compareBytes(this.arena, this.keyStart(id), this.keyLength(id), key, 0, key.length)
  }
}
