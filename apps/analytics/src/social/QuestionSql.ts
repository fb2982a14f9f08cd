/** The questions in DuckDB's SQL, over the archived raw events: written apart from the views, so that agreeing says something. */
import * as Answers from "./Answers.ts"
import * as Calendar from "./Calendar.ts"
import type { Edition } from "./Edition.ts"
import * as Tally from "./Tally.ts"

/** Each event once, as it came first; then only those that count. */
const counted = (edition: Edition): string => `
  SELECT * REPLACE (${edition.topicSql} AS topic) FROM (
    SELECT "partition", id, kind, "user", post, author, topic, "at"
    FROM events WHERE "at" IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY "partition", id ORDER BY sequence) = 1
  ) WHERE ${edition.countsSql}`

const of = (kind: string) =>
  `count(*) FILTER (kind = '${kind}') AS ${kind === "reply" ? "replies" : `${kind}s`}`
const tallies = ["post", "like", "unlike", "repost", "reply"].map(of).join(", ")

const score = (unlike: number): string =>
  `(posts * ${Tally.worthTenths.post} + likes * ${Tally.worthTenths.like} + unlikes * ${unlike}
    + reposts * ${Tally.worthTenths.repost} + replies * ${Tally.worthTenths.reply}) / 10`

const moment = (millis: string) => `make_timestamp(${millis} * 1000)`
const { dayMillis, hourMillis } = Calendar

/** Topics by windows of a length: columns `window` (a number), `topic` and the tallies. */
const byTopic = (edition: Edition, length: number, also = ""): string =>
  `SELECT "at" // ${length} AS "window", topic, ${also} ${tallies} FROM (${counted(edition)}) WHERE topic IS NOT NULL GROUP BY ALL`

/** Topics by windows of a length, whose keys `format` writes. */
export const trending = (edition: Edition, length: number, format: string): string => `
  SELECT strftime(${moment(`"window" * ${length}`)}, '${format}') || '/' || topic AS "key",
    ("window" + 1) * ${length} - 1 AS closes_at, ${Tally.names.join(", ")}, ${score(Tally.worthTenths.unlike)} AS score
  FROM (${byTopic(edition, length)})`

/** What counts for authors in a month: of the likes and unlikes of a post by a user the last, by (time, id); of everything else, all. */
const forAuthors = (edition: Edition): string => `
  SELECT *, date_trunc('month', ${moment('"at"')}) AS "month" FROM (${counted(edition)})
  QUALIFY kind NOT IN ('like', 'unlike')
    OR row_number() OVER (PARTITION BY "partition", "month", author, post, "user", kind IN ('like', 'unlike') ORDER BY "at" DESC, id DESC) = 1`

const byAuthor = (edition: Edition): string =>
  `SELECT "partition", "month", author, ${tallies} FROM (${forAuthors(edition)}) GROUP BY ALL`

const monthKeys = `strftime("month", '%Y-%m') || '/' || author AS "key", epoch_ms("month" + INTERVAL 1 MONTH) - 1 AS closes_at`

/** Authors by months. */
export const influence = (edition: Edition): string => {
  const sums = Tally.names.map((name) => `sum(${name})::BIGINT AS ${name}`).join(", ")
  return `
  SELECT ${monthKeys}, ${Tally.names.join(", ")}, ${score(0)} AS score
  FROM (SELECT "month", author, ${sums} FROM (${byAuthor(edition)}) GROUP BY "month", author)`
}

/** Authors by months with scores that are added as floating-point numbers, from the largest down: for the wiring that does so. */
export const influenceInFloats = (edition: Edition): string => {
  const worths = Object.entries(Tally.worthTenths).map(
    ([kind, worth]) => `WHEN '${kind}' THEN ${kind === "unlike" ? 0 : worth}`
  )
  return `
  SELECT ${monthKeys}, ${tallies}, list_sum(list(worth / 10 ORDER BY worth DESC)) AS score
  FROM (SELECT *, CASE kind ${worths.join(" ")} END AS worth FROM (${forAuthors(edition)}))
  GROUP BY "month", author`
}

/** Days with the topics that were trending in many of their hours. */
export const consistent = (edition: Edition): string => {
  const hours = `SELECT *, ${score(Tally.worthTenths.unlike)} AS score FROM (${byTopic(edition, hourMillis)})`
  return `
  WITH ranked AS (
    SELECT "window" // 24 AS "day", topic, row_number() OVER (PARTITION BY "window" ORDER BY score DESC, topic) AS place FROM (${hours})
  ), often AS (
    SELECT "day", topic, count(*) AS "hours" FROM ranked WHERE place <= ${Answers.trendingTop} GROUP BY ALL HAVING count(*) >= ${Answers.consistentHours}
  )
  SELECT strftime(${moment(`"day" * ${dayMillis}`)}, '%Y-%m-%d') AS "key", ("day" + 1) * ${dayMillis} - 1 AS closes_at,
    coalesce(string_agg(often.topic || ' ' || "hours", ', ' ORDER BY "hours" DESC, often.topic), '') AS topics
  FROM (SELECT DISTINCT "day" FROM ranked) LEFT JOIN often USING ("day") GROUP BY "day"`
}

/**
 * The rows of the aggregated stage as DuckDB computes them from the raw events: `partition`, `hour`, `key` and the tallies. What the proof
 * compares a view with.
 */
export const aggregated = (edition: Edition): string => `
  SELECT "partition", "window" AS "hour",
    'hour/' || strftime(${moment(`"window" * ${hourMillis}`)}, '%Y-%m-%dT%H') || '/' || "partition" || '/' || topic AS "key", ${Tally.names.join(", ")}
  FROM (${byTopic(edition, hourMillis, '"partition",')})
  UNION ALL
  SELECT "partition", epoch_ms("month") // ${hourMillis} AS "hour",
    'month/' || strftime("month", '%Y-%m') || '/' || "partition" || '/' || author AS "key", ${Tally.names.join(", ")}
  FROM (${byAuthor(edition)})`
