/** One subject that has records: its oldest and newest, and how many. */
export interface SubjectEntry {
  readonly id: number
  readonly name: string
  first: number
  last: number
  count: number
}

/** The subjects that have records, by name and by a small number that columns can hold. */
export class SubjectTable {
  private readonly byName = new Map<string, SubjectEntry>()
  private readonly byId: Array<SubjectEntry | undefined> = [undefined]
  private readonly free: Array<number> = []
  /** Grows when a number may now mean another subject: who caches by number starts anew. */
  recycled = 0

  get size(): number {
    return this.byName.size
  }

  get(name: string): SubjectEntry | undefined {
    return this.byName.get(name)
  }

  at(id: number): SubjectEntry | undefined {
    return this.byId[id]
  }

  /** Every subject with records; in no order. */
  values(): IterableIterator<SubjectEntry> {
    return this.byName.values()
  }

  getOrAdd(name: string): SubjectEntry {
    const found = this.byName.get(name)
    if (found !== undefined) return found
    const reused = this.free.pop()
    if (reused !== undefined) this.recycled++
    const entry = { id: reused ?? this.byId.length, name, first: 0, last: 0, count: 0 }
    this.byId[entry.id] = entry
    this.byName.set(name, entry)
    return entry
  }

  remove(entry: SubjectEntry): void {
    this.byName.delete(entry.name)
    this.byId[entry.id] = undefined
    this.free.push(entry.id)
  }
}
