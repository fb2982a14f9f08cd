/** When to save a snapshot. */
export interface SnapshotPolicy {
  readonly events: number
}

/** Saves a snapshot each time at least `events` events came since the last; throws `RangeError` below 1. */
export const every = (events: number): SnapshotPolicy => {
  if (!Number.isSafeInteger(events) || events < 1) {
    throw new RangeError(`EventSourced.every(${events}): must be a whole number of at least 1`)
  }
  return { events }
}
