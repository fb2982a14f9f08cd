import { assert, describe, it } from "@effect/vitest"
import { Broker, type Fault, layerMemory, layerMemoryWith, seededFaults } from "@troupe/broker"
import { HistoryRecord } from "@troupe/journal"
import { EventSourced, type History, Journal } from "@troupe/runtime"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { join } from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { AddLine, NotPlaced, Order, orders, Place, versions } from "./order.ts"

const history: History = { actor: "orders/Order", id: "o-1" }

const process = (options?: Parameters<typeof orders>[0]) => Effect.provide(orders(options), { local: true })
const recordsOf = (topic: string) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const limits = topic.endsWith("-snapshots") ? { limits: { maxRecordsPerSubject: 1 } } : {}
    const opened = yield* broker.topic({ name: topic, ...limits })
    return yield* Stream.runCollect(opened.read({ from: "first" }))
  })
/** Lets time pass until the fiber ends. */
const drive = <A, E>(fiber: Fiber.Fiber<A, E>): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("100 millis")
    return yield* join(fiber)
  })
const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.forkChild(effect, { startImmediately: true }), drive)

describe("Journal.layer", () => {
  it.effect("opens a topic for the histories and one for the snapshots", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* (yield* Broker).topics, ["orders", "orders-snapshots"])
    }).pipe(process(), Effect.provide(layerMemory))
  )

  it.effect("an order has its state again after the system restarted", () =>
    Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const order = yield* Order.ref("o-1")
        assert.deepStrictEqual(yield* Effect.flip(order.ask(new AddLine({}))), new NotPlaced())
        assert.strictEqual(yield* order.ask(new Place({ key: "k", lines: 2 })), 2)
        assert.strictEqual(yield* order.ask(new AddLine({})), 3)
      }).pipe(process())
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* (yield* Order.ref("o-1")).ask(new AddLine({})), 4)
        assert.strictEqual(yield* (yield* Order.ref("o-2")).ask(new Place({ key: "k", lines: 1 })), 1)
      }).pipe(process())
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("stores one record a command, on the actor's own subject, and reads it back as it was", () =>
    Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const journal = yield* Journal
        const odd: History = { actor: "orders/Order", id: "ü 1.2/>" }
        const events = [
          { _tag: "Placed", lines: 1 },
          { _tag: "LineAdded", note: "" }
        ]
        const command = { id: "Place:a\nb:ü", reply: { total: 1.5 } }
        yield* journal.append(history, { expected: 0, events: [1] })
        const at = yield* journal.append(odd, { expected: 0, events, command })
        yield* journal.append(history, { expected: 1, events: [2] })
        assert.deepStrictEqual(yield* Stream.runCollect(journal.read(odd, 0)), [
          { sequence: at, events, command }
        ])
        assert.deepStrictEqual(
          (yield* Stream.runCollect(journal.read(history, 1))).map((entry) => entry.events),
          [[2]]
        )
        assert.deepStrictEqual(yield* Stream.runCollect(journal.read(history, 3)), [])
      }).pipe(process())
      const records = yield* recordsOf("orders")
      assert.deepStrictEqual(
        records.map((record) => record.subject),
        ["orders=2FOrder.o-1", "orders=2FOrder.=C3=BC=201=2E2=2F=3E", "orders=2FOrder.o-1"]
      )
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("a command with a primaryKey takes effect once, whichever process gets it", () =>
    Effect.gen(function* () {
      const place = Effect.flatMap(Order.ref("o-1"), (order) => order.ask(new Place({ key: "k", lines: 2 })))
      assert.strictEqual(yield* place.pipe(process()), 2)
      const later = Effect.gen(function* () {
        const order = yield* Order.ref("o-1")
        const added = yield* order.ask(new AddLine({}))
        return [added, yield* place]
      })
      assert.deepStrictEqual(yield* later.pipe(process()), [3, 2])
      assert.strictEqual((yield* recordsOf("orders")).length, 2)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("two systems that both host one order lose nothing and double nothing", () =>
    Effect.gen(function* () {
      const broker = yield* Broker
      const writer = (name: string) =>
        Effect.gen(function* () {
          const order = yield* Order.ref("o-1")
          const answers: Array<number> = []
          for (let n = 0; n < 20; n++) {
            answers.push(yield* order.ask(new Place({ key: `${name}${n}`, lines: 1 })))
            yield* Effect.yieldNow
          }
          return answers
        }).pipe(process(), Effect.provideService(Broker, broker))
      const answers = yield* eventually(Effect.all([writer("a"), writer("b")], { concurrency: 2 }))
      assert.deepStrictEqual(
        answers.flat().sort((a, b) => a - b),
        Array.from({ length: 40 }, (_, n) => n + 1)
      )
      assert.strictEqual((yield* recordsOf("orders")).length, 40)
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("says Conflict to the writer that expects too little, and stores nothing", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* journal.append(history, { expected: 0, events: [1] })
      const error = yield* Effect.flip(journal.append(history, { expected: 0, events: [2] }))
      assert.strictEqual(error.reason._tag, "JournalConflict")
      assert.include(error.message, "orders/Order/o-1")
      assert.strictEqual((yield* Stream.runCollect(journal.read(history, 0))).length, 1)
    }).pipe(process(), Effect.provide(layerMemory))
  )

  it.effect("refuses an entry that no record can hold", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const error = yield* Effect.flip(
        journal.append(history, { expected: 0, events: ["x".repeat(1_200_000)] })
      )
      assert.strictEqual(error.reason._tag, "JournalRejected")
    }).pipe(process(), Effect.provide(layerMemory))
  )

  it.effect("opens a history of an old version, and whoever follows the topic reads the same events", () =>
    Effect.gen(function* () {
      const old = [{ _tag: "Placed", skus: ["cup", "plate"] }]
      yield* Effect.gen(function* () {
        yield* (yield* Journal).append(history, { expected: 0, events: old })
        assert.strictEqual(yield* (yield* Order.ref("o-1")).ask(new AddLine({ note: "gift" })), 3)
      }).pipe(process())
      const decode = EventSourced.decodeEvents(versions)
      const read = (yield* recordsOf("orders")).map((record) => {
        const { entry, history: of } = Result.getOrThrow(HistoryRecord.ofRecord(record))
        assert.deepStrictEqual(of, history)
        return Result.getOrThrow(decode(entry.events)).map((event) => ({ ...event }))
      })
      assert.deepStrictEqual<unknown>(read, [
        [{ _tag: "Placed", lines: 2 }],
        [{ _tag: "LineAdded", note: "gift" }]
      ])
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("does not read a record that is no entry", () =>
    Effect.gen(function* () {
      const topic = yield* (yield* Broker).topic({ name: "orders" })
      const data = new TextEncoder().encode(`{"event":1}`)
      yield* topic.append({ subject: "orders=2FOrder.o-1", data })
      const journal = yield* Journal
      const error = yield* Effect.flip(Stream.runCollect(journal.read(history, 0)))
      assert.strictEqual(error.reason._tag, "JournalDamaged")
    }).pipe(process(), Effect.provide(layerMemory))
  )
})

describe("snapshots in a topic", () => {
  it.effect("of more than one record are stored and read as one, and replace the older one", () =>
    Effect.gen(function* () {
      const note = "y".repeat(400_000)
      yield* Effect.gen(function* () {
        const order = yield* Order.ref("o-1")
        yield* order.ask(new Place({ key: "k", lines: 1 }))
        for (let n = 0; n < 4; n++) yield* order.ask(new AddLine({ note: `${n}${note}` }))
        yield* Effect.repeat(Effect.yieldNow, { times: 20 })
        const snapshot = Option.getOrThrow(yield* (yield* Journal).snapshot(history))
        assert.strictEqual(snapshot.sequence, 4)
      }).pipe(process({ every: 2 }))
      const chunks = yield* recordsOf("orders-snapshots")
      assert.strictEqual(chunks.length, 3)
      assert.isTrue(chunks.every((chunk) => chunk.data.length <= 500_000))
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* (yield* Order.ref("o-1")).ask(new AddLine({})), 6)
      }).pipe(process({ every: 2 }))
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("that miss a part, or mix two saves, count as none: the history is replayed", () =>
    Effect.gen(function* () {
      const state = { lines: 70, notes: ["z".repeat(1_200_000)] }
      yield* Effect.gen(function* () {
        const journal = yield* Journal
        const at = yield* journal.append(history, { expected: 0, events: [{ _tag: "Placed", lines: 7 }] })
        yield* journal.saveSnapshot(history, { sequence: at, state, commands: [] })
        assert.strictEqual(Option.getOrThrow(yield* journal.snapshot(history)).sequence, at)
      }).pipe(process())
      const broker = yield* Broker
      const topic = yield* broker.topic({ name: "orders-snapshots", limits: { maxRecordsPerSubject: 1 } })
      const part = "orders=2FOrder.o-1.1"
      const { data, headers } = Option.getOrThrow(yield* topic.last(part))
      const isNone = Effect.gen(function* () {
        return Option.isNone(yield* (yield* Journal).snapshot(history))
      }).pipe(process())
      assert.isFalse(yield* isNone)
      yield* topic.append({ subject: part, data, headers: { ...headers, "Troupe-Snapshot": "another" } })
      assert.isTrue(yield* isNone)
      yield* topic.append({ subject: part, data, headers })
      assert.isFalse(yield* isNone)
      yield* topic.purge({ filter: part })
      yield* Effect.gen(function* () {
        assert.isTrue(Option.isNone(yield* (yield* Journal).snapshot(history)))
        assert.strictEqual(yield* (yield* Order.ref("o-1")).ask(new AddLine({})), 8)
      }).pipe(process())
    }).pipe(Effect.provide(layerMemory))
  )

  it.effect("an older one never replaces a newer one", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* journal.saveSnapshot(history, { sequence: 9, state: "new", commands: [] })
      yield* journal.saveSnapshot(history, { sequence: 3, state: "old", commands: [] })
      assert.strictEqual(Option.getOrThrow(yield* journal.snapshot(history)).state, "new")
    }).pipe(process(), Effect.provide(layerMemory))
  )
})

describe("a broker that fails", () => {
  const faulty = (faults: ReadonlyArray<Fault>) => {
    const rest = [...faults]
    return layerMemoryWith({ faults: { next: () => rest.shift() } })
  }
  const stored: Fault = { failure: { unknown: { stored: true } } }
  const lost: Fault = { failure: { unknown: { stored: false } } }

  it.effect("is asked again under the same message id: an answer that got lost doubles nothing", () =>
    Effect.gen(function* () {
      const order = yield* Order.ref("o-1")
      assert.strictEqual(yield* eventually(order.ask(new Place({ key: "k", lines: 1 }))), 1)
      assert.strictEqual(yield* eventually(order.ask(new AddLine({}))), 2)
      assert.strictEqual(yield* eventually(order.ask(new AddLine({}))), 3)
      assert.strictEqual((yield* recordsOf("orders")).length, 3)
    }).pipe(
      process(),
      Effect.provide(
        faulty([stored, {}, stored, lost, { failure: "Busy" }, { failure: "Unavailable" }, {}, stored])
      )
    )
  )

  it.effect("that stays away fails as Unavailable, or as Unknown when an answer got lost before", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      const away = yield* Effect.flip(eventually(journal.append(history, { expected: 0, events: [1] })))
      assert.strictEqual(away.reason._tag, "JournalUnavailable")
      const unknown = yield* Effect.flip(eventually(journal.append(history, { expected: 0, events: [1] })))
      assert.strictEqual(unknown.reason._tag, "JournalUnknown")
    }).pipe(
      process(),
      Effect.provide(
        faulty([
          ...Array.from({ length: 11 }, (): Fault => ({ failure: "Unavailable" })),
          lost,
          ...Array.from({ length: 10 }, (): Fault => ({ failure: "Unavailable" }))
        ])
      )
    )
  )

  it.effect("every answered command is in the history once, whatever fails, over all seeds", () =>
    Effect.gen(function* () {
      const seeds = count({ quick: 25, long: 1000 })
      for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
        const faults = seededFaults({ seed, busy: 0.2, unavailable: 0.2, unknown: 0.2, delayMillisMax: 50 })
        yield* Effect.gen(function* () {
          const run = Effect.gen(function* () {
            const order = yield* Order.ref("o-1")
            const answers: Array<number> = []
            for (let n = 0; n < 10; n++) {
              answers.push(yield* order.ask(new Place({ key: `${n}`, lines: 1 })))
              // A client that repeats itself.
              if (n % 3 === 0) yield* order.ask(new Place({ key: `${n}`, lines: 1 }))
            }
            return answers
          })
          const answers = yield* eventually(run.pipe(process({ every: 3 })))
          assert.deepStrictEqual(answers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], `seed ${seed}`)
          assert.strictEqual((yield* recordsOf("orders")).length, 10, `seed ${seed}`)
        }).pipe(Effect.provide(layerMemoryWith({ faults }), { local: true }))
      }
    })
  )
})
