import { assert, describe, it } from "@effect/vitest"
import {
  Actor,
  ActorSystem,
  EventSourced,
  type History,
  Journal,
  JournalError,
  Message,
  Supervision
} from "@troupe/runtime"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { inspected, settle } from "./probe.ts"

// A wallet in its third version: amounts were dollars once, then dollars with a currency, and are cents now.
class Add extends Message.Class<Add>()("Add", { payload: { cents: Schema.Int }, success: Schema.Int }) {}
class Get extends Message.Class<Get>()("Get", { success: Schema.Int }) {}
const Wallet = Actor.make("test/Wallet", [Add, Get])

class Added extends Schema.TaggedClass<Added>()("Added", { cents: Schema.Int }) {}
class Spent extends Schema.TaggedClass<Spent>()("Spent", { cents: Schema.Int }) {}
class AddedV2 extends Schema.TaggedClass<AddedV2>()("Added", {
  dollars: Schema.Finite,
  currency: Schema.String
}) {}
class AddedV1 extends Schema.TaggedClass<AddedV1>()("Added", { dollars: Schema.Finite }) {}
class Audited extends Schema.TaggedClass<Audited>()("Audited", { by: Schema.String }) {}
class Exchanged extends Schema.TaggedClass<Exchanged>()("Exchanged", {
  out: Schema.Finite,
  in: Schema.Finite
}) {}

const upcasters = [
  EventSourced.upcast(AddedV1, ({ dollars }) => new AddedV2({ dollars, currency: "USD" })),
  EventSourced.upcast(Exchanged, (old) => [
    new AddedV2({ dollars: old.in, currency: "USD" }),
    new Spent({ cents: Math.round(old.out * 100) })
  ]),
  EventSourced.upcast(AddedV2, ({ dollars, currency }) => {
    if (currency !== "USD") throw new RangeError(`no rate for ${currency}`)
    return new Added({ cents: Math.round(dollars * 100) })
  }),
  EventSourced.upcast(Audited, () => [])
] as const

const behaviour = (state: Schema.Codec<{ readonly cents: number }, unknown>) =>
  EventSourced.make(Wallet, {
    state,
    events: [Added, Spent],
    upcasters,
    initial: () => ({ cents: 0 }),
    evolve: {
      Added: (state, { cents }) => ({ cents: state.cents + cents }),
      Spent: (state, { cents }) => ({ cents: state.cents - cents })
    },
    decide: {
      Add: (_, { cents }) => EventSourced.persist(new Added({ cents }), (next) => next.cents),
      Get: (state) => EventSourced.reply(state.cents)
    },
    snapshot: EventSourced.every(2)
  })
const Cents = Schema.Struct({ cents: Schema.Int })

const history: History = { actor: "test/Wallet", id: "w" }
const process = (state: Schema.Codec<{ readonly cents: number }, unknown> = Cents) =>
  Effect.provide(
    Wallet.toLayer(behaviour(state), { supervision: Supervision.stop }).pipe(
      Layer.provideMerge(Layer.fresh(ActorSystem.layer)),
      Layer.fresh
    ),
    { local: true }
  )
const stored = (...entries: ReadonlyArray<ReadonlyArray<Schema.Json>>) =>
  Effect.gen(function* () {
    const journal = yield* Journal
    let expected = (yield* entriesOf).at(-1)?.sequence ?? 0
    for (const events of entries) expected = yield* journal.append(history, { expected, events })
    return expected
  })
const entriesOf = Effect.flatMap(Journal, (journal) => Stream.runCollect(journal.read(history, 0)))
const get = Effect.flatMap(Wallet.ref("w"), (wallet) => wallet.ask(new Get()))
const add = (cents: number) => Effect.flatMap(Wallet.ref("w"), (wallet) => wallet.ask(new Add({ cents })))

const v1 = { _tag: "Added", dollars: 1 }
const v2 = { _tag: "Added", dollars: 2, currency: "USD" }
const today = { _tag: "Added", cents: 3 }
const exchanged = { _tag: "Exchanged", in: 5, out: 4 }
const audited = { _tag: "Audited", by: "ann" }

describe("an old history", () => {
  it.effect("opens: its events climb version by version, to one event, several or none", () =>
    Effect.gen(function* () {
      yield* stored([v1], [audited], [v2, exchanged, v1], [today])
      assert.strictEqual(yield* get.pipe(process()), 100 + 200 + 500 - 400 + 100 + 3)
      assert.strictEqual(yield* add(7).pipe(process()), 510)
      const entries = yield* entriesOf
      // What is stored stays as it was; what is new is of today.
      assert.deepStrictEqual(
        entries.map((entry) => entry.events),
        [[v1], [audited], [v2, exchanged, v1], [today], [{ _tag: "Added", cents: 7 }]]
      )
    }).pipe(Effect.provide(Journal.layerMemory))
  )

  it.effect("opens under a snapshot, and without it when the state's schema changed as well", () =>
    Effect.gen(function* () {
      const journal = yield* Journal
      yield* stored([v1], [exchanged])
      yield* Effect.andThen(add(1), settle).pipe(process())
      const snapshot = Option.getOrThrow(yield* journal.snapshot(history))
      assert.strictEqual(snapshot.sequence, 3)
      assert.deepStrictEqual(snapshot.state, { cents: 201 })
      // A version that ran beside this one still writes old events.
      yield* stored([v1, audited], [v2])
      assert.strictEqual(yield* get.pipe(process()), 501)
      const Renamed = Cents.pipe(Schema.encodeKeys({ cents: "amount" }))
      assert.strictEqual(yield* get.pipe(process(Renamed)), 501)
    }).pipe(Effect.provide(Journal.layerMemory))
  )

  it.effect(
    "with an event that nobody knows keeps its actor from starting, says what to do, and is left alone",
    () =>
      Effect.gen(function* () {
        yield* stored([v1], [today, { _tag: "Burned", cents: 1 }])
        yield* Effect.gen(function* () {
          const events = yield* inspected
          const error = yield* Effect.flip(add(1))
          assert.strictEqual(error.reason._tag, "Stopped")
          yield* settle
          const failures = events.flatMap((event) =>
            event._tag === "Failed"
              ? event.cause.reasons.map((reason) => "error" in reason && reason.error)
              : []
          )
          const [failure] = failures
          assert.instanceOf(failure, JournalError)
          assert.strictEqual(failure.reason._tag, "JournalDamaged")
          assert.match(
            failure.message,
            /test\/Wallet\/w.*sequence 2, event 2 \("Burned"\).*EventSourced\.upcast/
          )
          assert.instanceOf(failure.cause, EventSourced.UnknownEvent)
        }).pipe(process())
        assert.strictEqual((yield* entriesOf).length, 2)
      }).pipe(Effect.provide(Journal.layerMemory))
  )
})

describe("decodeEvents", () => {
  const decode = EventSourced.decodeEvents({ events: [Added, Spent], upcasters })

  it("reads stored events beside their actor, for a view or an archive", () => {
    assert.deepStrictEqual(Result.getOrThrow(decode([exchanged, audited, today])), [
      new Added({ cents: 500 }),
      new Spent({ cents: 400 }),
      new Added({ cents: 3 })
    ])
    assert.deepStrictEqual(Result.getOrThrow(decode([])), [])
  })

  it("takes the newest version that fits", () => {
    // Fits all three schemas of `Added`, because structs ignore fields that they do not know.
    assert.deepStrictEqual(
      Result.getOrThrow(decode([{ _tag: "Added", cents: 1, dollars: 2, currency: "USD" }])),
      [new Added({ cents: 1 })]
    )
    // Fits the second and the first: the first would call any currency USD.
    const failure = Result.getOrThrow(Result.flip(decode([{ _tag: "Added", dollars: 2, currency: "EUR" }])))
    assert.match(failure.message, /event 1 \("Added"\).*its upcaster threw/)
    assert.include(String(failure.cause), "no rate for EUR")
  })

  it("says which event is unknown, and what an upcaster made of it", () => {
    const failure = Result.getOrThrow(Result.flip(decode([today, 7])))
    assert.deepInclude({ ...failure }, { index: 1 })
    assert.isUndefined(failure.tag)
    const plain = EventSourced.decodeEvents({
      events: [Added],
      upcasters: [EventSourced.upcast(AddedV1, () => ({ _tag: "Added", cents: 1 }) as Added)]
    })
    assert.match(Result.getOrThrow(Result.flip(plain([v1]))).message, /new Deposited/)
  })

  it("never climbs down: upcasters that make each other's events end all the same, where types were overruled", () => {
    const circle = EventSourced.decodeEvents({
      events: [Added],
      upcasters: [
        EventSourced.upcast(AddedV1, ({ dollars }) => new AddedV2({ dollars, currency: "USD" })),
        EventSourced.upcast(AddedV2, ({ dollars }) => new AddedV1({ dollars }) as unknown as Added)
      ]
    })
    assert.match(Result.getOrThrow(Result.flip(circle([v1]))).message, /no later upcaster takes/)
  })

  it("makes of any mix of versions what a model of it says, over all seeds", () => {
    const kinds = [v1, v2, today, exchanged, audited]
    const cents = [[100], [200], [3], [500, -400], []]
    const seeds = count({ quick: 200, long: 20_000 })
    for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
      let state = seed
      const mix = Array.from({ length: seed % 9 }, () => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        return (state >>> 16) % kinds.length
      })
      const read = Result.getOrThrow(decode(mix.map((kind) => kinds[kind] as Schema.Json)))
      assert.deepStrictEqual(
        read.map((event) => (event._tag === "Added" ? event.cents : -event.cents)),
        mix.flatMap((kind) => cents[kind] as Array<number>),
        `seed ${seed}`
      )
    }
  })
})
