import { assert, describe, it } from "@effect/vitest"
import { ActorSystem, Mailbox, Supervision } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { inspected, settle } from "./probe.ts"
import { agree, Do, following, Scripted } from "./script.ts"

/** Puts numbers above 0 aside until it gets 0; `-1` crashes, `-2` shuts again, `-3` stops. Notes what it handles. */
const door = (log: Array<number>, options?: Parameters<typeof Scripted.toLayer>[1], openAtFirst = false) => {
  let builds = 0
  return Scripted.toLayer(
    Effect.suspend(() => {
      let isOpen = openAtFirst || builds++ > 0
      return following((n, life) => {
        if (n > 0 && !isOpen) return life.stash
        log.push(n)
        switch (n) {
          case 0:
            isOpen = true
            return Effect.as(life.unstashAll, n)
          case -1:
            return Effect.die("crash")
          case -2:
            isOpen = false
            return Effect.succeed(n)
          case -3:
            return Effect.as(life.stop, n)
          default:
            return Effect.succeed(n)
        }
      })
    }),
    options
  )
}

const withDoor = (...options: Parameters<typeof door>) =>
  Effect.provide(door(...options).pipe(Layer.provideMerge(ActorSystem.layer)))

const restarts = Supervision.restart({ schedule: Schedule.spaced("1 second") })

describe("stash", () => {
  it.effect(
    "puts messages aside until unstashAll, then they go before later ones, in order, and the counters agree",
    () =>
      Effect.gen(function* () {
        const log: Array<number> = []
        yield* Effect.gen(function* () {
          const ref = yield* Scripted.ref("a")
          for (const n of [1, 2, 3]) yield* ref.tell(new Do({ n }))
          yield* agree(3)
          yield* settle
          yield* agree(3)
          assert.deepStrictEqual(log, [])
          for (const n of [0, 4, 5]) yield* ref.tell(new Do({ n }))
          yield* settle
          assert.deepStrictEqual(log, [0, 1, 2, 3, 4, 5])
          assert.strictEqual((yield* agree(0)).handled, 6)
        }).pipe(withDoor(log))
      })
  )

  it.effect("keeps its askers waiting, and answers them in the end", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      yield* Effect.gen(function* () {
        const ref = yield* Scripted.ref("a")
        const asker = (n: number) => Effect.forkChild(ref.ask(new Do({ n })), { startImmediately: true })
        const first = yield* asker(1)
        yield* ref.tell(new Do({ n: 2 }))
        const third = yield* asker(3)
        const gone = yield* asker(4)
        yield* settle
        assert.isUndefined(first.pollUnsafe())
        yield* Fiber.interrupt(gone)
        yield* agree(4)
        assert.strictEqual(yield* ref.ask(new Do({ n: 0 })), 0)
        assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(third)], [1, 3])
        yield* settle
        assert.deepStrictEqual(log, [0, 1, 2, 3, 4])
        yield* agree(0)
      }).pipe(withDoor(log))
    })
  )

  it.effect("keeps the order of messages that are put aside again, with those that came between", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      yield* Effect.gen(function* () {
        const ref = yield* Scripted.ref("a")
        // What is put aside: 1, 2; then 1, 2, 3.
        for (const n of [-2, 1, 2, 0, -2, 3, 0, 4]) yield* ref.tell(new Do({ n }))
        yield* settle
        assert.deepStrictEqual(log, [-2, 0, 1, 2, -2, 0, 3, 4])
        log.length = 0
        yield* ref.tell(new Do({ n: -2 }))
        for (const n of [1, 2, 3]) yield* ref.tell(new Do({ n }))
        yield* settle
        yield* agree(3)
        yield* ref.tell(new Do({ n: 0 }))
        yield* ref.tell(new Do({ n: 5 }))
        yield* settle
        assert.deepStrictEqual(log, [-2, 0, 1, 2, 3, 5])
      }).pipe(withDoor(log))
    })
  )

  it.effect("keeps the order where a message that was unstashed is put aside while others still wait", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      let phase = 0
      yield* Effect.gen(function* () {
        const ref = yield* Scripted.ref("a")
        for (const n of [1, 2, 3, 0, 9]) yield* ref.tell(new Do({ n }))
        yield* settle
        // 1 is put aside a second time, 2 unstashes it: it goes before 3, which was behind it.
        assert.deepStrictEqual(log, [0, 2, 1, 3, 9])
        yield* agree(0)
      }).pipe(
        Effect.provide(
          Scripted.toLayer(
            following((n, life) => {
              if (phase === 0 && n !== 0) return life.stash
              if (n === 0) phase = 1
              if (phase === 1 && n === 1) return life.stash
              log.push(n)
              if (n === 2) phase = 2
              return n === 0 || n === 2 ? Effect.as(life.unstashAll, n) : Effect.succeed(n)
            })
          ).pipe(Layer.provideMerge(ActorSystem.layer))
        )
      )
    })
  )

  it.effect("has room for stashCapacity messages; the next are dropped, and their askers hear it", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      yield* Effect.gen(function* () {
        const events = yield* inspected
        const ref = yield* Scripted.ref("a")
        yield* ref.tell(new Do({ n: 1 }))
        yield* ref.tell(new Do({ n: 2 }))
        const error = yield* Effect.flip(ref.ask(new Do({ n: 3 })))
        assert.strictEqual(error.reason._tag, "Dropped")
        yield* agree(2)
        yield* ref.ask(new Do({ n: 0 }))
        yield* settle
        assert.deepStrictEqual(log, [0, 1, 2])
        const letters = events.flatMap((event) => (event._tag === "DeadLettered" ? [event.letter] : []))
        assert.deepStrictEqual(
          letters.map(({ message, reason }) => [(message as Do).n, reason]),
          [[3, "dropped"]]
        )
      }).pipe(withDoor(log, { stashCapacity: 2 }))
    })
  )

  it.effect("a restart unstashes, ahead of the mailbox", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      yield* Effect.gen(function* () {
        const ref = yield* Scripted.ref("a")
        for (const n of [1, 2, -1, 3]) yield* ref.tell(new Do({ n }))
        yield* settle
        yield* agree(3)
        yield* ref.tell(new Do({ n: 4 }))
        yield* TestClock.adjust("1 second")
        yield* settle
        assert.deepStrictEqual(log, [-1, 1, 2, 3, 4])
        yield* agree(0)
      }).pipe(withDoor(log, { supervision: restarts }))
    })
  )

  it.effect("an order to restart unstashes ahead of a message that has just come", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      let lives = 0
      yield* Effect.gen(function* () {
        const ref = yield* Scripted.ref("a")
        yield* ref.tell(new Do({ n: 1 }))
        yield* settle
        yield* agree(1)
        // The child escalates, and another message comes, before the turn of the actor.
        const child = yield* Scripted.ref("child")
        yield* child.tell(new Do({ n: -1 }))
        yield* ref.tell(new Do({ n: 2 }))
        yield* TestClock.adjust("1 second")
        yield* settle
        assert.deepStrictEqual(log, [1, 2])
        assert.strictEqual(lives, 2)
      }).pipe(
        Effect.provide(
          Scripted.toLayer(
            Effect.gen(function* () {
              const life = ++lives
              yield* Scripted.spawn(
                "child",
                following(() => Effect.die("child")),
                {
                  supervision: Supervision.escalate
                }
              )
              return yield* following((n, { stash }) => {
                if (life === 1) return stash
                log.push(n)
                return Effect.succeed(n)
              })
            }),
            { supervision: restarts }
          ).pipe(Layer.provideMerge(ActorSystem.layer))
        )
      )
    })
  )

  it.effect("unstashAll beside the actor also goes before a message that has just come", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      let open = Effect.void
      yield* Effect.gen(function* () {
        const ref = yield* Scripted.ref("a")
        yield* ref.tell(new Do({ n: 1 }))
        yield* settle
        yield* ref.tell(new Do({ n: 2 }))
        yield* open
        yield* settle
        assert.deepStrictEqual(log, [1, 2])
        yield* agree(0)
      }).pipe(
        Effect.provide(
          Scripted.toLayer(
            Effect.suspend(() => {
              let isOpen = false
              return following((n, life) => {
                open = Effect.suspend(() => {
                  isOpen = true
                  return life.unstashAll
                })
                if (!isOpen) return life.stash
                log.push(n)
                return Effect.succeed(n)
              })
            })
          ).pipe(Layer.provideMerge(ActorSystem.layer))
        )
      )
    })
  )

  it.effect("a stop makes dead letters of what was put aside, and of what is queued", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      yield* Effect.gen(function* () {
        const events = yield* inspected
        const ref = yield* Scripted.ref("a")
        const asker = yield* Effect.forkChild(Effect.flip(ref.ask(new Do({ n: 1 }))), {
          startImmediately: true
        })
        for (const n of [2, -3, 3]) yield* ref.tell(new Do({ n }))
        yield* settle
        assert.strictEqual((yield* Fiber.join(asker)).reason._tag, "Stopped")
        const letters = events.flatMap((event) => (event._tag === "DeadLettered" ? [event.letter] : []))
        assert.deepStrictEqual(
          letters.map(({ message, reason }) => [(message as Do).n, reason]),
          [
            [1, "stopped"],
            [2, "stopped"],
            [3, "stopped"]
          ]
        )
        assert.deepStrictEqual(log, [-3])
        assert.strictEqual((yield* agree(0)).actors, 0)
      }).pipe(withDoor(log))
    })
  )

  it.effect("an actor that has messages aside is not passivated, however long", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      yield* Effect.gen(function* () {
        const ref = yield* Scripted.ref("a")
        yield* ref.tell(new Do({ n: 1 }))
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* agree(1)).actors, 1)
        yield* (yield* Scripted.ref("b")).tell(new Do({ n: -2 }))
        yield* (yield* Scripted.ref("c")).tell(new Do({ n: -2 }))
        yield* settle
        assert.strictEqual((yield* agree(1)).actors, 2)
        yield* ref.ask(new Do({ n: 0 }))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(log.slice(-2), [0, 1])
        assert.strictEqual((yield* agree(0)).actors, 0)
      }).pipe(withDoor(log, { passivateAfter: "1 minute", activeMax: 2 }))
    })
  )

  it.effect("does not take room in the mailbox, and works with any kind of it", () =>
    Effect.gen(function* () {
      for (const mailbox of [
        Mailbox.bounded(2),
        Mailbox.dropping(2),
        Mailbox.sliding(2),
        Mailbox.unbounded,
        Mailbox.priority<Do>(2, () => 0)
      ]) {
        const log: Array<number> = []
        yield* Effect.gen(function* () {
          const ref = yield* Scripted.ref("a")
          for (const n of [1, 2, 3, 4, 5]) {
            yield* ref.tell(new Do({ n }))
            yield* settle
          }
          yield* agree(5)
          yield* ref.ask(new Do({ n: 0 }))
          yield* settle
          assert.deepStrictEqual(log, [0, 1, 2, 3, 4, 5], mailbox._tag)
          yield* agree(0)
        }).pipe(withDoor(log, { mailbox }))
      }
    })
  )
})
