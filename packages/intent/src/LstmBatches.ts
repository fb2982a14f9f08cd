import type { Prng } from "@troupe/clickstream"
import type { Columns } from "./Columns.ts"
import { alphabetSize } from "./InputSymbol.ts"
import type { Batch } from "./LstmTape.ts"

/** The input that stands for the beginning of a session, where a net wants one. */
export const beginning = alphabetSize
/** The target that stands for its end. */
export const ending = alphabetSize

/** A batch with what each row is to say. */
export interface TargetBatch extends Batch {
  readonly targets: Uint8Array
}

/**
 * How sessions become rows. `label`: a row an event, whose target is the session's label. `next`: a row for the beginning
 * and each event, whose target is what comes next, the end included.
 */
export type Rows = "label" | "next"

/** Rows a session takes. */
const rowsOf = (columns: Columns, session: number, rows: Rows): number =>
  (columns.starts[session + 1] as number) - (columns.starts[session] as number) + (rows === "next" ? 1 : 0)

/** Sessions shuffled together before they are sorted by length: similar lengths make good batches, but not always the same ones. */
const windowBatches = 8

/** A seeded shuffle of the sessions with rows, cut into batches of similar length in random order. */
export const plan = (
  columns: Columns,
  options: { readonly rows: Rows; readonly sessions: number; readonly prng: Prng.Prng }
): ReadonlyArray<ReadonlyArray<number>> => {
  const { prng, rows } = options
  const order: Array<number> = []
  for (let i = 0; i < columns.sessions; i++) if (rowsOf(columns, i, rows) > 0) order.push(i)
  shuffle(order, prng)
  const window = options.sessions * windowBatches
  const batches: Array<ReadonlyArray<number>> = []
  for (let from = 0; from < order.length; from += window) {
    const near = order.slice(from, from + window)
    near.sort((a, b) => rowsOf(columns, b, rows) - rowsOf(columns, a, rows) || a - b)
    for (let at = 0; at < near.length; at += options.sessions)
      batches.push(near.slice(at, at + options.sessions))
  }
  shuffle(batches, prng)
  return batches
}

/** Fisher-Yates, in place. */
const shuffle = <A>(items: Array<A>, prng: Prng.Prng): void => {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(prng.next() * (i + 1))
    const held = items[i] as A
    items[i] = items[j] as A
    items[j] = held
  }
}

/** Lays sessions, sorted by falling length, out as rows. */
export const lay = (columns: Columns, sessions: ReadonlyArray<number>, rows: Rows): TargetBatch => {
  const lengths = sessions.map((session) => rowsOf(columns, session, rows))
  const times = lengths[0] ?? 0
  const starts = new Int32Array(times + 1)
  for (let t = 0, active = sessions.length; t < times; t++) {
    while (active > 0 && (lengths[active - 1] as number) <= t) active--
    starts[t + 1] = (starts[t] as number) + active
  }
  const total = starts[times] as number
  const symbols = new Uint8Array(total)
  const targets = new Uint8Array(total)
  for (const [b, session] of sessions.entries()) {
    const from = columns.starts[session] as number
    const length = lengths[b] as number
    for (let t = 0; t < length; t++) {
      const row = (starts[t] as number) + b
      if (rows === "label") {
        symbols[row] = columns.codes[from + t] as number
        targets[row] = columns.labels[session] as number
      } else {
        symbols[row] = t === 0 ? beginning : (columns.codes[from + t - 1] as number)
        targets[row] = t === length - 1 ? ending : (columns.codes[from + t] as number)
      }
    }
  }
  return { count: sessions.length, rows: total, starts, times, symbols, targets }
}

/** The largest numbers of rows and sessions of any batch of so many sessions: what a tape must hold. */
export const bounds = (
  columns: Columns,
  sessions: number,
  rows: Rows
): { readonly rows: number; readonly sessions: number } => {
  const lengths = Array.from({ length: columns.sessions }, (_, i) => rowsOf(columns, i, rows)).sort(
    (a, b) => b - a
  )
  return {
    rows: Math.max(
      1,
      lengths.slice(0, sessions).reduce((sum, length) => sum + length, 0)
    ),
    sessions: Math.max(1, Math.min(sessions, columns.sessions))
  }
}
