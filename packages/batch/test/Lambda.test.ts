import * as path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Archive, BatchError, Disk, Fenced, Lambda, Publication } from "../src/index.ts"
import { deadlyDisk, directory } from "./feed.ts"
import { columns, decode, feed, fill, hour, type Interaction, questions, rules, trending } from "./social.ts"

const events = feed(7, 900, hour)

const world = Effect.gen(function* () {
  const broker = yield* Broker
  const topic = yield* broker.topic({ name: "feed" })
  const root = yield* directory
  const archive = yield* Archive.open({ topic, directory: path.join(root, "archive"), columns })
  const options: Lambda.Options<Interaction> = {
    ...rules(2 * hour),
    topic,
    archive: archive.directory,
    directory: path.join(root, "views"),
    decode,
    questions
  }
  const archiveAll = Effect.andThen(archive.run(), archive.verify)
  return { archive, archiveAll, options, topic }
})

const isTruth = (lambda: Lambda.Lambda) =>
  Effect.gen(function* () {
    const [{ tables }, truth] = [yield* lambda.answer, yield* lambda.truth()]
    for (const { name } of questions)
      assert.deepStrictEqual(new Map(tables[name]), new Map(sorted(tables[name], truth[name])))
  })

/** The truth in the order of the answer's rows: order says nothing. */
const sorted = (
  order: Publication.Publication["tables"][string] = new Map(),
  rows: typeof order = new Map()
) => {
  const found = [...order.keys()].flatMap((key) => {
    const row = rows.get(key)
    return row === undefined ? [] : [[key, row] as const]
  })
  assert.strictEqual(rows.size, order.size)
  return found
}

describe("Lambda", () => {
  it.effect(
    "answers from both layers: most rows come from the batch view, and every row from one of them",
    () =>
      Effect.gen(function* () {
        const { archiveAll, options, topic } = yield* world
        yield* fill(topic, events)
        yield* archiveAll
        const lambda = yield* Lambda.open(options)
        yield* lambda.catchUp()
        assert.strictEqual((yield* lambda.answer).version, 0)
        yield* isTruth(lambda)
        const published = yield* lambda.runBatch()
        yield* lambda.catchUp()
        const answer = yield* lambda.answer
        assert.deepInclude(answer, {
          version: 1,
          through: published.through,
          closedBefore: published.closedBefore
        })
        for (const { name } of questions) {
          const [batch, all] = [published.tables[name]?.size ?? 0, answer.tables[name]?.size ?? 0]
          assert.isAbove(batch, all * 0.8)
          assert.isAbove(all, batch)
        }
        yield* isTruth(lambda)
      }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect(
    "goes on after a restart and after retention, from the archive where the topic has nothing left",
    () =>
      Effect.gen(function* () {
        const { archive, archiveAll, options, topic } = yield* world
        yield* fill(topic, events.slice(0, 700))
        yield* archiveAll
        const before = yield* Lambda.open(options)
        yield* before.runBatch()
        yield* archive.trim({ below: 651 })
        yield* fill(topic, events.slice(700))
        const after = yield* Lambda.open(options)
        yield* after.catchUp()
        assert.strictEqual((yield* after.answer).version, 1)
        yield* archiveAll
        yield* isTruth(after)
        yield* after.runBatch()
        yield* after.catchUp()
        assert.strictEqual((yield* after.answer).version, 2)
        yield* isTruth(after)
      }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("draws every line at the same millisecond on both sides", () =>
    Effect.gen(function* () {
      const { archiveAll, options, topic } = yield* world
      const { delayMillis, latenessMillis } = options
      const ends = 480_000 * hour
      // B will be the very last moment of the hour before `ends`.
      const newest = ends - 1 + delayMillis + latenessMillis
      const event = (id: string, at: number): Interaction => ({ id, user: "u", tag: "t", at, tenths: 1 })
      const lambda = yield* Lambda.open({ ...options, partitions: 1, questions: [trending] })
      const append = (event: Interaction) =>
        topic.append({ subject: "p.0", data: new TextEncoder().encode(JSON.stringify(event)) })
      for (const held of [event("a", ends - hour), event("b", ends - hour - 1), event("c", newest)])
        yield* append(held)
      yield* archiveAll
      const published = yield* lambda.runBatch()
      assert.strictEqual(published.closedBefore, ends - 1)
      assert.deepStrictEqual([...(published.tables["trending"] ?? [])], [["479998/t", { uses: 1 }]])
      yield* lambda.catchUp()
      // Just in time for the hour that is still open, and a millisecond too late for it.
      yield* append(event("d", ends - 1))
      yield* append(event("e", ends - 2))
      yield* lambda.catchUp()
      assert.strictEqual(yield* lambda.late, 1)
      const rows = (held: Lambda.Answer) => [...(held.tables["trending"] ?? [])].sort()
      const expected: Array<[string, { readonly uses: number }]> = [
        ["479998/t", { uses: 1 }],
        ["479999/t", { uses: 2 }],
        [`${Math.floor(newest / hour)}/t`, { uses: 1 }]
      ]
      assert.deepStrictEqual(rows(yield* lambda.answer), expected)
      // Two hours on, the batch layer has judged both as the speed layer did.
      yield* append(event("f", newest + 2 * hour))
      yield* archiveAll
      const next = yield* lambda.runBatch()
      assert.deepStrictEqual([...(next.tables["trending"] ?? [])].sort().slice(0, 2), expected.slice(0, 2))
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("adopts a batch view only when the speed layer has read as far", () =>
    Effect.gen(function* () {
      const { archiveAll, options, topic } = yield* world
      yield* fill(topic, events)
      yield* archiveAll
      const lambda = yield* Lambda.open(options)
      const { through } = yield* lambda.runBatch()
      yield* lambda.catchUp({ through: through - 1 })
      assert.strictEqual((yield* lambda.answer).version, 0)
      yield* lambda.catchUp()
      assert.strictEqual((yield* lambda.answer).version, 1)
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("publishes on a schedule, and a failed run leaves the view that was", () =>
    Effect.gen(function* () {
      const { archiveAll, options, topic } = yield* world
      const lambda = yield* Lambda.open(options)
      let runs = 0
      let failed = 0
      // The second run fails; a run counts when it is over, so that what follows sees its outcome.
      const before = Effect.suspend((): Effect.Effect<unknown, BatchError> => {
        runs++
        if (runs !== 2) return archiveAll
        failed++
        return Effect.fail(new BatchError({ operation: "archive", reason: new Fenced({ version: 1 }) }))
      })
      const version = Effect.map(Publication.newest(options.directory), (held) => held.version)
      yield* fill(topic, events.slice(0, 400))
      yield* lambda.schedule(Schedule.spaced("1 minute"), before)
      yield* tickUntil(Effect.map(version, (held) => held === 1))
      const first = yield* Publication.newest(options.directory)
      yield* fill(topic, events.slice(400))
      yield* tickUntil(Effect.sync(() => failed === 1))
      assert.deepStrictEqual(yield* Publication.newest(options.directory), first)
      yield* tickUntil(Effect.map(version, (held) => held === 2))
      yield* lambda.catchUp()
      yield* isTruth(lambda)
      // Runs that found nothing new published nothing.
      assert.strictEqual(yield* version, 2)
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )

  it.effect("has the old batch view or the new one, whichever write a batch was killed at", () =>
    Effect.gen(function* () {
      const { archiveAll, options, topic } = yield* world
      yield* fill(topic, events.slice(0, 500))
      yield* archiveAll
      const run = (disk: Disk, views: string) =>
        Effect.flatMap(Lambda.open({ ...options, directory: views }), (lambda) => lambda.runBatch()).pipe(
          Effect.provideService(Disk, disk)
        )
      const root = yield* directory
      const counting = deadlyDisk(Number.POSITIVE_INFINITY, "after")
      const whole = yield* run(counting.disk, path.join(root, "whole"))
      assert.isAtLeast(counting.changes(), 5)
      let published = 0
      for (let at = 1; at <= counting.changes(); at++) {
        for (const when of ["during", "after"] as const) {
          const views = path.join(root, `${at}-${when}`)
          const deadly = deadlyDisk(at, when)
          yield* Effect.raceFirst(run(deadly.disk, views), deadly.killed)
          const left = yield* Publication.newest(views)
          if (left.version === 1) published++
          assert.deepStrictEqual(
            left,
            left.version === 0 ? Publication.none : whole,
            `killed ${when} write ${at}`
          )
          const { disk } = deadlyDisk(Number.POSITIVE_INFINITY, "after")
          assert.deepStrictEqual(yield* run(disk, views), whole, `after a kill ${when} write ${at}`)
        }
      }
      // Some kills were before the commit and some behind it.
      assert.isAbove(published, 0)
      assert.isBelow(published, 2 * counting.changes())
    }).pipe(Effect.scoped, Effect.provide(layerMemory))
  )
})

/** Moves the clock minute by minute until it has happened; the I/O in between is real and takes the time it needs. */
const tickUntil = <E>(happened: Effect.Effect<boolean, E>) =>
  Effect.gen(function* () {
    while (!(yield* happened)) {
      yield* TestClock.adjust("1 minute")
      yield* Effect.promise(() => new Promise((resume) => setImmediate(resume)))
    }
  })
