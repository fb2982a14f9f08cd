import * as Formatter from "effect/Formatter"

/** What fits on one line. */
const widthMax = 80

/** A value as text for people: `Withdrawn { amount: 3 }`, over several lines where one is too short. */
export const show = (value: unknown): string => lines(value, [])

const lines = (value: unknown, around: ReadonlyArray<object>): string => {
  if (typeof value !== "object" || value === null) return Formatter.format(value)
  if (around.includes(value)) return "(itself)"
  const within = [...around, value]
  if (Array.isArray(value)) {
    return wrap(
      "[",
      value.map((item) => lines(item, within)),
      "]"
    )
  }
  const fields = Object.entries(value)
  // Maps, dates and the like hold what they hold elsewhere; an error may be all message.
  if (fields.length === 0 && Object.getPrototypeOf(value) !== Object.prototype) {
    return value instanceof Error ? String(value) : Formatter.format(value)
  }
  const name = nameOf(value)
  const shown = fields
    .filter(([key, field]) => key !== "_tag" || field !== name)
    .map(([key, field]) => `${key}: ${lines(field, within)}`)
  return wrap(name === "" ? "{" : `${name} {`, shown, "}", " ")
}

const nameOf = (value: object): string => {
  const name = value.constructor?.name ?? ""
  if (name !== "Object" && name !== "") return name
  return "_tag" in value && typeof value._tag === "string" ? value._tag : ""
}

const wrap = (open: string, parts: ReadonlyArray<string>, close: string, space = ""): string => {
  if (parts.length === 0) return `${open}${close}`
  const line = `${open}${space}${parts.join(", ")}${space}${close}`
  if (line.length <= widthMax && !line.includes("\n")) return line
  return `${open}\n${parts.map((part) => `  ${part.replaceAll("\n", "\n  ")}`).join(",\n")}\n${close}`
}
