/**
 * k-grams of one to three symbols as an exact index: 5 + 30 + 180 positions, the beginning of a session being a symbol of
 * its own on the left, and after them the symbol of each of the first four clicks.
 *
 * Counts of k-grams up to an event change by one of each length an event, so whatever is linear in them is O(1) online.
 * What a first-order chain says of a session is linear in the counts of pairs; that a session of whom only the first
 * events are known will reach the fifth is linear in the early clicks.
 */
import { alphabetSize } from "./InputSymbol.ts"

/** Values of a position left of the newest symbol: the beginning, or one of the five. */
const base = alphabetSize + 1

const pairsAt = alphabetSize
const triplesAt = pairsAt + base * alphabetSize
const earlyAt = triplesAt + base * base * alphabetSize

/** How many clicks of a session have a position of their own. */
export const earlyClicks = 4

/** How many positions there are. */
export const size = earlyAt + earlyClicks * alphabetSize

/** Contexts of the newest symbol: the two before it. The beginning is context 0. */
export const contexts = base * base

/** The context after `code`. */
export const nextContext = (context: number, code: number): number => (context % base) * base + code + 1

/** Position of the pair that ends in `code`. */
export const pairOf = (context: number, code: number): number =>
  pairsAt + (context % base) * alphabetSize + code

/** Position of the triple that ends in `code`. */
export const tripleOf = (context: number, code: number): number => triplesAt + context * alphabetSize + code

/** Position of `code` as the click number `before` + 1, which is one of the early ones. */
export const earlyOf = (before: number, code: number): number => earlyAt + before * alphabetSize + code

const names = ["view", "detail", "add", "remove", "click"] as const
const nameOf = (value: number): string => (value === 0 ? "begin" : (names[value - 1] as string))

/** A position in words: `view→detail→add`, `begin→view`, `click 3 is add`. */
export const describe = (position: number): string => {
  if (position < pairsAt) return nameOf(position + 1)
  if (position < triplesAt) {
    const pair = position - pairsAt
    return `${nameOf(Math.floor(pair / alphabetSize))}→${nameOf((pair % alphabetSize) + 1)}`
  }
  if (position < earlyAt) {
    const triple = position - triplesAt
    const context = Math.floor(triple / alphabetSize)
    const before = Math.floor(context / base)
    const tail = `${nameOf(context % base)}→${nameOf((triple % alphabetSize) + 1)}`
    return before === 0 && context % base === 0 ? `${tail} at once` : `${nameOf(before)}→${tail}`
  }
  const early = position - earlyAt
  return `click ${Math.floor(early / alphabetSize) + 1} is ${nameOf((early % alphabetSize) + 1)}`
}
