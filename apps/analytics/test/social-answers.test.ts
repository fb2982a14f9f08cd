import * as path from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Archive, Lambda } from "@troupe/batch"
import { Broker, layerMemory, type Topic, type TopicRecord } from "@troupe/broker"
import { ActorSystem } from "@troupe/runtime"
import { ChunkLaw, Outputs, Serving, View } from "@troupe/views"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Aggregate from "../src/social/Aggregate.ts"
import * as Answers from "../src/social/Answers.ts"
import * as BatchProof from "../src/social/BatchProof.ts"
import * as Edition from "../src/social/Edition.ts"
import * as EditionDiff from "../src/social/EditionDiff.ts"
import * as EditionRows from "../src/social/EditionRows.ts"
import * as Pipeline from "../src/social/Pipeline.ts"
import * as Preprocess from "../src/social/Preprocess.ts"
import * as Questions from "../src/social/Questions.ts"
import * as RawTopic from "../src/social/RawTopic.ts"
import type { SocialEvent } from "../src/social/SocialEvent.ts"
import * as SocialIngest from "../src/social/SocialIngest.ts"
import { SocialRun } from "../src/social/SocialRun.ts"
import * as SocialSource from "../src/social/SocialSource.ts"

const services = Layer.mergeAll(layerMemory, ActorSystem.layer, NodeServices.layer)

const feed = (seed: number, events: number) =>
  Effect.gen(function* () {
    yield* SocialIngest.run(SocialSource.feed({ seed, events, days: 10 }), { onProgress: () => Effect.void })
    return yield* Pipeline.rawTopic
  })

const archived = (raw: Topic) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const root = yield* files.makeTempDirectoryScoped()
    const archive = yield* Archive.open({
      topic: raw,
      directory: path.join(root, "archive"),
      columns: Questions.columns
    })
    yield* archive.run()
    return { root, archive: archive.directory }
  })

const records = (topic: Topic) =>
  Effect.map(
    Stream.runCollect(topic.read({ from: 1, filters: ["p.>"] })),
    (all) => all as ReadonlyArray<TopicRecord>
  )

const seeds = () => Array.from({ length: count({ quick: 2, long: 40 }) }, (_, index) => firstSeed() + index)

describe.each(Edition.editions)("edition $version", (edition) => {
  it.live(
    "answers in views, in DuckDB and in Lambda's speed layer alike",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds()) {
          yield* Effect.gen(function* () {
            const raw = yield* feed(seed, 4_000)
            const { archive, root } = yield* archived(raw)
            const { lastSequence } = yield* raw.info
            const running = yield* Pipeline.run(edition, { chunkRecords: 500 })
            yield* running.caughtUp()

            const { rows } = yield* Serving.rows(Aggregate.view(edition))
            assert.deepStrictEqual(new Map(rows), new Map(yield* EditionRows.at(edition, lastSequence)))
            const proved = yield* BatchProof.prove(edition, rows, archive, lastSequence)
            assert.deepStrictEqual(proved.differences, [], `seed ${seed}`)
            assert.isTrue(proved.proved)
            assert.isAbove(proved.rows, 1_000)

            const lambda = yield* Lambda.open({
              ...Questions.rules,
              topic: raw,
              archive,
              directory: path.join(root, "batch"),
              decode: Questions.decode,
              questions: Questions.questions(edition)
            })
            yield* lambda.runBatch({ through: Math.floor(lastSequence * 0.6) })
            yield* lambda.catchUp()
            const [{ tables }, truth] = [yield* lambda.answer, yield* lambda.truth()]
            const kappa = Answers.fromRows(rows)
            for (const question of Answers.questions) {
              const expected = new Map([...(truth[question] ?? [])].sort())
              assert.isAbove(expected.size, 5)
              assert.deepStrictEqual(
                new Map([...kappa[question]].sort()),
                expected,
                `${question}, seed ${seed}`
              )
              assert.deepStrictEqual(
                new Map([...(tables[question] ?? [])].sort()),
                expected,
                `${question}, seed ${seed}`
              )
            }
          }).pipe(Effect.scoped, Effect.provide(services, { local: true }))
        }
      }),
    patience(60_000)
  )

  it.live("does not see where chunks are cut, and carries its state through a snapshot", () =>
    Effect.gen(function* () {
      const raw = yield* feed(firstSeed(), 1_500)
      const broker = yield* Broker
      const [first, second] = [Preprocess.view(edition), Aggregate.view(edition)]
      yield* (yield* Pipeline.run(edition, { chunkRecords: 64 })).caughtUp()
      const preprocessed = yield* broker.topic({ name: View.outputTopic(first) })
      const cuts = [[1], [7, 1, 3], [100]]
      for (const partition of [0, 3]) {
        const of = (all: ReadonlyArray<TopicRecord>) =>
          all.filter(({ subject }) => subject === `p.${partition}`)
        assert.isUndefined(ChunkLaw.check(first, of(yield* records(raw)), { partition, cuts }))
        assert.isUndefined(ChunkLaw.check(second, of(yield* records(preprocessed)), { partition, cuts }))
      }
      // A state that was stored and loaded after every record answers the same.
      const through = <State, Output>(view: View.View<State, Output>, all: ReadonlyArray<TopicRecord>) => {
        let state = view.initial(0)
        return all.flatMap((record) => {
          const folded = view.fold(view.state.decode(view.state.encode(state)), [record], 0)
          state = folded.state
          return folded.outputs
        })
      }
      const ofZero = (yield* records(raw)).filter(({ subject }) => subject === "p.0").slice(0, 300)
      assert.deepStrictEqual(through(first, ofZero), first.fold(first.initial(0), ofZero, 0).outputs)
    }).pipe(Effect.scoped, Effect.provide(services, { local: true }))
  )

  it.live("accounts for every record: accepted, or left out with a reason", () =>
    Effect.gen(function* () {
      const raw = yield* feed(firstSeed(), 4_000)
      yield* (yield* Pipeline.run(edition)).caughtUp()
      const view = Preprocess.view(edition)
      const outputs = yield* Outputs.read(view).pipe(
        Stream.runCollect,
        Effect.map((commits) => commits.flatMap((committed) => Outputs.decode(view, committed)))
      )
      const events = (yield* records(raw)).filter((record) => !RawTopic.isControl(record))
      assert.strictEqual(events.length, 4_000)
      assert.deepStrictEqual(
        outputs.map((output) => output.raw).sort((a, b) => a - b),
        events.map(({ sequence }) => sequence)
      )
      const reasons = new Set(outputs.map((output) => output.is))
      for (const is of ["accepted", "rejected", "duplicate"] as const) assert.isTrue(reasons.has(is), is)
      assert.strictEqual(reasons.has("ignored"), edition.version === 2)
    }).pipe(Effect.scoped, Effect.provide(services, { local: true }))
  )
})

const hour = 3_600_000
const begin = Date.UTC(2026, 0, 31, 20)

const event = (id: string, given: Partial<SocialEvent>): SocialEvent => ({
  id,
  kind: "like",
  user: "ann",
  post: "p1",
  author: "bob",
  topic: "cats",
  at: begin,
  ...given
})

/** What the editions answer to a few events that come in this order. */
const answering = (edition: Edition.Edition, events: ReadonlyArray<SocialEvent | string>) =>
  Effect.gen(function* () {
    const raw = yield* Pipeline.rawTopic
    for (const [index, given] of events.entries()) {
      yield* raw.append(
        RawTopic.request(typeof given === "string" ? given : JSON.stringify(given), index + 1)
      )
    }
    yield* (yield* Pipeline.run(edition)).caughtUp()
    const view = Preprocess.view(edition)
    const outputs = yield* Stream.runCollect(Outputs.read(view))
    return {
      tables: Answers.fromRows((yield* Serving.rows(Aggregate.view(edition))).rows),
      stages: outputs.flatMap((committed) => Outputs.decode(view, committed)).sort((a, b) => a.raw - b.raw)
    }
  }).pipe(Effect.scoped, Effect.provide(services, { local: true }))

describe("an event of the feed", () => {
  it.live("counts once, in its own hour, whatever comes twice or in another order", () =>
    Effect.gen(function* () {
      const [liked, unliked] = [event("e1", {}), event("e2", { kind: "unlike", at: begin + 60_000 })]
      const { tables } = yield* answering(Edition.v1, [unliked, liked, liked, unliked])
      assert.deepStrictEqual(tables["trending-hour"].get("2026-01-31T20/cats"), {
        posts: 0,
        likes: 1,
        unlikes: 1,
        reposts: 0,
        replies: 0,
        score: 0
      })
      // The unlike is the last word of ann about p1, though the like came after it.
      assert.deepStrictEqual(tables.influence.get("2026-01/bob"), {
        posts: 0,
        likes: 0,
        unlikes: 1,
        reposts: 0,
        replies: 0,
        score: 0
      })
    })
  )

  it.live("belongs to the month it was done in, and is late after six hours", () =>
    Effect.gen(function* () {
      const { stages, tables } = yield* answering(Edition.v1, [
        event("e1", {}),
        event("e2", { user: "eve", at: begin + 6 * hour + 120_000 }),
        event("e3", { user: "sam", at: begin }),
        event("e4", { user: "tom", at: begin - 1 })
      ])
      assert.deepStrictEqual(
        stages.map(({ is }) => is),
        ["accepted", "accepted", "accepted", "late"]
      )
      assert.strictEqual(tables.influence.get("2026-01/bob")?.["likes"], 2)
      assert.strictEqual(tables.influence.get("2026-02/bob")?.["likes"], 1)
    })
  )

  it.live("is rejected with a reason when it is none, or ahead of the broker's clock", () =>
    Effect.gen(function* () {
      const ahead = Math.floor(yield* Clock.currentTimeMillis) + hour
      const { stages } = yield* answering(Edition.v1, [
        "{",
        JSON.stringify({ ...event("e1", {}), at: "today" }),
        event("e2", { at: ahead }),
        event("e3", {})
      ])
      assert.deepStrictEqual(
        stages.map(({ is }) => is),
        ["rejected", "rejected", "rejected", "accepted"]
      )
      const issues = stages.map((stage) => ("issue" in stage ? stage.issue : ""))
      assert.match(issues[0] ?? "", /JSON/)
      assert.match(issues[1] ?? "", /at/)
      assert.match(issues[2] ?? "", /ahead of the broker's/)
    })
  )

  it.live("counts for one topic in version 2, however it is spelled, and not for its own author", () =>
    Effect.gen(function* () {
      const given = [
        event("e1", { topic: " Cats " }),
        event("e2", { user: "bob" }),
        event("e3", { kind: "post", user: "bob", topic: "CATS" }),
        event("e4", { topic: "  " })
      ]
      const { stages, tables } = yield* answering(Edition.v2, given)
      assert.deepStrictEqual(
        stages.map(({ is }) => is),
        ["accepted", "ignored", "accepted", "accepted"]
      )
      assert.deepStrictEqual([...tables["trending-hour"].keys()], ["2026-01-31T20/cats"])
      assert.strictEqual(tables["trending-hour"].get("2026-01-31T20/cats")?.["score"], 1.3)
    })
  )
})

describe("the difference of the editions", () => {
  it.live("is explained by the events that version 2 reads otherwise, and by no others", () =>
    Effect.gen(function* () {
      yield* feed(firstSeed(), 4_000)
      const files = yield* FileSystem.FileSystem
      const directory = yield* files.makeTempDirectoryScoped()
      const { report } = yield* EditionDiff.run().pipe(Effect.provide(SocialRun.layer(directory)))
      assert.strictEqual(report.unexplained, 0)
      for (const kind of ["added", "removed", "changed"] as const) assert.isAbove(report[kind], 10, kind)
      assert.notStrictEqual(report.v1Digest, report.v2Digest)
      for (const { because, sequences } of report.examples) {
        assert.isAbove(sequences.length, 0)
        assert.notInclude(because, "not an event")
      }
    }).pipe(Effect.scoped, Effect.provide(services, { local: true }))
  )
})
