import type { Table } from "@troupe/views"

/** Where two versions disagree about one visitor: the sessions of the one, and of the other over the same time. */
export interface Split {
  readonly key: string
  readonly v1: ReadonlyArray<Span>
  readonly v2: ReadonlyArray<Span>
}

/** One session, in short. */
export interface Span {
  readonly startMillis: number
  readonly lastMillis: number
  readonly events: number
}

const byKey = (rows: Table.Rows): Map<string, Array<Span>> => {
  const all = new Map<string, Array<Span>>()
  for (const row of rows.values()) {
    const key = String(row["key"])
    const span = {
      startMillis: Number(row["startMillis"]),
      lastMillis: Number(row["lastMillis"]),
      events: Number(row["events"])
    }
    const spans = all.get(key)
    if (spans === undefined) all.set(key, [span])
    else spans.push(span)
  }
  for (const spans of all.values()) spans.sort((a, b) => a.startMillis - b.startMillis)
  return all
}

const isSame = (a: Span, b: Span) =>
  a.startMillis === b.startMillis && a.lastMillis === b.lastMillis && a.events === b.events

/**
 * Every stretch of time in which the two tables have different sessions of a visitor, in order of visitor and time.
 *
 * A stretch is the smallest one that cuts no session of either table.
 */
export const splits = (v1: Table.Rows, v2: Table.Rows): ReadonlyArray<Split> => {
  const [old, now] = [byKey(v1), byKey(v2)]
  const found: Array<Split> = []
  for (const key of [...new Set([...old.keys(), ...now.keys()])].sort()) {
    const [left, right] = [[...(old.get(key) ?? [])], [...(now.get(key) ?? [])]]
    while (left.length > 0 || right.length > 0) {
      const stretch = { v1: [] as Array<Span>, v2: [] as Array<Span> }
      const begin = Math.min(
        left[0]?.startMillis ?? Number.POSITIVE_INFINITY,
        right[0]?.startMillis ?? Number.POSITIVE_INFINITY
      )
      let last = begin
      for (;;) {
        const from: [Array<Span>, Array<Span>] | undefined =
          left[0] !== undefined && left[0].startMillis <= last
            ? [left, stretch.v1]
            : right[0] !== undefined && right[0].startMillis <= last
              ? [right, stretch.v2]
              : undefined
        const span = from?.[0].shift()
        if (from === undefined || span === undefined) break
        from[1].push(span)
        last = Math.max(last, span.lastMillis)
      }
      const [a] = stretch.v1
      const [b] = stretch.v2
      const same =
        stretch.v1.length === 1 &&
        stretch.v2.length === 1 &&
        a !== undefined &&
        b !== undefined &&
        isSame(a, b)
      if (!same) found.push({ key, ...stretch })
    }
  }
  return found
}
