/** Made-up histories for property tests: everything in them follows from a seed. */
import { type Change, Fold, type SessionSpec, type SessionState, Sessions } from "../src/index.ts"

/** An event as tests use it. */
export interface Hit {
  readonly id: string
  readonly key: string | null
  readonly at: number
  readonly value: number
}

/** What the test fold makes of a session: order and rounding both show in it. */
export type Result = {
  readonly count: number
  readonly total: number
  readonly path: ReadonlyArray<number>
}

export type HitSpec = SessionSpec<Hit, number, Result>

/** A specification with a gap of 100 ms, no delay and a lateness of 1 000 ms, but for what is given. */
export const hitSpec = (
  options: Partial<Parameters<typeof Sessions.define<Hit, number, Result>>[0]> = {}
): HitSpec =>
  Sessions.define<Hit, number, Result>({
    key: (hit) => hit.key,
    eventId: (hit) => hit.id,
    timeMillis: (hit) => hit.at,
    value: (hit) => hit.value,
    fold: Fold.struct({
      count: Fold.count,
      total: Fold.sum((value: number) => value),
      path: Fold.collect((value: number) => value)
    }),
    gapMillis: 100,
    delayMillis: 0,
    latenessMillis: 1000,
    ...options
  })

export const hit = (key: string | null, at: number, id = `${key}@${at}`): Hit => ({
  id,
  key,
  at,
  value: at / 10
})

/** A generator of numbers in [0, 1): mulberry32. */
export const random = (seed: number): (() => number) => {
  let a = seed | 0
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Events whose distances lie close to the gap, and how they come: each up to `disorder` ms late, a tenth twice. */
export const history = (
  seed: number,
  options: { readonly events: number; readonly disorder: number; readonly gap: number }
): ReadonlyArray<Hit> => {
  const next = random(seed)
  const whole = (below: number) => Math.floor(next() * below)
  const keys = 1 + whole(4)
  const distances = [0, 1, options.gap - 1, options.gap, options.gap + 1, options.gap * 2, options.gap * 5]
  const arrivals: Array<{ readonly hit: Hit; readonly arrives: number }> = []
  const clocks = Array.from({ length: keys }, () => 1_000_000 + whole(50))
  for (let i = 0; i < options.events; i++) {
    const k = whole(keys)
    const at = (clocks[k] ?? 0) + (distances[whole(distances.length)] ?? 0)
    clocks[k] = at
    const made: Hit = { id: `e${whole(1_000_000)}-${i}`, key: `k${k}`, at, value: whole(1000) / 7 }
    const late = () => (next() < 0.5 ? 0 : whole(options.disorder + 1))
    arrivals.push({ hit: made, arrives: at + late() })
    if (next() < 0.1) arrivals.push({ hit: made, arrives: at + late() })
  }
  return arrivals.sort((a, b) => a.arrives - b.arrives).map(({ hit }) => hit)
}

/** The same list in pieces of random length. */
export const pieces = <A>(items: ReadonlyArray<A>, next: () => number): ReadonlyArray<ReadonlyArray<A>> => {
  const chunks: Array<ReadonlyArray<A>> = []
  for (let at = 0; at < items.length; ) {
    const length = 1 + Math.floor(next() * next() * 40)
    chunks.push(items.slice(at, at + length))
    at += length
  }
  return chunks
}

export type HitChange = Change<number, Result>

/** Steps over chunks; `ends` also ends the input. */
export const run = (
  spec: HitSpec,
  chunks: ReadonlyArray<ReadonlyArray<Hit>>,
  options: { readonly ends?: boolean; readonly state?: SessionState<number> } = {}
): { readonly state: SessionState<number>; readonly changes: ReadonlyArray<HitChange> } => {
  let state = options.state ?? Sessions.initial<number>()
  const changes: Array<HitChange> = []
  for (const chunk of chunks) {
    const [after, told] = Sessions.step(spec, state, chunk)
    state = after
    changes.push(...told)
  }
  if (options.ends !== false) {
    const [after, told] = Sessions.end(spec, state)
    state = after
    changes.push(...told)
  }
  return { state, changes }
}

/** The changes of one kind, in order. */
export const only = <Tag extends HitChange["_tag"]>(
  changes: ReadonlyArray<HitChange>,
  tag: Tag
): ReadonlyArray<Extract<HitChange, { readonly _tag: Tag }>> =>
  changes.filter((change): change is Extract<HitChange, { readonly _tag: Tag }> => change._tag === tag)

/** Changes as short lines: what a reader of a test wants to see. */
export const lines = (changes: ReadonlyArray<HitChange>): ReadonlyArray<string> => changes.map(lineOf)

const lineOf = (change: HitChange): string => {
  switch (change._tag) {
    case "Opened":
    case "Closed":
    case "Corrected":
      return `${change._tag} ${change.key} ${change.startMillis}..${change.lastMillis} n${change.events} r${change.revision} ${change.closedBy}`
    case "Retracted":
      return `Retracted ${change.key} r${change.revision} ${change.into === null ? "gone" : "merged"}`
    case "Late":
      return `Late ${change.key} ${change.timeMillis} w${change.watermarkMillis} ${change.reason}`
    case "Quarantined":
      return `Quarantined ${change.key} ${change.reason} n${change.events}`
  }
}
