import type { SubscriptionSettings, SubscriptionSnapshot } from "@troupe/broker/backend"

/** One entry of a subscription's log. */
export type ProgressEntry =
  | {
      readonly kind: "whole"
      readonly settings: SubscriptionSettings
      readonly snapshot: SubscriptionSnapshot
    }
  | { readonly kind: "handed"; readonly sequence: number; readonly attempt: number }
  | { readonly kind: "settled"; readonly sequence: number }
  | { readonly kind: "delayed"; readonly sequence: number; readonly dueMillis: number }
  | { readonly kind: "exhausted"; readonly sequence: number }

/** Marks of entries in the log: format, do not renumber. */
const mark = { whole: 1, handed: 2, settled: 3, delayed: 4, exhausted: 5 } as const

const utf8 = new TextEncoder()
const text = new TextDecoder()

/** An entry as the log keeps it: `whole` as JSON, the others as one or two `f64`, little-endian. */
export const encodeProgress = (
  entry: ProgressEntry
): { readonly mark: number; readonly value: Uint8Array } => {
  switch (entry.kind) {
    case "whole":
      return { mark: mark.whole, value: utf8.encode(JSON.stringify(entry)) }
    case "handed":
      return { mark: mark.handed, value: numbers(entry.sequence, entry.attempt) }
    case "settled":
      return { mark: mark.settled, value: numbers(entry.sequence) }
    case "delayed":
      return { mark: mark.delayed, value: numbers(entry.sequence, entry.dueMillis) }
    case "exhausted":
      return { mark: mark.exhausted, value: numbers(entry.sequence) }
  }
}

/** The entry that was kept so. Throws for a mark that this version does not know. */
export const decodeProgress = (kind: number, value: Uint8Array): ProgressEntry => {
  if (kind === mark.whole) return JSON.parse(text.decode(value)) as ProgressEntry
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const sequence = view.getFloat64(0, true)
  switch (kind) {
    case mark.handed:
      return { kind: "handed", sequence, attempt: view.getFloat64(8, true) }
    case mark.settled:
      return { kind: "settled", sequence }
    case mark.delayed:
      return { kind: "delayed", sequence, dueMillis: view.getFloat64(8, true) }
    case mark.exhausted:
      return { kind: "exhausted", sequence }
    default:
      throw new RangeError(
        `a subscription's log has an entry of kind ${kind}: upgrade @troupe/broker-embedded`
      )
  }
}

const numbers = (...values: ReadonlyArray<number>): Uint8Array => {
  const bytes = new Uint8Array(8 * values.length)
  const view = new DataView(bytes.buffer)
  values.forEach((value, i) => {
    view.setFloat64(8 * i, value, true)
  })
  return bytes
}

/** A subscription as its log tells it. */
export interface Progress {
  readonly settings: SubscriptionSettings
  readonly snapshot: SubscriptionSnapshot
}

/** Folds a subscription's log. Begins at any `whole`; what comes before the first one says nothing. */
export class ProgressFold {
  private settings: SubscriptionSettings | undefined
  private position = 1
  private backlog = new Set<number>()
  private outstanding = new Map<number, { attempt: number; dueMillis: number }>()
  private exhausted = new Set<number>()

  add(entry: ProgressEntry): void {
    switch (entry.kind) {
      case "whole":
        this.settings = entry.settings
        this.position = entry.snapshot.position
        this.backlog = new Set(entry.snapshot.backlog)
        this.outstanding = new Map(
          entry.snapshot.outstanding.map(([sequence, attempt, dueMillis]) => [
            sequence,
            { attempt, dueMillis }
          ])
        )
        this.exhausted = new Set(entry.snapshot.exhausted)
        return
      case "handed":
        // New records are handed out in rising order; below the position only the backlog and redeliveries come.
        this.position = Math.max(this.position, entry.sequence + 1)
        this.backlog.delete(entry.sequence)
        this.outstanding.set(entry.sequence, { attempt: entry.attempt, dueMillis: 0 })
        return
      case "settled":
        this.outstanding.delete(entry.sequence)
        return
      case "delayed": {
        const found = this.outstanding.get(entry.sequence)
        if (found !== undefined) found.dueMillis = entry.dueMillis
        return
      }
      case "exhausted":
        this.outstanding.delete(entry.sequence)
        this.exhausted.add(entry.sequence)
    }
  }

  /** What the entries came to; `undefined` when there was no `whole` among them. */
  get progress(): Progress | undefined {
    if (this.settings === undefined) return undefined
    const rising = (numbers: Iterable<number>) => Array.from(numbers).sort((a, b) => a - b)
    return {
      settings: this.settings,
      snapshot: {
        position: this.position,
        backlog: rising(this.backlog),
        outstanding: Array.from(
          this.outstanding,
          ([sequence, { attempt, dueMillis }]) => [sequence, attempt, dueMillis] as const
        ).sort((a, b) => a[0] - b[0]),
        exhausted: rising(this.exhausted)
      }
    }
  }
}
