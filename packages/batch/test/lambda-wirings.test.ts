import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory, Subject } from "@troupe/broker"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import { Archive, Comparison, type Lambda, Wiring } from "../src/index.ts"
import { directory } from "./feed.ts"
import {
  columns,
  decode,
  feed,
  fill,
  hour,
  type Interaction,
  minute,
  partitions,
  questions,
  rules,
  sessionsAgainSql,
  spendingInFloats,
  spendingInFloatsSql,
  trendingElsewhere,
  trendingEstimated
} from "./social.ts"

/** Far beyond what it takes, on a busy machine too. */
const timeoutMillis = count({ quick: 120_000, long: 1_200_000 })

const late = 2 * hour
const lateness = 3 * hour

/** A topic with a feed, its archive, and a place for batch views. */
const prepared = (seed: number, events = 1500) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const topic = yield* broker.topic({ name: `feed-${seed}` })
    yield* fill(topic, feed(seed, events, late))
    const root = yield* directory
    const archive = yield* Archive.open({ topic, directory: path.join(root, "archive"), columns })
    const { through } = yield* archive.run()
    yield* archive.verify
    let runs = 0
    const compare = (
      wiring: Wiring.Wiring<Interaction>,
      scenario: Comparison.Scenario,
      latenessMillis = lateness
    ) =>
      Comparison.run(
        {
          ...rules(latenessMillis),
          topic,
          archive: archive.directory,
          directory: path.join(root, `views-${runs++}`),
          decode,
          questions,
          wiring
        },
        scenario
      )
    return { compare, through }
  })

/** Batches and reads at equal distances, the third batch with a mishap. */
const scenarioOf = (through: number, mishap?: Lambda.Mishap): Comparison.Scenario => {
  const at = Array.from({ length: 6 }, (_, index) => Math.floor((through * (index + 1)) / 6))
  const batches = at.map((sequence, index) => ({
    at: sequence,
    ...(index === 2 && mishap !== undefined ? { mishap } : {})
  }))
  // Also between two batches, when the speed layer has moved on.
  return { batches, reads: at.flatMap((sequence) => [sequence, Math.min(through, sequence + 100)]) }
}

/** The questions that disagree, and how often. */
const summary = ({ disagreements }: Comparison.Compared): { readonly [question: string]: number } => {
  const counts: { [question: string]: number } = {}
  for (const { question } of disagreements) counts[question] = (counts[question] ?? 0) + 1
  return counts
}

const mishaps = [undefined, "fails", "dies-after-first-commit"] as const

describe("Lambda, corrected", () => {
  it.effect(
    "answers as a recomputation over all events, at every read and through every mishap",
    () =>
      Effect.gen(function* () {
        for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 2, long: 60 }); seed++) {
          const { compare, through } = yield* prepared(seed)
          for (const mishap of mishaps) {
            const found = yield* compare(Wiring.corrected, scenarioOf(through, mishap))
            assert.deepStrictEqual(found.disagreements, [], `seed ${seed}, ${mishap}`)
            assert.strictEqual(found.late, 0)
            assert.isAbove(found.rows, 1000)
          }
        }
      }).pipe(Effect.scoped, Effect.provide(layerMemory)),
    timeoutMillis
  )

  it.effect("differs from the recomputation where an event was too late for it, and nowhere else", () =>
    Effect.gen(function* () {
      const allowed = hour / 2
      const { compare, through } = yield* prepared(firstSeed())
      const found = yield* compare(Wiring.corrected, { ...scenarioOf(through), reads: [through] }, allowed)
      // Once more, without any of the code under test: which events are later than the rule allows?
      const newest = new Map<number, number>()
      const lateHours = new Set<string>()
      let lateEvents = 0
      for (const { at, tag, user } of feed(firstSeed(), 1500, late)) {
        const partition = Subject.partitionOf(user, partitions)
        const held = newest.get(partition)
        if (held !== undefined && at < held - 2 * minute - allowed) {
          lateEvents++
          lateHours.add(`${Math.floor(at / hour)}/${tag ?? "none"}`)
        }
        newest.set(partition, Math.max(held ?? 0, at))
      }
      assert.isAbove(lateEvents, 20)
      assert.strictEqual(found.late, lateEvents)
      const wrong = found.disagreements
        .filter(({ question }) => question === "trending")
        .map(({ key }) => key)
      assert.isAbove(wrong.length, 10)
      for (const key of wrong) assert.isTrue(lateHours.has(key), key)
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )
})

/** Each classic failure: its wiring, the mishap that it needs, and the questions that it must get wrong. */
const failures: ReadonlyArray<{
  readonly wiring: Wiring.Wiring<Interaction>
  readonly mishap?: Lambda.Mishap
  readonly wrong: ReadonlyArray<string>
}> = [
  {
    wiring: Wiring.publishedApart,
    mishap: "dies-after-first-commit",
    wrong: ["sessions", "spending", "trending"]
  },
  { wiring: Wiring.cutAtMidnight(), wrong: ["sessions"] },
  { wiring: Wiring.cutAtMidnight(-5.5 * hour), wrong: ["sessions", "spending", "trending"] },
  { wiring: Wiring.twoCodeBases({ trending: trendingElsewhere }), wrong: ["trending"] },
  { wiring: Wiring.lateDropped, wrong: ["sessions", "spending", "trending"] },
  { wiring: Wiring.approximate({ trending: trendingEstimated }), wrong: ["trending"] },
  { wiring: Wiring.trimmedByAge(6 * hour), mishap: "fails", wrong: ["sessions", "spending", "trending"] },
  { wiring: Wiring.failedBatchCounts, mishap: "fails", wrong: ["sessions", "spending", "trending"] },
  { wiring: Wiring.reprocessedBatchOnly({ sessions: sessionsAgainSql }), wrong: ["sessions"] },
  {
    wiring: Wiring.floatSums({ spending: spendingInFloatsSql }, { spending: spendingInFloats }),
    wrong: ["spending"]
  }
]

// The corrected wiring goes through the same feed, scenario and mishaps above, with no disagreement.
describe("Lambda, naive", () => {
  for (const [index, { mishap, wiring, wrong }] of failures.entries()) {
    it.effect(`${wiring.name} (${index}) is wrong about ${wrong.join(", ")}, and says why`, () =>
      Effect.gen(function* () {
        const { compare, through } = yield* prepared(firstSeed())
        const scenario = scenarioOf(through, mishap)
        const found = yield* compare(wiring, scenario)
        assert.deepStrictEqual(Object.keys(summary(found)).sort(), wrong)
        for (const { at, cause, lambda, truth } of found.disagreements) {
          assert.strictEqual(cause, wiring.cause)
          assert.notDeepEqual(lambda, truth)
          assert.include(scenario.reads, at)
        }
      }).pipe(Effect.scoped, Effect.provide(layerMemory))
    )
  }
})
