/**
 * The texts that digests are made of, written in SQL: the same characters as `CanonicalJson` of `@troupe/views` gives.
 */
import { type ColumnType, quote } from "./Columns.ts"

const escapes: ReadonlyArray<readonly [code: number, text: string]> = Array.from(
  { length: 32 },
  (_, code) => [code, JSON.stringify(String.fromCharCode(code)).slice(1, -1)]
)

const nest = (inner: string, [code, text]: readonly [number, string]): string =>
  `replace(${inner}, chr(${code}), '${text}')`

// Backslashes first: every other escape brings one in.
const quoted = String.raw`replace(replace(x, '\', '\\'), '"', '\"')`
const controls = escapes.reduce(nest, quoted)

/** Macros that every database of this package has: `canonical_text`, `canonical_integer`, `canonical_number`, `canonical_boolean`. */
export const macros: ReadonlyArray<string> = [
  `CREATE MACRO canonical_text(x) AS CASE
     WHEN x IS NULL THEN 'null'
     WHEN regexp_matches(x, '[\\x00-\\x1f]') THEN '"' || ${controls} || '"'
     ELSE '"' || ${quoted} || '"' END`,
  "CREATE MACRO canonical_integer(x) AS coalesce(CAST(CAST(x AS HUGEINT) AS VARCHAR), 'null')",
  // Outside these ranges ECMAScript and DuckDB write numbers differently: better no digest than a wrong one.
  `CREATE MACRO canonical_number(x) AS CASE
     WHEN x IS NULL THEN 'null'
     WHEN x = trunc(x) AND abs(x) <= 9007199254740991 THEN CAST(CAST(x AS BIGINT) AS VARCHAR)
     WHEN abs(x) >= 0.0001 AND abs(x) < 1e15 THEN CAST(CAST(x AS DOUBLE) AS VARCHAR)
     ELSE error('canonical_number: ' || CAST(x AS VARCHAR) || ' has no common text; round or scale it to an integer') END`,
  "CREATE MACRO canonical_boolean(x) AS CASE WHEN x IS NULL THEN 'null' WHEN x THEN 'true' ELSE 'false' END"
]

/** Fields of a row and what they hold. */
export type Fields = { readonly [field: string]: ColumnType }

/** The expression for `TableDigest.textOf(key, row)` over columns `key` and the fields. */
export const rowText = (fields: Fields): string => {
  const parts = Object.keys(fields)
    .sort()
    .map((field, index) => {
      const name = JSON.stringify(field).replaceAll("'", "''")
      return `'${index === 0 ? "" : ","}${name}:' || canonical_${fields[field]}(${quote(field)})`
    })
  return `canonical_text("key") || ':{' || ${parts.length === 0 ? "''" : parts.join(" || ")} || '}'`
}

/** The sum modulo 2^64 of the first 64 bits of hashes (hex), as 16 hex digits: `TableDigest.orderFree(…).sum`. */
export const sumOf = (hash: string): string =>
  `lower(format('{:016x}', coalesce(sum(('0x' || left(${hash}, 16))::UBIGINT::HUGEINT) % 18446744073709551616, 0)::UBIGINT))`
