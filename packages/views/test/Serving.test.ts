import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory, seededFaults, type Topic, withFaults } from "@troupe/broker"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Codec, type RunningServing, Serving, type Table, View, Views } from "../src/index.ts"
import { topicName } from "../src/ServedRecord.ts"
import { outputTopic } from "../src/View.ts"
import { fill, table, totals, truth } from "./counting.ts"
import { aroundAppendAll, asProcess, killer } from "./killing.ts"

const partitions = 3
const events = 600
const view = totals({})
const local = <A, E>(effect: Effect.Effect<A, E, Broker>) =>
  Effect.provide(effect, layerMemory, { local: true })
const sorted = (rows: ReadonlyMap<string, unknown>) => [...rows].sort()

/** Folds purchases `from` … `to` − 1, in commits of at most 40 records. */
const produce = (from: number, to: number) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const input = yield* broker.topic({ name: "purchases" })
    yield* fill(input, partitions, from, to)
    yield* asProcess(view, { input, partitions, chunkRecords: 40 }, broker, (running) => running.caughtUp())
    return broker
  })

/** Serves as a process of its own would, until `until` ends. */
const serve = <A, E>(broker: Broker["Service"], until: (running: RunningServing) => Effect.Effect<A, E>) =>
  Effect.flatMap(Serving.run(view, table), until).pipe(Effect.scoped, Effect.provideService(Broker, broker))
const toTheEnd = (running: RunningServing) => running.caughtUp()

/** Every row and fence there is, without the ids of writers: what two runs must agree on. */
const served = (broker: Broker["Service"]) =>
  Effect.gen(function* () {
    const topic = yield* broker.topic({ name: topicName(view), limits: { maxRecordsPerSubject: 1 } })
    const records = yield* Stream.runCollect(topic.read({ from: "first" }))
    const text = new TextDecoder()
    return records
      .map(({ data, subject }) => ({ subject, ...JSON.parse(text.decode(data)) }))
      .map(({ batch: _, writer: __, ...held }) => held)
      .sort((a, b) => (a.subject < b.subject ? -1 : 1))
  })

/** A broker whose appends to the served table wait for the gate from the `from`-th on. */
const pausing = (broker: Broker["Service"], from: number, gate: Deferred.Deferred<void>) => {
  let appends = 0
  const wrap = (topic: Topic): Topic =>
    aroundAppendAll(topic, (append) =>
      Effect.suspend(() => (++appends < from ? append : Effect.andThen(Deferred.await(gate), append)))
    )
  const paused: Broker["Service"] = {
    ...broker,
    topic: (spec) =>
      Effect.map(broker.topic(spec), (topic) => (topic.name === topicName(view) ? wrap(topic) : topic))
  }
  return { broker: paused, appends: () => appends }
}

describe("a served table", () => {
  it.effect("holds the rows of the view, says how far it is, and goes on behind that", () =>
    local(
      Effect.gen(function* () {
        const broker = yield* produce(0, 300)
        const first = yield* serve(broker, (running) =>
          Effect.andThen(running.caughtUp(), Effect.zip(running.through, Effect.succeed(running.topic)))
        )
        const output = yield* broker.topic({ name: outputTopic(view) })
        assert.deepStrictEqual(first, [(yield* output.info).lastSequence, "totals-v1-served"])
        const once = yield* Serving.rows(view)
        assert.deepStrictEqual(sorted(once.rows), sorted(truth(300, 1)))
        assert.strictEqual(once.through, first[0])

        yield* produce(300, events)
        yield* serve(broker, toTheEnd)
        const again = yield* Serving.rows(view)
        assert.deepStrictEqual(sorted(again.rows), sorted(yield* Views.rows(view, table)))
        assert.strictEqual(again.through, (yield* output.info).lastSequence)
        assert.deepStrictEqual(yield* Serving.row(view, "c3"), truth(events, 1).get("c3"))
        const reader = yield* Serving.reader(view)
        assert.deepStrictEqual(
          [yield* reader.row("c4"), yield* reader.row("nobody"), yield* reader.row("")],
          [truth(events, 1).get("c4"), undefined, undefined]
        )
        // Compacted: 13 customers and the fence.
        assert.strictEqual((yield* served(broker)).length, 14)
      })
    )
  )

  it.effect("is followed live, each row rising in its revision", () =>
    local(
      Effect.gen(function* () {
        const broker = yield* produce(0, 100)
        const changes: Array<Serving.RowChange> = []
        yield* Effect.forkChild(
          Stream.runForEach(Serving.follow(view), (change) => Effect.sync(() => changes.push(change))),
          { startImmediately: true }
        )
        yield* serve(broker, (running) =>
          Effect.gen(function* () {
            for (let at = 100; at < 300; at += 50) {
              yield* Effect.provideService(produce(at, at + 50), Broker, broker)
              yield* running.caughtUp()
            }
          })
        )
        for (let turn = 0; turn < 200; turn++) yield* Effect.yieldNow
        const newest = new Map<string, Serving.RowChange>()
        for (const change of changes) {
          const before = newest.get(change.key)
          assert.isAbove(change.revision, before?.revision ?? 0)
          assert.isAbove(change.sequence, before?.sequence ?? 0)
          newest.set(change.key, change)
        }
        assert.isAbove(changes.length, newest.size)
        assert.deepStrictEqual(
          [...newest].map(([key, change]) => [key, change.row]).sort(),
          sorted(truth(300, 1)) as Array<unknown>
        )
      })
    )
  )

  it.effect("is the same whichever write its sink was killed at, before or after it", () =>
    Effect.gen(function* () {
      /** Serves in three lives, so that there are several batches; the killer counts those of all of them. */
      const lives = (at: number, when: "before" | "after") =>
        local(
          Effect.gen(function* () {
            let left = at
            let writes = 0
            let broker: Broker["Service"] = yield* Broker
            for (let life = 0; life < 3; life++) {
              broker = yield* produce(life * 200, (life + 1) * 200)
              const deadly = killer(broker, [topicName(view)], left, when)
              yield* serve(deadly.broker, toTheEnd).pipe(Effect.raceFirst(deadly.killed))
              writes += deadly.writes()
              left -= deadly.writes()
              if (left < 1) left = Number.POSITIVE_INFINITY
            }
            yield* serve(broker, toTheEnd)
            return { writes, served: yield* served(broker) }
          })
        )
      const expected = yield* lives(Number.POSITIVE_INFINITY, "before")
      assert.isAbove(expected.writes, 5)
      for (let at = 1; at <= expected.writes; at++) {
        for (const when of ["before", "after"] as const) {
          const actual = yield* lives(at, when)
          assert.deepStrictEqual(actual.served, expected.served, `killed ${when} write ${at}`)
        }
      }
    })
  )

  it.effect(
    "is written effectively once under silence, refusals and delays of the broker",
    () =>
      Effect.gen(function* () {
        const seeds = count({ quick: 15, long: 1000 })
        for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
          yield* local(
            Effect.gen(function* () {
              const broker = yield* produce(0, 200)
              const rates = { seed, busy: 0.15, unavailable: 0.15, unknown: 0.4, delayMillisMax: 20 }
              const faulty = withFaults(broker, seededFaults(rates))
              const revisions = new Map<string, number>()
              yield* Effect.forkChild(
                Stream.runForEach(Serving.follow(view), ({ key, revision }) =>
                  Effect.sync(() => {
                    assert.isAbove(
                      revision,
                      revisions.get(key) ?? 0,
                      `seed ${seed}: ${key} was written twice`
                    )
                    revisions.set(key, revision)
                  })
                ),
                { startImmediately: true }
              )
              const fiber = yield* Effect.forkChild(
                serve(faulty, (running) =>
                  Effect.gen(function* () {
                    for (let at = 200; at < events; at += 100) {
                      yield* Effect.provideService(produce(at, at + 100), Broker, broker)
                      yield* running.caughtUp()
                    }
                  })
                )
              )
              while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
              yield* Fiber.join(fiber)
              const { rows, through } = yield* Serving.rows(view)
              assert.deepStrictEqual(sorted(rows), sorted(truth(events, 1)), `seed ${seed}`)
              const output = yield* broker.topic({ name: outputTopic(view) })
              assert.strictEqual(through, (yield* output.info).lastSequence, `seed ${seed}`)
            })
          )
        }
      }),
    count({ quick: 60_000, long: 1_200_000 })
  )

  it.effect("of two sinks the paused one is fenced, says so, and changes nothing", () =>
    local(
      Effect.gen(function* () {
        const broker = yield* produce(0, 100)
        const gate = yield* Deferred.make<void>()
        // Claims, then hangs before its first rows.
        const paused = pausing(broker, 2, gate)
        const zombie = yield* Effect.forkChild(
          serve(paused.broker, (running) => running.failure).pipe(Effect.flip)
        )
        while (paused.appends() < 2) yield* Effect.yieldNow
        yield* produce(100, 300)
        yield* serve(broker, toTheEnd)
        const before = yield* served(broker)
        const topic = yield* broker.topic({ name: topicName(view), limits: { maxRecordsPerSubject: 1 } })
        const { lastSequence } = yield* topic.info
        yield* Deferred.succeed(gate, undefined)
        const error = yield* Fiber.join(zombie)
        assert.strictEqual(error.reason._tag, "Fenced")
        assert.match(error.message, /another processor appends to this table/)
        assert.deepStrictEqual(yield* served(broker), before)
        assert.strictEqual((yield* topic.info).lastSequence, lastSequence)
      })
    )
  )

  it.effect("of two sinks the newer one wins although the older one still runs", () =>
    local(
      Effect.gen(function* () {
        const broker = yield* produce(0, 100)
        const older = yield* Effect.forkChild(serve(broker, (running) => running.failure).pipe(Effect.flip), {
          startImmediately: true
        })
        yield* serve(broker, (newer) =>
          Effect.gen(function* () {
            yield* Effect.provideService(produce(100, 300), Broker, broker)
            yield* newer.caughtUp()
            assert.strictEqual((yield* Fiber.join(older)).reason._tag, "Fenced")
            assert.strictEqual(
              (yield* Effect.flip(Effect.raceFirst(newer.failure, Effect.fail("runs")))) as unknown,
              "runs"
            )
          })
        )
        assert.deepStrictEqual(sorted((yield* Serving.rows(view)).rows), sorted(truth(300, 1)))
      })
    )
  )

  it.effect("of another view is refused by the sink and by readers", () =>
    local(
      Effect.gen(function* () {
        const broker = yield* produce(0, 100)
        yield* serve(broker, toTheEnd)
        const before = yield* served(broker)
        const changed = totals({ codeVersion: "2" })
        const refused = [
          yield* Serving.run(changed, table).pipe(Effect.scoped, Effect.flip),
          yield* Effect.flip(Serving.rows(changed)),
          yield* Stream.runDrain(Serving.follow(changed)).pipe(Effect.flip)
        ]
        for (const error of refused) {
          assert.strictEqual(error.reason._tag, "Foreign")
          assert.match(error.message, /the served table was written by a view with digest/)
        }
        assert.deepStrictEqual(yield* served(broker), before)
        assert.strictEqual((yield* Serving.rows(changed, { name: "other" })).through, 0)
      })
    )
  )

  it.effect("is refused when its outputs were deleted and made anew", () =>
    local(
      Effect.gen(function* () {
        const broker = yield* produce(0, 100)
        yield* serve(broker, toTheEnd)
        yield* broker.deleteTopic(outputTopic(view))
        const error = yield* Effect.flip(serve(broker, toTheEnd))
        assert.strictEqual(error.reason._tag, "OutputsReplaced")
        assert.match(error.message, /Delete totals-v1-served to build it again/)
        yield* broker.deleteTopic(topicName(view))
        yield* broker.deleteTopic("totals-v1-state")
        yield* produce(100, 100)
        yield* serve(broker, toTheEnd)
        assert.deepStrictEqual(sorted((yield* Serving.rows(view)).rows), sorted(truth(100, 1)))
      })
    )
  )
})

/** Says what it is told: each record's JSON is an output. */
interface Said {
  readonly key: string
  readonly revision: number
  readonly row: number | null
}
const echo = View.define<null, Said>({
  name: "echo",
  version: 1,
  initial: () => null,
  fold: (state, chunk) => ({
    state,
    outputs: chunk.flatMap((record): Array<Said> => JSON.parse(new TextDecoder().decode(record.data)))
  }),
  state: Codec.plainJson(),
  output: Codec.plainJson()
})
const echoTable: Table.TableSpec<Said> = {
  key: ({ key }) => (key === "elsewhere" ? undefined : key),
  revision: ({ revision }) => revision,
  row: ({ row }) => (row === null ? undefined : { row })
}

const say = (broker: Broker["Service"], outputs: ReadonlyArray<Said>) =>
  Effect.gen(function* () {
    const input = yield* broker.topic({ name: "said" })
    yield* input.append({ subject: "p.0", data: new TextEncoder().encode(JSON.stringify(outputs)) })
    yield* asProcess(echo, { input, partitions: 1 }, broker, (running) => running.caughtUp())
  })
const serveEcho = (broker: Broker["Service"]) =>
  Effect.flatMap(Serving.run(echo, echoTable), (running) => running.caughtUp()).pipe(
    Effect.scoped,
    Effect.provideService(Broker, broker)
  )
const echoed = Effect.map(Serving.rows(echo), ({ rows }) =>
  [...rows].map(([key, { row }]) => [key, row]).sort()
)

describe("the rows of a served table", () => {
  it.effect("keep the highest revision, and the later one of equals, also over a restart", () =>
    local(
      Effect.gen(function* () {
        const broker = yield* Broker
        yield* say(broker, [
          { key: "a", revision: 5, row: 1 },
          { key: "a", revision: 4, row: 2 },
          { key: "b", revision: 1, row: 1 },
          { key: "b", revision: 1, row: 2 },
          { key: "elsewhere", revision: 1, row: 1 }
        ])
        yield* serveEcho(broker)
        assert.deepStrictEqual(yield* echoed, [
          ["a", 1],
          ["b", 2]
        ])
        yield* say(broker, [
          { key: "a", revision: 3, row: 9 },
          { key: "b", revision: 1, row: 3 }
        ])
        yield* serveEcho(broker)
        assert.deepStrictEqual(yield* echoed, [
          ["a", 1],
          ["b", 3]
        ])
      })
    )
  )

  it.effect("that are retracted are gone, and no older output brings them back", () =>
    local(
      Effect.gen(function* () {
        const broker = yield* Broker
        yield* say(broker, [
          { key: "a", revision: 1, row: 1 },
          { key: "b/ä", revision: 1, row: 1 }
        ])
        yield* serveEcho(broker)
        yield* say(broker, [{ key: "b/ä", revision: 3, row: null }])
        yield* serveEcho(broker)
        yield* say(broker, [{ key: "b/ä", revision: 2, row: 7 }])
        yield* serveEcho(broker)
        assert.deepStrictEqual(yield* echoed, [["a", 1]])
        assert.isUndefined(yield* Serving.row(echo, "b/ä"))
        const changes = yield* Stream.runCollect(Stream.take(Serving.follow(echo), 2))
        assert.deepStrictEqual(
          changes.map(({ key, row }) => [key, row]),
          [
            ["a", { row: 1 }],
            ["b/ä", undefined]
          ]
        )
        yield* say(broker, [{ key: "b/ä", revision: 4, row: 8 }])
        yield* serveEcho(broker)
        assert.deepStrictEqual(yield* Serving.row(echo, "b/ä"), { row: 8 })
      })
    )
  )

  it.effect(
    "of a commit with more than 999 of them are written in several batches, also when killed between them",
    () =>
      Effect.gen(function* () {
        const many = Array.from({ length: 2500 }, (_, index) => ({
          key: `k${index}`,
          revision: 1,
          row: index
        }))
        for (let at = 1; at <= 4; at++) {
          for (const when of ["before", "after"] as const) {
            yield* local(
              Effect.gen(function* () {
                const broker = yield* Broker
                yield* say(broker, many)
                const deadly = killer(broker, [topicName(echo)], at, when)
                yield* Effect.raceFirst(serveEcho(deadly.broker), deadly.killed)
                const { rows, through } = yield* Serving.rows(echo)
                // Never says that it has more than it has.
                const whole = at === 4 && when === "after"
                assert.deepStrictEqual(
                  [through > 0, rows.size === 2500],
                  [whole, whole],
                  `killed ${when} ${at}`
                )
                yield* serveEcho(broker)
                const after = yield* Serving.rows(echo)
                assert.deepStrictEqual([after.through, after.rows.size], [1, 2500])
              })
            )
          }
        }
      })
  )

  it.effect("that cannot be held stop the sink, which says why", () =>
    local(
      Effect.gen(function* () {
        const broker = yield* Broker
        yield* say(broker, [{ key: "", revision: 1, row: 1 }])
        const error = yield* Effect.flip(serveEcho(broker))
        assert.strictEqual(error.reason._tag, "FoldFailed")
        assert.match(error.message, /key "" cannot be served/)
      })
    )
  )

  it.effect("that arrive while a batch is on its way are collected into the next one", () =>
    local(
      Effect.gen(function* () {
        const broker = yield* Broker
        const gate = yield* Deferred.make<void>()
        let appends = 0
        const paused: Broker["Service"] = {
          ...broker,
          topic: (spec) =>
            Effect.map(broker.topic(spec), (topic) =>
              topic.name === topicName(echo)
                ? aroundAppendAll(topic, (append) =>
                    Effect.suspend(() =>
                      ++appends === 2 ? Effect.andThen(Deferred.await(gate), append) : append
                    )
                  )
                : topic
            )
        }
        const fiber = yield* Effect.forkChild(
          Effect.flatMap(Serving.run(echo, echoTable), (running) => running.caughtUp(40)).pipe(
            Effect.scoped,
            Effect.provideService(Broker, paused)
          )
        )
        for (let revision = 1; revision <= 40; revision++) {
          yield* say(broker, [{ key: "a", revision, row: revision }])
        }
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(fiber)
        // The claim, the first, and everything that came meanwhile.
        assert.strictEqual(appends, 3)
        assert.deepStrictEqual(yield* echoed, [["a", 40]])
      })
    )
  )
})
