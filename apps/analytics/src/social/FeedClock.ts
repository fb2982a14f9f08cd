/** The feed's first moment: Monday 2026-01-05T00:00:00Z. */
export const startMillis = Date.UTC(2026, 0, 5)

const hourMillis = 3_600_000
const hoursPerWeek = 7 * 24

/** How busy each hour (UTC) of a day is, in thousandths of the busiest: a quarter of it at night. */
export const weekday: ReadonlyArray<number> = [
  400, 320, 270, 250, 250, 280, 380, 520, 640, 700, 740, 780, 820, 800, 760, 760, 790, 840, 900, 960, 1000,
  980, 820, 580
]
/** The same of a Saturday or Sunday: people stay up, get up late, and have the afternoon. */
export const weekend: ReadonlyArray<number> = [
  560, 450, 350, 290, 260, 250, 270, 330, 460, 600, 740, 860, 920, 940, 920, 900, 900, 920, 960, 1000, 1000,
  960, 860, 720
]

const week: ReadonlyArray<number> = Array.from({ length: hoursPerWeek }, (_, hour) => {
  const hours = Math.floor(hour / 24) < 5 ? weekday : weekend
  return hours[hour % 24] as number
})

/** The weight of the first `days` days. */
const weightOf = (days: number): number => {
  let sum = 0
  for (let hour = 0; hour < days * 24; hour++) sum += week[hour % hoursPerWeek] as number
  return sum
}

/** Says when the feed's events happen. */
export interface FeedClock {
  /** The moment (ms since 1970) of a position in the feed, 0 … events; positions must not go back. */
  readonly at: (position: number) => number
}

/** How many events in how much time: a number of them over whole days, or so many an average day, without end. */
export type Rate = { readonly events: number; readonly days: number } | { readonly eventsPerDay: number }

/** A clock under which a position's share of the events is its share of the time, each hour counted by how busy it is. */
export const make = (rate: Rate): FeedClock => {
  const weightPerEvent =
    "days" in rate ? weightOf(rate.days) / rate.events : weightOf(7) / 7 / rate.eventsPerDay
  const lastHour = "days" in rate ? rate.days * 24 - 1 : Number.POSITIVE_INFINITY
  let hour = 0
  let before = 0
  return {
    at: (position) => {
      const weight = position * weightPerEvent
      let width = week[hour % hoursPerWeek] as number
      while (before + width <= weight && hour < lastHour) {
        before += width
        hour++
        width = week[hour % hoursPerWeek] as number
      }
      const within = Math.min(hourMillis - 1, Math.floor(((weight - before) / width) * hourMillis))
      return startMillis + hour * hourMillis + within
    }
  }
}
