/**
 * A session so far as 33 small whole numbers: what trees split on. Constant work an event.
 *
 * Counts of the five symbols, of the 25 pairs, the number of events, and the codes of the two newest symbols; counts stop at
 * 31, so each number is its own bin of a histogram. Not exported from the package.
 */
import { alphabetSize } from "./InputSymbol.ts"

const eventsAt = alphabetSize + alphabetSize * alphabetSize
const newestAt = eventsAt + 1
const beforeAt = eventsAt + 2

/** How many numbers. */
export const width = eventsAt + 3

/** How many values each of them can have. */
export const values = 32

const none = alphabetSize

/** Before the first event. */
export const initial = (): Uint8Array => {
  const state = new Uint8Array(width)
  state[newestAt] = none
  state[beforeAt] = none
  return state
}

const count = (state: Uint8Array, at: number): void => {
  const value = state[at] as number
  if (value < values - 1) state[at] = value + 1
}

/** Takes the next event. */
export const step = (state: Uint8Array, code: number): void => {
  const newest = state[newestAt] as number
  count(state, code)
  if (newest !== none) count(state, alphabetSize + newest * alphabetSize + code)
  count(state, eventsAt)
  state[beforeAt] = newest
  state[newestAt] = code
}
