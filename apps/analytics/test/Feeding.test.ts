import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory, seededFaults, withFaults } from "@troupe/broker"
import { BrokerChoice } from "@troupe/console"
import { Control } from "@troupe/sessions"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type * as Feeding from "../src/Feeding.ts"
import * as Feed from "../src/social/Feed.ts"
import * as RawTopic from "../src/social/RawTopic.ts"
import * as SocialIngest from "../src/social/SocialIngest.ts"
import * as SocialSource from "../src/social/SocialSource.ts"
import { temporaryDirectory } from "./AnalyticsProcess.ts"

const options = { seed: 3, events: 1200, days: 2 }
const silent = { onProgress: () => Effect.void }
const text = new TextDecoder()

/** A feed in pieces small enough that an append has many neighbours to be confused with. */
const smallPieces = (source: SocialSource.Source, rows: number): SocialSource.Source => ({
  ...source,
  read: (fromRow) =>
    source.read(fromRow).pipe(
      Stream.flatMap(({ requests }) => Stream.fromIterable(requests)),
      Stream.grouped(rows),
      Stream.map((requests) => {
        const lastRow = Number(requests.at(-1)?.headers?.[RawTopic.rowHeader])
        return { requests, lastRow, done: lastRow }
      })
    )
})

const source = smallPieces(SocialSource.feed(options), 100)
const pieces = 12

/** What the topic holds of the feed, in order: one line a record. */
const contents = Effect.gen(function* () {
  const topic = yield* (yield* Broker).topic({ name: RawTopic.name })
  const records = yield* Stream.runCollect(topic.read({ from: "first", filters: ["p.*"] }))
  return records.map(({ data, headers, subject }) => {
    const control = Control.ofHeaders(headers)?._tag ?? ""
    return `${subject} ${headers[RawTopic.rowHeader]} ${control}${text.decode(data)}`
  })
})

/** What it holds after an undisturbed run; the lines themselves say which. */
const expected = (() => {
  const records = [...Feed.lines(options)].map((line, i) => {
    const { subject } = RawTopic.request(line, i + 1)
    return `${subject} ${i + 1} ${line}`
  })
  for (let partition = 0; partition < RawTopic.partitions; partition++) {
    records.push(`p.${partition} ${options.events} EndOfInput`)
  }
  return records
})()

/** Lets time pass for as long as something runs. */
const withTime = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(self, Effect.forever(TestClock.adjust("1 second")))

/** Stopped as a process is: nothing of it runs after piece `pieces` went in. */
const stoppedAfter = (pieces: number) => {
  let seen = 0
  return SocialIngest.run(source, {
    onProgress: () => (++seen === pieces ? Effect.die("stopped") : Effect.void)
  })
}

describe("feeding a topic", () => {
  it.effect("appends every row and the end, once", () =>
    Effect.gen(function* () {
      const progress: Array<Feeding.Progress> = []
      const fed = yield* SocialIngest.run(source, {
        onProgress: (step) => Effect.sync(() => void progress.push(step))
      })
      assert.deepStrictEqual(fed, { resumedFrom: 0, wroteEnd: true })
      assert.deepStrictEqual(yield* contents, expected)
      assert.deepStrictEqual(progress.at(0), { done: 100, total: options.events })
      assert.deepStrictEqual(progress.at(-1), { done: options.events, total: options.events })
      const again = yield* SocialIngest.run(source, silent)
      assert.deepStrictEqual(again, { resumedFrom: options.events, wroteEnd: false })
      assert.deepStrictEqual(yield* contents, expected)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("stopped after any piece and begun again, holds what it holds undisturbed", () =>
    Effect.gen(function* () {
      for (let piece = 1; piece <= pieces; piece++) {
        yield* Effect.gen(function* () {
          assert.isTrue(Exit.isFailure(yield* Effect.exit(stoppedAfter(piece))))
          assert.strictEqual((yield* contents).length, piece * 100)
          // Again, in pieces of another size: rows count, not pieces.
          const fed = yield* SocialIngest.run(smallPieces(source, 70), silent)
          assert.strictEqual(fed.resumedFrom, piece * 100)
          assert.deepStrictEqual(yield* contents, expected)
        }).pipe(Effect.provide(layerMemory, { local: true }))
      }
    })
  )

  it.live("stopped and opened again on files, holds what it holds undisturbed", () =>
    Effect.gen(function* () {
      using directory = temporaryDirectory()
      const opened = <A, E>(self: Effect.Effect<A, E, Broker>) =>
        self.pipe(
          Effect.provide(
            BrokerChoice.layer({ broker: "embedded", directory: { path: directory.path, isKept: true } }),
            { local: true }
          ),
          Effect.provide(NodeFileSystem.layer)
        )
      for (const after of [2, 1, 4]) yield* Effect.exit(opened(stoppedAfter(after)))
      const fed = yield* opened(SocialIngest.run(source, silent))
      assert.strictEqual(fed.resumedFrom, 700)
      assert.deepStrictEqual(yield* opened(contents), expected)
    })
  )

  it.effect("leaves the topic open for what is to come, when it is told to", () =>
    Effect.gen(function* () {
      for (const row of [0, 1, 250, 250, 1200]) {
        const fed = yield* SocialIngest.run(SocialSource.until(source, row), { ...silent, end: false })
        assert.isFalse(fed.wroteEnd)
        assert.deepStrictEqual(yield* contents, expected.slice(0, row))
      }
      yield* SocialIngest.run(source, silent)
      assert.deepStrictEqual(yield* contents, expected)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("appends nothing twice and leaves nothing out, whatever the broker answers", () =>
    Effect.gen(function* () {
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 20, long: 500 }); seed++) {
        const faults = seededFaults({ seed, busy: 0.1, unavailable: 0.1, unknown: 0.3, delayMillisMax: 100 })
        yield* Effect.gen(function* () {
          const broker = withFaults(yield* Broker, faults)
          const fed = yield* withTime(
            SocialIngest.run(source, silent).pipe(Effect.provideService(Broker, broker))
          )
          assert.isTrue(fed.wroteEnd, `seed ${seed}`)
          assert.deepStrictEqual(yield* contents, expected, `seed ${seed}`)
        }).pipe(Effect.provide(layerMemory, { local: true }))
      }
    })
  )

  it.effect("of one input refuses another", () =>
    Effect.gen(function* () {
      yield* SocialIngest.run(SocialSource.until(source, 5), { ...silent, end: false })
      const other = SocialSource.feed({ ...options, seed: 4 })
      const error = yield* Effect.flip(SocialIngest.run(other, silent))
      assert.strictEqual(error._tag, "OtherInput")
      assert.match(error.message, /already holds .* seed 3, .*, not .* seed 4, .* --data DIR/)
      assert.deepStrictEqual(yield* contents, expected.slice(0, 5))
    }).pipe(Effect.provide(layerMemory))
  )
})

describe("two writers", () => {
  /** A source that waits before it gives its piece number `piece`. */
  const held = (piece: number, latch: Deferred.Deferred<void>): SocialSource.Source => {
    let seen = 0
    return {
      ...source,
      read: (fromRow) =>
        Stream.tap(source.read(fromRow), () => (++seen === piece ? Deferred.await(latch) : Effect.void))
    }
  }

  it.effect("the one left behind stops when the other has ended the feed", () =>
    Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const slow = yield* Effect.forkChild(SocialIngest.run(held(3, latch), silent), {
        startImmediately: true
      })
      yield* SocialIngest.run(smallPieces(source, 30), silent)
      yield* Deferred.succeed(latch, undefined)
      const error = yield* Effect.flip(Fiber.join(slow))
      assert.strictEqual(error._tag, "OtherWriter")
      assert.match(error.message, /at row 1200\. Stop one of the two/)
      assert.deepStrictEqual(yield* contents, expected)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("the one ahead of a piece that the other has begun stops", () =>
    Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const ahead = yield* Effect.forkChild(SocialIngest.run(held(3, latch), silent), {
        startImmediately: true
      })
      yield* SocialIngest.run(SocialSource.until(source, 250), { ...silent, end: false })
      yield* Deferred.succeed(latch, undefined)
      const error = yield* Effect.flip(Fiber.join(ahead))
      assert.strictEqual(error._tag, "OtherWriter")
      assert.deepStrictEqual(yield* contents, expected.slice(0, 250))
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("racing each other on a doubtful broker never append a row twice or out of order", () =>
    Effect.gen(function* () {
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 20, long: 500 }); seed++) {
        yield* Effect.gen(function* () {
          const broker = yield* Broker
          const writer = (of: number, rows: number) => {
            const faults = seededFaults({
              seed: 2 * seed + of,
              unavailable: 0.1,
              unknown: 0.2,
              delayMillisMax: 300
            })
            return SocialIngest.run(smallPieces(source, rows), silent).pipe(
              Effect.provideService(Broker, withFaults(broker, faults)),
              Effect.exit
            )
          }
          const exits = yield* withTime(
            Effect.all([writer(0, 50), writer(1, 60)], { concurrency: "unbounded" })
          )
          const about = `seed ${seed}: ${exits.map(({ _tag }) => _tag).join(", ")}`
          const found = yield* contents
          assert.deepStrictEqual(found, expected.slice(0, found.length), about)
          if (exits.some(Exit.isSuccess)) assert.strictEqual(found.length, expected.length, about)
          // Whatever is left is for the next run.
          yield* SocialIngest.run(source, silent)
          assert.deepStrictEqual(yield* contents, expected, about)
        }).pipe(Effect.provide(layerMemory, { local: true }))
      }
    })
  )
})
