/**
 * When an append counts as acknowledged, on top of the sync on the primary's own disk: `local` at once; `received(n)` when
 * `n` replicas have it in their files; `durable(n)` when `n` replicas have synced it, so that it outlives any `n` of the
 * `n + 1` disks.
 */
export type Ack =
  | { readonly _tag: "Local" }
  | { readonly _tag: "Received"; readonly replicas: number }
  | { readonly _tag: "Durable"; readonly replicas: number }

const replicas = (n: number): number => {
  if (!(Number.isInteger(n) && n >= 1)) throw new RangeError(`a number of replicas is at least 1, not ${n}`)
  return n
}

/** Acknowledged by the primary's own disk. */
export const local: Ack = { _tag: "Local" }

/** Acknowledged when `n` replicas have it in their files: it survives the primary, not a power cut of all. */
export const received = (n: number): Ack => ({ _tag: "Received", replicas: replicas(n) })

/** Acknowledged when `n` replicas have synced it. */
export const durable = (n: number): Ack => ({ _tag: "Durable", replicas: replicas(n) })

/** How far each replica is. */
export interface Positions {
  /** Sequence after the last record in its files, synced, and applied. */
  readonly received: number
  readonly durable: number
  readonly applied: number
}

/** The sequence below which everything is acknowledged, where the primary has synced below `synced`. */
export const acknowledgedTo = (ack: Ack, synced: number, positions: ReadonlyArray<Positions>): number => {
  if (ack._tag === "Local") return synced
  const reached = positions
    .map((p) => (ack._tag === "Received" ? p.received : p.durable))
    .sort((a, b) => b - a)
  return Math.min(synced, reached[ack.replicas - 1] ?? 0)
}
