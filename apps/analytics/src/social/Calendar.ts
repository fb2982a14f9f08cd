/** Hours, days and months in UTC, as keys of rows: `2026-01-05T13`, `2026-01-05`, `2026-01`. */

export const hourMillis = 3_600_000
export const dayMillis = 24 * hourMillis

const iso = (millis: number): string => new Date(millis).toISOString()

const remembered = (length: number, span: number) => {
  // Events come nearly in order: the last answer is mostly the next one too.
  let last = Number.NaN
  let key = ""
  return (millis: number): string => {
    const at = Math.floor(millis / span)
    if (at !== last) {
      last = at
      key = iso(at * span).slice(0, length)
    }
    return key
  }
}

/** The hour of a moment. */
export const hourOf: (millis: number) => string = remembered(13, hourMillis)

/** The day of a moment. */
export const dayOf: (millis: number) => string = remembered(10, dayMillis)

/** The month of a moment. */
export const monthOf: (millis: number) => string = remembered(7, dayMillis)

/** First moment of an hour's, day's or month's key. */
export const startOf = (key: string): number => {
  const [year, month, day] = key.slice(0, 10).split("-").map(Number)
  const hour = key.length > 11 ? Number(key.slice(11, 13)) : 0
  return Date.UTC(year ?? 0, (month ?? 1) - 1, day ?? 1, hour)
}

/** Last moment (ms) of an hour's, day's or month's key. */
export const endOf = (key: string): number => {
  const start = startOf(key)
  if (key.length === 13) return start + hourMillis - 1
  if (key.length === 10) return start + dayMillis - 1
  const first = new Date(start)
  return Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 1) - 1
}
