import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, EventStream, Mailbox, Message, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { settle } from "./probe.ts"

class Parcel extends Schema.Class<Parcel>("Parcel")({ n: Schema.Int }) {}
class Express extends Parcel.extend<Express>("Express")({ minutes: Schema.Int }) {}
class Letter extends Schema.TaggedClass<Letter>()("Letter", { n: Schema.Int }) {}

const read = <A extends Parcel | Letter>(type: abstract new (...args: never) => A) =>
  Effect.gen(function* () {
    const seen: Array<number> = []
    yield* Effect.forkScoped(
      Stream.runForEach(EventStream.stream(type), (event) => Effect.sync(() => seen.push(event.n))),
      { startImmediately: true }
    )
    return seen
  })

const express = (n: number) => new Express({ n, minutes: 30 })

describe("an event stream", () => {
  it.effect("has the events of its class and of those that extend it, in order, and no others", () =>
    Effect.gen(function* () {
      const parcels = yield* read(Parcel)
      const fast = yield* read(Express)
      const letters = yield* read(Letter)
      for (const event of [new Parcel({ n: 1 }), express(2), new Letter({ n: 3 }), new Parcel({ n: 4 })]) {
        yield* EventStream.publish(event)
      }
      yield* settle
      assert.deepStrictEqual([parcels, fast, letters], [[1, 2, 4], [2], [3]])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("begins when it runs and ends with its reader, also for a class that was published before", () =>
    Effect.gen(function* () {
      yield* EventStream.publish(express(1))
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(read(Parcel), scope)
      yield* EventStream.publish(express(2))
      const second = yield* read(Parcel)
      yield* EventStream.publish(express(3))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* EventStream.publish(express(4))
      yield* settle
      assert.deepStrictEqual(
        [first, second],
        [
          [2, 3],
          [3, 4]
        ]
      )
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("ends with its system, and keeps to it", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const system = yield* Scope.provide(Layer.build(Layer.fresh(ActorSystem.layer)), scope)
      const other = yield* read(Parcel)
      const reader = yield* Effect.forkChild(
        Effect.provideContext(Stream.runCollect(EventStream.stream(Parcel)), system),
        { startImmediately: true }
      )
      yield* Effect.provideContext(EventStream.publish(new Parcel({ n: 1 })), system)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(
        (yield* Fiber.join(reader)).map(({ n }) => n),
        [1]
      )
      const late = Effect.provideContext(Stream.runCollect(EventStream.stream(Letter)), system)
      assert.deepStrictEqual(yield* late, [])
      assert.deepStrictEqual(other, [])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect(
    "drops the oldest events of a reader that is too far behind, counts them, and spares the others",
    () =>
      Effect.gen(function* () {
        const gate = yield* Latch.make()
        const slow: Array<number> = []
        yield* Effect.forkScoped(
          Stream.runForEach(EventStream.stream(Parcel), ({ n }) =>
            Effect.andThen(
              gate.await,
              Effect.sync(() => slow.push(n))
            )
          ),
          { startImmediately: true }
        )
        const quick = yield* read(Parcel)
        // The slow reader holds the first; 16 384 more wait, and then the oldest of those have to go.
        yield* EventStream.publish(new Parcel({ n: 0 }))
        yield* settle
        for (let n = 1; n <= 16_384 + 100; n++) {
          yield* EventStream.publish(new Parcel({ n }))
          if (n % 1_000 === 0) yield* settle
        }
        yield* settle
        assert.strictEqual(yield* EventStream.lost(Parcel), 100)
        assert.strictEqual(yield* EventStream.lost(Express), 0)
        yield* gate.open
        for (let times = 0; times < 2_000; times++) yield* settle
        assert.lengthOf(quick, 16_485)
        assert.lengthOf(slow, 16_385)
        assert.deepStrictEqual(slow.slice(0, 3), [0, 101, 102])
        assert.strictEqual(slow.at(-1), 16_484)
      }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect("looks a class up once while nobody reads it", () =>
    Effect.gen(function* () {
      yield* read(Parcel)
      let climbed = 0
      const type = new Proxy(Letter.prototype, {
        getPrototypeOf: (target) => {
          climbed++
          return Reflect.getPrototypeOf(target)
        }
      })
      const event = Object.create(type)
      for (let n = 0; n < 100; n++) yield* EventStream.publish(event)
      assert.strictEqual(climbed, 1)
      yield* EventStream.publish(Object.create(null))
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )
})

class Arrived extends Message.Class<Arrived>()("Arrived", { payload: { n: Schema.Int } }) {}
class Break extends Message.Class<Break>()("Break", {}) {}
class Wait extends Message.Class<Wait>()("Wait", {}) {}
const Desk = Actor.make("test/Desk", [Arrived, Break, Wait])

const deskOf = (arrived: Array<number>, gate = Latch.makeUnsafe()) =>
  Effect.gen(function* () {
    yield* EventStream.subscribe(Parcel, yield* Desk.self, ({ n }) => new Arrived({ n }))
    return Desk.of({
      Arrived: ({ n }) => {
        arrived.push(n)
        return Effect.void
      },
      Break: () => Effect.die("broken"),
      Wait: () => gate.await
    })
  })

describe("an actor that subscribes", () => {
  it.effect("gets what is published from the next step on", () =>
    Effect.gen(function* () {
      const arrived: Array<number> = []
      const take = ({ n }: Arrived) => Effect.sync(() => void arrived.push(n))
      const desk = yield* Desk.spawn("a", {
        Arrived: take,
        Break: () => Effect.void,
        Wait: () => Effect.void
      })
      yield* EventStream.subscribe(Letter, desk, ({ n }) => new Arrived({ n }))
      yield* EventStream.publish(new Letter({ n: 1 }))
      yield* settle
      assert.deepStrictEqual(arrived, [1])
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )

  it.effect(
    "is told the events as its own messages, once each, also after a restart, until its scope closes",
    () =>
      Effect.gen(function* () {
        const arrived: Array<number> = []
        const scope = yield* Scope.make()
        const desk = yield* Desk.spawn("a", deskOf(arrived), {
          supervision: Supervision.restart({ schedule: Schedule.spaced("1 second") })
        }).pipe(Scope.provide(scope))
        yield* settle
        yield* EventStream.publish(new Parcel({ n: 1 }))
        yield* EventStream.publish(express(2))
        yield* settle
        yield* desk.tell(new Break())
        yield* settle
        // Nobody is subscribed while it restarts.
        yield* EventStream.publish(new Parcel({ n: 3 }))
        yield* TestClock.adjust("1 second")
        yield* EventStream.publish(new Parcel({ n: 4 }))
        yield* settle
        yield* Scope.close(scope, Exit.void)
        yield* EventStream.publish(new Parcel({ n: 5 }))
        yield* settle
        assert.deepStrictEqual(arrived, [1, 2, 4])
        assert.strictEqual((yield* (yield* ActorSystem).counters).deadLettered, 1)
      }).pipe(Effect.provide(ActorSystem.layer))
  )

  it.effect("gets no events while it is passivated, and again those after its next message", () => {
    const arrived: Array<number> = []
    const desks = Desk.toLayer(deskOf(arrived), { passivateAfter: "1 minute" })
    return Effect.gen(function* () {
      const desk = yield* Desk.ref("a")
      yield* desk.tell(new Arrived({ n: 1 }))
      yield* settle
      yield* EventStream.publish(new Parcel({ n: 2 }))
      yield* TestClock.adjust("1 minute")
      yield* EventStream.publish(new Parcel({ n: 3 }))
      yield* settle
      yield* desk.tell(new Arrived({ n: 4 }))
      yield* settle
      yield* EventStream.publish(new Parcel({ n: 5 }))
      yield* settle
      assert.deepStrictEqual(arrived, [1, 2, 4, 5])
    }).pipe(Effect.provide(desks.pipe(Layer.provideMerge(ActorSystem.layer))))
  })

  it.effect("may publish what it reads with its mailbox full: the publisher never waits", () =>
    Effect.gen(function* () {
      const arrived: Array<number> = []
      const gate = yield* Latch.make()
      const desk = yield* Desk.spawn("a", deskOf(arrived, gate), { mailbox: Mailbox.bounded(2) })
      yield* settle
      yield* desk.tell(new Wait())
      for (let n = 0; n < 50; n++) yield* EventStream.publish(new Parcel({ n }))
      yield* settle
      assert.deepStrictEqual(arrived, [])
      yield* gate.open
      for (let times = 0; times < 20; times++) yield* settle
      assert.deepStrictEqual(
        arrived,
        Array.from({ length: 50 }, (_, n) => n)
      )
    }).pipe(Effect.scoped, Effect.provide(ActorSystem.layer))
  )
})
