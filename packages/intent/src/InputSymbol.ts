/**
 * The five symbols a model may see. A purchase (5) is what is predicted: the type keeps it out of every input.
 */
import type { Symbols } from "@troupe/clickstream"

/** 1 view, 2 detail, 3 add, 4 remove, 6 click. */
export type InputSymbol = Exclude<Symbols.ShopSymbol, 5>

/** How many input symbols there are. */
export const alphabetSize = 5

/** The symbol of each code 0 … 4: what typed arrays hold. */
export const symbols: readonly [1, 2, 3, 4, 6] = [1, 2, 3, 4, 6]

/** The code 0 … 4 of each symbol; 255 where there is none. */
export const codes: Readonly<Uint8Array> = Uint8Array.of(255, 0, 1, 2, 3, 255, 4)

/** True for everything but a purchase. */
export const isInput = (symbol: Symbols.ShopSymbol): symbol is InputSymbol => symbol !== 5
