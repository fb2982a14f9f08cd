import { EntryCursor } from "./EntryCursor.ts"
import type { MemtableView } from "./Memtable.ts"

/** A walk over one sorted run of a memtable's keys, all versions of each. */
export class MemtableCursor extends EntryCursor {
  private readonly view: MemtableView
  private readonly order: Uint32Array
  private readonly reverse: boolean
  private at = 0
  private version = -1
  /** Going down: the versions of the present key, newest first, that are still to come. */
  private readonly pending: Array<number> = []

  constructor(view: MemtableView, order: Uint32Array, reverse: boolean) {
    super()
    this.view = view
    this.order = order
    this.reverse = reverse
    this.keyBytes = view.arena
    this.valueBytes = view.arena
  }

  first(): void {
    this.enter(this.reverse ? this.order.length - 1 : 0)
  }

  seek(key: Uint8Array, past: boolean): void {
    const after = this.reverse ? !past : past
    let low = 0
    let high = this.order.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = this.view.compareWith(this.order[middle] as number, key)
      if (order < 0 || (after && order === 0)) low = middle + 1
      else high = middle
    }
    this.enter(this.reverse ? low - 1 : low)
  }

  next(): void {
    const version = this.reverse ? (this.pending.pop() ?? -1) : this.view.below(this.version)
    if (version >= 0) this.show(version)
    else this.enter(this.at + (this.reverse ? -1 : 1))
  }

  private enter(at: number): void {
    this.at = at
    this.valid = at >= 0 && at < this.order.length
    if (!this.valid) return
    const id = this.order[at] as number
    this.keyStart = this.view.keyStart(id)
    this.keyLength = this.view.keyLength(id)
    const newest = this.view.newest(id)
    if (!this.reverse) {
      this.show(newest)
      return
    }
    this.pending.length = 0
    for (let version = newest; version >= 0; version = this.view.below(version)) this.pending.push(version)
    this.show(this.pending.pop() as number)
  }

  private show(version: number): void {
    const { view } = this
    this.version = version
    this.valueStart = view.valueStart(version)
    this.valueLength = view.valueLength(version)
    this.flags = view.flags(version)
    this.sequence = view.sequence(version)
    this.timeMillis = view.timeMillis(version)
  }
}
