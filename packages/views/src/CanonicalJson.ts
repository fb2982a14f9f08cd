/** A JSON value. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [field: string]: Json }

/**
 * The one text of a JSON value: fields sorted by UTF-16 code unit, no white space, numbers as ECMAScript prints them, -0 as 0.
 * Equal values have equal texts; it follows RFC 8785. Throws `TypeError` for what JSON cannot hold (NaN, infinities).
 */
export const stringify = (value: Json): string => {
  if (value === null) return "null"
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError(`not a JSON number: ${value}`)
    return JSON.stringify(value)
  }
  if (typeof value !== "object") return JSON.stringify(value)
  if (isArray(value)) return `[${value.map(stringify).join(",")}]`
  const fields: Array<string> = []
  for (const field of Object.keys(value).sort()) {
    const held = value[field]
    if (held !== undefined) fields.push(`${JSON.stringify(field)}:${stringify(held)}`)
  }
  return `{${fields.join(",")}}`
}

const isArray = (value: Json): value is ReadonlyArray<Json> => Array.isArray(value)
