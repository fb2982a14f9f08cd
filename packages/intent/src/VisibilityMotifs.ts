/**
 * Motifs of horizontal visibility graphs: how the symbols of four consecutive events, taken as heights, see each other.
 *
 * Nodes i < j see each other when every value between them is strictly smaller than both. Of four values a b c d the
 * neighbours always do; ac when b < min(a, c), bd when c < min(b, d), ad when max(b, c) < min(a, d). Six combinations are
 * possible. Source: Luque, Lacasa et al. 2009; Iacovacci, Lacasa, *Sequential visibility-graph motifs* (2016).
 */
import { codes, type InputSymbol, symbols } from "./InputSymbol.ts"

/** The edges of each motif beside those of neighbours. */
export const motifs = [[], ["ac"], ["bd"], ["ac", "ad"], ["bd", "ad"], ["ad"]] as const

/** How many motifs there are. */
export const motifCount = motifs.length

/** Position in `motifs` of four values. */
export const motifOf = (a: number, b: number, c: number, d: number): number => {
  const ac = b < Math.min(a, c)
  const bd = c < Math.min(b, d)
  const ad = Math.max(b, c) < Math.min(a, d)
  if (ac) return ad ? 3 : 1
  if (bd) return ad ? 4 : 2
  return ad ? 5 : 0
}

/** The motif of each four codes in a row, the newest counting least. */
const table = Uint8Array.from({ length: 625 }, (_, i) => {
  const value = (power: number) => symbols[Math.floor(i / power) % 5] as number
  return motifOf(value(125), value(25), value(5), value(1))
})

/** A session's motifs so far. */
export interface MotifState {
  /** The last four codes as digits. */
  window: number
  events: number
  /** How often each motif was there; they sum to `events − 3`. */
  readonly counts: Int32Array
}

/** Before the first event. */
export const initial = (): MotifState => ({ window: 0, events: 0, counts: new Int32Array(motifCount) })

/** Takes the next event: constant work. */
export const step = (state: MotifState, symbol: InputSymbol): void => {
  state.window = (state.window * 5 + (codes[symbol] as number)) % 625
  state.events++
  if (state.events < 4) return
  const motif = table[state.window] as number
  state.counts[motif] = (state.counts[motif] as number) + 1
}

/** The relative frequencies of the six motifs over `events − 3` windows; all 0 before the fourth event. */
export const frequencies = (state: MotifState): ReadonlyArray<number> =>
  Array.from(state.counts, (count) => (state.events < 4 ? 0 : count / (state.events - 3)))
