/** A first-in first-out queue in one array; taking moves a head, so nothing is shifted. */
export class Mail<T> {
  private items: Array<T | undefined> = []
  private head = 0
  private tail = 0

  get length(): number {
    return this.tail - this.head
  }

  push(item: T): void {
    this.items[this.tail++] = item
  }

  shift(): T | undefined {
    if (this.head === this.tail) return undefined
    const item = this.items[this.head]
    this.items[this.head++] = undefined
    if (this.head === this.tail) {
      // A small array is kept for the next batch.
      if (this.tail > 1024) this.items = []
      this.head = 0
      this.tail = 0
    } else if (this.head >= 1024 && this.head * 2 >= this.tail) {
      this.items = this.items.slice(this.head, this.tail)
      this.tail -= this.head
      this.head = 0
    }
    return item
  }

  /** Removes `item`; false when it is not queued. */
  remove(item: T): boolean {
    const index = this.items.indexOf(item, this.head)
    if (index < 0 || index >= this.tail) return false
    this.items.splice(index, 1)
    this.tail--
    return true
  }
}
