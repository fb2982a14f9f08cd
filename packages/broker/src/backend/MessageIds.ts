/** Where and when an id was first appended. */
export interface FirstAppend {
  readonly sequence: number
  readonly timeMillis: number
}

/**
 * The message ids of the last `windowMillis`, each counted from its first append: a repeat does not refresh it.
 *
 * An id stays known for its window also when its record is removed.
 */
export class MessageIds {
  // Insertion order is order of first append, so the oldest are always in front.
  private readonly firsts = new Map<string, FirstAppend>()
  private readonly windowMillis: number

  constructor(windowMillis: number) {
    this.windowMillis = windowMillis
  }

  get size(): number {
    return this.firsts.size
  }

  /** The first append of this id, when it is not older than the window. */
  first(id: string, nowMillis: number): FirstAppend | undefined {
    const found = this.firsts.get(id)
    return found !== undefined && nowMillis - found.timeMillis < this.windowMillis ? found : undefined
  }

  add(id: string, first: FirstAppend): void {
    // An id that comes again after its window is a new first append: it moves to the end.
    this.firsts.delete(id)
    this.firsts.set(id, first)
    this.prune(first.timeMillis)
  }

  /** Forgets the ids whose window is over. */
  prune(nowMillis: number): void {
    for (const [id, first] of this.firsts) {
      if (nowMillis - first.timeMillis < this.windowMillis) return
      this.firsts.delete(id)
    }
  }
}
