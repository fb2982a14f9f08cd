/** Slots of a queue that got its first item; a power of two, like every size after it. */
const slotsMin = 4

/** Slots that an empty queue keeps for its next burst; more are given back. */
const slotsKept = 1024

/** A first-in first-out queue in a ring that doubles when it is full; nothing is allocated or moved for an item. */
export class Mail<T> {
  private items: Array<T | undefined> = none
  /** Position of the oldest item. */
  private head = 0
  length = 0

  push(item: T): void {
    if (this.length === this.items.length) this.grow()
    this.items[(this.head + this.length++) & (this.items.length - 1)] = item
  }

  /** Puts an item before all others. */
  unshift(item: T): void {
    if (this.length === this.items.length) this.grow()
    this.head = (this.head - 1) & (this.items.length - 1)
    this.items[this.head] = item
    this.length++
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const { head, items } = this
    const item = items[head]
    items[head] = undefined
    this.head = (head + 1) & (items.length - 1)
    if (--this.length === 0 && items.length > slotsKept) {
      this.items = none
      this.head = 0
    }
    return item
  }

  /** Removes `item`; false when it is not queued. Takes time in proportion to the length. */
  remove(item: T): boolean {
    const queued = this.inOrder()
    const index = queued.indexOf(item)
    if (index < 0) return false
    queued.splice(index, 1)
    this.items.fill(undefined)
    this.head = 0
    this.length = 0
    for (const other of queued) this.push(other as T)
    return true
  }

  private grow(): void {
    const items = this.inOrder()
    const slots = Math.max(slotsMin, this.items.length * 2)
    // Slots are filled, not left as holes: reading a hole is slower.
    while (items.length < slots) items.push(undefined)
    this.items = items
    this.head = 0
  }

  /** What is queued, oldest first, in an array of its own. */
  private inOrder(): Array<T | undefined> {
    const { head, items, length } = this
    const end = head + length
    return end <= items.length
      ? items.slice(head, end)
      : [...items.slice(head), ...items.slice(0, end - items.length)]
  }
}

/** The ring of every empty queue; never written to, because it has no slot. */
const none: Array<never> = []
