import * as CanonicalJson from "./CanonicalJson.ts"
import * as Sha256 from "./Sha256.ts"
import type { Row, Rows } from "./Table.ts"

/** The text of a row that digests are made of: the key as JSON, a colon, the row as canonical JSON. */
export const textOf = (key: string, row: Row): string =>
  `${JSON.stringify(key)}:${CanonicalJson.stringify(row)}`

/** SHA-256 (64 hex digits) of the texts of all rows, sorted by key (UTF-16 code units), each ended by a line feed. */
export const canonical = (rows: Rows): string => {
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return Sha256.hex(...sorted.map(([key, row]) => `${textOf(key, row)}\n`))
}

/** A digest that needs no order: equal sets of rows are equal, parts add up, and SQL computes the same. */
export interface OrderFree {
  readonly count: number
  /** Sum modulo 2^64 of the first 64 bits of each text's SHA-256, as 16 hex digits. */
  readonly sum: string
}

/**
 * The order-free digest of a table.
 *
 * In DuckDB: `sum(('0x' || left(sha256(text), 16))::UBIGINT::HUGEINT) % 18446744073709551616` over the same texts.
 */
export const orderFree = (rows: Rows): OrderFree => {
  let sum = 0n
  for (const [key, row] of rows) sum += BigInt(`0x${Sha256.ofText(textOf(key, row)).slice(0, 16)}`)
  return { count: rows.size, sum: BigInt.asUintN(64, sum).toString(16).padStart(16, "0") }
}
