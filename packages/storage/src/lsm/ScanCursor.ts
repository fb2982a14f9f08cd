import { type Bytes, compareBytes, toBytes } from "./Bytes.ts"
import { type EntryCursor, entryFlag } from "./EntryCursor.ts"

/** Which keys a scan goes over. Without bounds: all. */
export interface ScanOptions {
  /** Keys that begin with it. */
  readonly prefix?: Bytes
  readonly gt?: Bytes
  readonly gte?: Bytes
  readonly lt?: Bytes
  readonly lte?: Bytes
  /** True goes from the largest key down. */
  readonly reverse?: boolean
  /** The most entries; default: no bound. */
  readonly limit?: number
}

/** One key and its value, copied out of the store. */
export interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** The sequence of the write. */
  readonly sequence: number
}

interface Bound {
  readonly key: Uint8Array
  readonly isIn: boolean
}

/** The smallest key after all that begin with `prefix`, or `undefined` when there is none. */
const afterPrefix = (prefix: Uint8Array): Uint8Array | undefined => {
  let end = prefix.length
  while (end > 0 && prefix[end - 1] === 255) end--
  if (end === 0) return undefined
  const key = prefix.slice(0, end)
  key[end - 1] = (key[end - 1] as number) + 1
  return key
}

const tighter = (bounds: ReadonlyArray<Bound>, sign: number): Bound | undefined =>
  bounds.reduce<Bound | undefined>((best, bound) => {
    if (best === undefined) return bound
    const order = sign * compareBytes(bound.key, 0, bound.key.length, best.key, 0, best.key.length)
    return order > 0 || (order === 0 && !bound.isIn) ? bound : best
  }, undefined)

const boundsOf = (
  options: ScanOptions
): { readonly low: Bound | undefined; readonly high: Bound | undefined } => {
  const { gt, gte, lt, lte, prefix } = options
  const lows: Array<Bound> = []
  const highs: Array<Bound> = []
  if (gt !== undefined) lows.push({ key: toBytes(gt), isIn: false })
  if (gte !== undefined) lows.push({ key: toBytes(gte), isIn: true })
  if (lt !== undefined) highs.push({ key: toBytes(lt), isIn: false })
  if (lte !== undefined) highs.push({ key: toBytes(lte), isIn: true })
  if (prefix !== undefined) {
    lows.push({ key: toBytes(prefix), isIn: true })
    const end = afterPrefix(toBytes(prefix))
    if (end !== undefined) highs.push({ key: end, isIn: false })
  }
  return { low: tighter(lows, 1), high: tighter(highs, -1) }
}

/**
 * A walk over what a reader at one sequence sees: of each key the newest version that is not newer than that, and no
 * key that is deleted there. It keeps the files it reads until `close` or its end.
 */
export class ScanCursor {
  private readonly source: EntryCursor
  private readonly sequence: number
  private readonly reverse: boolean
  private readonly low: Bound | undefined
  private readonly high: Bound | undefined
  private left: number
  private readonly release: () => void
  private begun = false
  private closed = false
  private key = new Uint8Array(64)
  private keyLength = -1

  constructor(source: EntryCursor, sequence: number, options: ScanOptions, release: () => void) {
    this.source = source
    this.sequence = sequence
    this.reverse = options.reverse === true
    this.left = options.limit ?? Number.POSITIVE_INFINITY
    this.release = release
    const { low, high } = boundsOf(options)
    this.low = low
    this.high = high
  }

  /** Goes on from the first key in its direction that is `key` or past it; never out of the range of the scan. */
  seek(key: Bytes): void {
    if (this.closed) return
    const goal = toBytes(key)
    const start = this.reverse ? this.high : this.low
    const isBefore =
      start !== undefined &&
      (this.reverse ? -1 : 1) * compareBytes(goal, 0, goal.length, start.key, 0, start.key.length) <= 0
    this.keyLength = -1
    if (isBefore) this.begin()
    else {
      this.begun = true
      this.source.seek(goal, false)
    }
  }

  /** The next entry, or `undefined` at the end. */
  next(): Entry | undefined {
    if (this.closed) return undefined
    if (!this.begun) this.begin()
    const entry = this.left <= 0 ? undefined : this.reverse ? this.nextDown() : this.nextUp()
    this.left--
    if (entry === undefined) this.close()
    return entry
  }

  /** Gives the files back. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.release()
  }

  private begin(): void {
    this.begun = true
    const start = this.reverse ? this.high : this.low
    if (start === undefined) this.source.first()
    else this.source.seek(start.key, !start.isIn)
  }

  private nextUp(): Entry | undefined {
    const { source } = this
    for (; source.valid; source.next()) {
      if (source.sequence > this.sequence || this.isSameKey()) continue
      if (this.isPastEnd()) return undefined
      this.keepKey()
      if ((source.flags & entryFlag.tombstone) !== 0) continue
      const entry = this.entry()
      source.next()
      return entry
    }
    return undefined
  }

  private nextDown(): Entry | undefined {
    const { source } = this
    while (source.valid) {
      if (this.isPastEnd()) return undefined
      // Versions of one key come oldest first: the last one that is not too new counts.
      this.keepKey()
      let newest: Entry | undefined
      do {
        if (source.sequence <= this.sequence) {
          newest = (source.flags & entryFlag.tombstone) === 0 ? this.entry() : undefined
        }
        source.next()
      } while (source.valid && this.isSameKey())
      if (newest !== undefined) return newest
    }
    return undefined
  }

  private entry(): Entry {
    const { source } = this
    return {
      key: source.keyBytes.slice(source.keyStart, source.keyStart + source.keyLength),
      value: source.valueBytes.slice(source.valueStart, source.valueStart + source.valueLength),
      sequence: source.sequence
    }
  }

  private isSameKey(): boolean {
    const { source } = this
    return (
      source.keyLength === this.keyLength &&
      compareBytes(source.keyBytes, source.keyStart, source.keyLength, this.key, 0, this.keyLength) === 0
    )
  }

  private keepKey(): void {
    const { keyBytes, keyLength, keyStart } = this.source
    if (keyLength > this.key.length) this.key = new Uint8Array(keyLength * 2)
    const { key } = this
    for (let i = 0; i < keyLength; i++) key[i] = keyBytes[keyStart + i] as number
    this.keyLength = keyLength
  }

  private isPastEnd(): boolean {
    const end = this.reverse ? this.low : this.high
    if (end === undefined) return false
    const { keyBytes, keyLength, keyStart } = this.source
    const order =
      (this.reverse ? -1 : 1) * compareBytes(keyBytes, keyStart, keyLength, end.key, 0, end.key.length)
    return order > 0 || (order === 0 && !end.isIn)
  }
}
