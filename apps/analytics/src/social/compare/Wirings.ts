/** The ways to wire a Lambda over the feed that go wrong, each with the mishap that shows it. */
import { type Lambda, Wiring } from "@troupe/batch"
import * as Calendar from "../Calendar.ts"
import { type Edition, v2 } from "../Edition.ts"
import * as Lateness from "../Lateness.ts"
import * as QuestionSql from "../QuestionSql.ts"
import * as Questions from "../Questions.ts"
import type { SocialEvent } from "../SocialEvent.ts"
import * as SpaceSaving from "../SpaceSaving.ts"
import * as Tally from "../Tally.ts"

/** One wiring, and what befalls one of its batch runs. */
export interface Case {
  readonly wiring: Wiring.Wiring<SocialEvent>
  readonly mishap?: Lambda.Mishap
}

const kathmanduMillis = 5.75 * Calendar.hourMillis

const questionOf = (edition: Edition, name: string) => {
  const question = Questions.questions(edition).find((held) => held.name === name)
  if (question === undefined) throw new TypeError(`no question ${name}`)
  return question
}

/** Another program: its hours are Kathmandu's, and what is about nothing is about `none`. */
const elsewhere =
  (edition: Edition): Units =>
  (events) =>
    questionOf({ ...edition, topicOf: (event) => edition.topicOf(event) ?? "none" }, "trending-hour").units(
      events.map((event) => ({ ...event, at: event.at + kathmanduMillis }))
    )

type Units = ReturnType<typeof questionOf>["units"]

const countersPerHour = 8

/** Topics of an hour by SpaceSaving with too few counters: what is rare is lost, what took its place counts too much. */
const estimated =
  (edition: Edition): Units =>
  (events) => {
    const exact = [...questionOf(edition, "trending-hour").units(events)]
    const uses = new Map<string, SpaceSaving.SpaceSaving>()
    for (const event of new Map(events.map((held) => [held.id, held])).values()) {
      const topic = edition.topicOf(event)
      if (topic === null || !edition.counts(event)) continue
      const hour = Calendar.hourOf(event.at)
      const sketch = uses.get(hour) ?? SpaceSaving.make(countersPerHour)
      uses.set(hour, sketch)
      sketch.add(topic)
    }
    const counts = new Map<string, number>()
    for (const [hour, sketch] of uses) {
      for (const { count, name } of sketch.estimates()) counts.set(`${hour}/${name}`, count)
    }
    return exact.flatMap((unit) => {
      if (unit.row === null) return [unit]
      const count = counts.get(unit.key)
      if (count === undefined) return []
      // The sketch knows one number a topic: it is spread as the kinds are on average.
      const true_ = Tally.names.reduce((sum, name) => sum + Number(unit.row?.[name] ?? 0), 0)
      return [
        {
          ...unit,
          row: { ...unit.row, score: Math.round((Number(unit.row["score"]) * count * 10) / true_) / 10 }
        }
      ]
    })
  }

/** Scores of authors added as floating-point numbers, in the order of the log. */
const inFloats =
  (edition: Edition): Units =>
  (events) => {
    const sums = new Map<string, number>()
    for (const event of Questions.countedForAuthors(edition, events)) {
      const key = `${Calendar.monthOf(event.at)}/${event.author}`
      const worth = event.kind === "unlike" ? 0 : Tally.worthTenths[event.kind]
      sums.set(key, (sums.get(key) ?? 0) + worth / 10)
    }
    return [...questionOf(edition, "influence").units(events)].map((unit) =>
      unit.row === null ? unit : { ...unit, row: { ...unit.row, score: sums.get(unit.key) ?? 0 } }
    )
  }

/** Every wiring that goes wrong. */
export const naive = (edition: Edition): ReadonlyArray<Case> => [
  { wiring: Wiring.publishedApart, mishap: "dies-after-first-commit" },
  { wiring: Wiring.cutAtMidnight() },
  { wiring: Wiring.twoCodeBases({ "trending-hour": elsewhere(edition) }) },
  { wiring: Wiring.lateDropped },
  { wiring: Wiring.approximate({ "trending-hour": estimated(edition) }) },
  { wiring: Wiring.trimmedByAge(Lateness.latenessMillis), mishap: "fails" },
  { wiring: Wiring.failedBatchCounts, mishap: "fails" },
  {
    wiring: Wiring.reprocessedBatchOnly({
      "trending-hour": questionOf(v2, "trending-hour").sql,
      influence: questionOf(v2, "influence").sql
    })
  },
  {
    wiring: Wiring.floatSums(
      { influence: QuestionSql.influenceInFloats(edition) },
      { influence: inFloats(edition) }
    )
  }
]

/** The corrected wiring, through every mishap. */
export const corrected: ReadonlyArray<Case> = [
  { wiring: Wiring.corrected },
  { wiring: Wiring.corrected, mishap: "fails" },
  { wiring: Wiring.corrected, mishap: "dies-after-first-commit" }
]
