/** Figures and rows as text. */

/** A whole number with its thousands apart. */
export const count = (value: number): string =>
  Math.round(value).toLocaleString("en").replaceAll(",", "\u202f")

/** Milliseconds; a dash for none. */
export const millis = (value: number | null): string =>
  value === null ? "–" : value < 10 ? `${Math.round(value * 10) / 10} ms` : `${count(value)} ms`

export const seconds = (value: number): string =>
  value < 10_000 ? `${(value / 1000).toFixed(1)} s` : `${count(value / 1000)} s`

export const kibibytes = (bytes: number): string => `${count(bytes / 1024)} KiB`

/** A name as people wrote it: spaces at its ends can be seen. */
export const spelled = (name: string): string =>
  name.replaceAll(/^ +| +$/g, (spaces) => "␣".repeat(spaces.length))

/** A row in short: what is 0 is left out. */
export const rowText = (row: Readonly<Record<string, number | string>> | null): string => {
  if (row === null) return "no row"
  const parts = Object.entries(row)
    .filter(([, value]) => value !== 0)
    .map(([name, value]) => (name === "topics" ? String(value) : `${name} ${value}`))
  return parts.join(", ") || "all 0"
}

/** A day and hour as the views name them, for people. */
export const windowText = (key: string): string =>
  key === "" ? "–" : key.replace("T", " ").concat(key.length === 13 ? ":00 UTC" : "")
