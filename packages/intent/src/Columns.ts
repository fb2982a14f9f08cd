import { codes } from "./InputSymbol.ts"
import type { Trajectory } from "./Trajectory.ts"

/** Trajectories as typed arrays: session i has the codes from `starts[i]` to `starts[i + 1]`. */
export interface Columns {
  readonly sessions: number
  readonly events: number
  readonly codes: Uint8Array
  readonly starts: Int32Array
  readonly labels: Uint8Array
}

/** Lays trajectories out in order; empty ones too. */
export const columnsOf = (trajectories: ReadonlyArray<Trajectory>): Columns => {
  const starts = new Int32Array(trajectories.length + 1)
  const labels = new Uint8Array(trajectories.length)
  for (const [i, { label, symbols }] of trajectories.entries()) {
    starts[i + 1] = (starts[i] as number) + symbols.length
    labels[i] = label
  }
  const events = starts[trajectories.length] as number
  const columns = new Uint8Array(events)
  let at = 0
  for (const { symbols } of trajectories)
    for (const symbol of symbols) columns[at++] = codes[symbol] as number
  return { sessions: trajectories.length, events, codes: columns, starts, labels }
}
