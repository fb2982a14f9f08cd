import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, type LifeOf, Mailbox, Supervision, type TimersOf } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { inspected, settle } from "./probe.ts"
import { agree, Do, following, type Script, Scripted } from "./script.ts"

const restarts = Supervision.restart({ schedule: Schedule.spaced("1 second") })
const message = (n: number) => new Do({ n })

/** An actor `a`, and a list of what it handled, when: `millis n`. */
const timed = (
  test: (
    log: Array<string>,
    ask: (n: number) => Effect.Effect<number, unknown, ActorSystem>,
    lives: Array<LifeOf<Do>>
  ) => Effect.Effect<void, unknown, ActorSystem | Scope.Scope>,
  script: Script,
  options?: Parameters<typeof Scripted.toLayer>[1]
) => {
  const log: Array<string> = []
  const lives: Array<LifeOf<Do>> = []
  const noted: Script = (n, life) =>
    Effect.clockWith((clock) => {
      log.push(`${clock.currentTimeMillisUnsafe()} ${n}`)
      return script(n, life)
    })
  const ask = (n: number) => Effect.flatMap(Scripted.ref("a"), (ref) => ref.ask(message(n)))
  return test(log, ask, lives).pipe(
    Effect.provide(
      Scripted.toLayer(
        Effect.gen(function* () {
          lives.push(yield* Scripted.context)
          return yield* following(noted)
        }),
        { drain: 0, ...options }
      ).pipe(Layer.provideMerge(ActorSystem.layer))
    )
  )
}

/** 0 does what `start` says with the timers; all others are handled. */
const starting =
  (start: (timers: TimersOf<Do>) => Effect.Effect<void>): Script =>
  (n, { timers }) =>
    n === 0 ? Effect.as(start(timers), n) : Effect.succeed(n)

describe("timers", () => {
  it.effect("single sends once, after its delay; the counters agree before and after", () =>
    timed(
      (log, ask, lives) =>
        Effect.gen(function* () {
          yield* ask(0)
          const active = (lives[0] as LifeOf<Do>).timers.isActive("k")
          assert.isTrue(yield* active)
          yield* TestClock.adjust("999 millis")
          assert.deepStrictEqual(log, ["0 0"])
          yield* agree(0)
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(log, ["0 0", "1000 1"])
          assert.isFalse(yield* active)
          yield* TestClock.adjust("1 hour")
          assert.strictEqual(log.length, 2)
          assert.strictEqual((yield* agree(0)).handled, 2)
        }),
      starting((timers) => timers.single("k", "1 second", message(1)))
    )
  )

  it.effect("periodic sends every interval without drift, while each beat takes its time", () =>
    timed(
      (log, ask) =>
        Effect.gen(function* () {
          yield* ask(0)
          yield* TestClock.adjust("5 seconds")
          yield* settle
          assert.deepStrictEqual(log, ["0 0", "1000 1", "2000 1", "3000 1", "4000 1", "5000 1"])
          yield* TestClock.adjust("300 millis")
          yield* agree(0)
        }),
      (n, { timers }) =>
        n === 0
          ? Effect.as(timers.periodic("k", "1 second", message(1)), n)
          : Effect.as(Effect.sleep("300 millis"), n)
    )
  )

  it.effect("a slow actor skips beats, and goes on where the clock stands", () =>
    timed(
      (log, ask) =>
        Effect.gen(function* () {
          yield* ask(0)
          yield* TestClock.adjust("12 seconds")
          yield* settle
          // 2500 ms a beat: one waits while one is handled, and no more.
          assert.deepStrictEqual(log, ["0 0", "1000 1", "3500 1", "6000 1", "8500 1", "11000 1"])
          yield* agree(2)
        }),
      (n, { timers }) =>
        n === 0
          ? Effect.as(timers.periodic("k", "1 second", message(1)), n)
          : Effect.as(Effect.sleep("2500 millis"), n),
      { drain: 0 }
    )
  )

  it.effect(
    "a timer under the same key takes the place of the other, also of its message in the mailbox",
    () => {
      const gate = Latch.makeUnsafe()
      return timed(
        (log, ask) =>
          Effect.gen(function* () {
            const ref = yield* Scripted.ref("a")
            yield* ask(0)
            yield* TestClock.adjust("500 millis")
            yield* ask(10)
            yield* TestClock.adjust("600 millis")
            assert.deepStrictEqual(log, ["0 0", "500 10"])
            yield* TestClock.adjust("400 millis")
            assert.deepStrictEqual(log, ["0 0", "500 10", "1500 2"])
            // 20 is handled while a 1 waits behind it: it must not be handled any more.
            yield* ask(0)
            yield* ref.tell(message(20))
            yield* TestClock.adjust("1 second")
            yield* agree(2)
            gate.openUnsafe()
            yield* settle
            yield* TestClock.adjust("10 seconds")
            assert.deepStrictEqual(log.slice(3), ["1500 0", "1500 20", "4500 3"])
            yield* agree(0)
          }),
        (n, { timers }) => {
          if (n === 0) return Effect.as(timers.single("k", "1 second", message(1)), n)
          if (n === 10) return Effect.as(timers.single("k", "1 second", message(2)), n)
          if (n === 20)
            return Effect.as(Effect.andThen(gate.await, timers.single("k", "2 seconds", message(3))), n)
          return Effect.succeed(n)
        }
      )
    }
  )

  it.effect(
    "after cancel no message of it is handled, not even one that waits, and the counters never knew it",
    () => {
      const gate = Latch.makeUnsafe()
      return timed(
        (log, ask, lives) =>
          Effect.gen(function* () {
            yield* ask(0)
            yield* (yield* Scripted.ref("a")).tell(message(5))
            yield* TestClock.adjust("10 seconds")
            const { timers } = lives[0] as LifeOf<Do>
            const actives = Effect.all([timers.isActive("once"), timers.isActive("often")])
            assert.deepStrictEqual(yield* actives, [true, true])
            assert.strictEqual((yield* agree(3)).sent, 4)
            yield* timers.cancel("once")
            assert.deepStrictEqual(yield* actives, [false, true])
            assert.strictEqual((yield* agree(2)).sent, 3)
            yield* timers.cancelAll
            yield* timers.cancel("nothing")
            assert.deepStrictEqual(yield* actives, [false, false])
            assert.strictEqual((yield* agree(1)).sent, 2)
            gate.openUnsafe()
            yield* TestClock.adjust("10 seconds")
            assert.deepStrictEqual(log, ["0 0", "0 5"])
            assert.strictEqual((yield* agree(0)).handled, 2)
          }),
        (n, { timers }) => {
          const both = Effect.andThen(
            timers.single("once", "1 second", message(1)),
            timers.periodic("often", "1 second", message(2))
          )
          return Effect.as(n === 0 ? both : gate.await, n)
        }
      )
    }
  )

  it.effect(
    "are cancelled by a restart, with what waits in the mailbox, in the stash or in front of it",
    () => {
      let stashing = true
      return timed(
        (log, ask, lives) =>
          Effect.gen(function* () {
            const ref = yield* Scripted.ref("a")
            yield* ask(0)
            yield* TestClock.adjust("1 second")
            yield* settle
            assert.deepStrictEqual(log, ["0 0", "1000 1", "1000 2"])
            yield* agree(2)
            stashing = false
            yield* ref.tell(message(-1))
            yield* ref.tell(message(7))
            yield* TestClock.adjust("1 minute")
            assert.deepStrictEqual(log.slice(3), ["1000 -1", "2000 7"])
            assert.isFalse(yield* (lives[1] as LifeOf<Do>).timers.isActive("often"))
            yield* agree(0)
          }),
        (n, { stash, timers }) => {
          if (n === -1) return Effect.die("crash")
          if (n !== 0) return stashing ? stash : Effect.succeed(n)
          return Effect.as(
            Effect.andThen(
              timers.single("once", "1 second", message(1)),
              timers.periodic("often", "1 second", message(2))
            ),
            n
          )
        },
        { supervision: restarts }
      )
    }
  )

  it.effect(
    "a message that was put aside waits still: it is active, cancelled with its timer, and beats are skipped",
    () => {
      let stashing = true
      return timed(
        (log, ask, lives) =>
          Effect.gen(function* () {
            yield* ask(0)
            yield* TestClock.adjust("5 seconds")
            yield* settle
            assert.deepStrictEqual(log, ["0 0", "1000 1", "1000 2"])
            yield* agree(2)
            const { timers, unstashAll } = lives[0] as LifeOf<Do>
            assert.deepStrictEqual(yield* Effect.all([timers.isActive("once"), timers.isActive("often")]), [
              true,
              true
            ])
            yield* timers.cancel("once")
            assert.isFalse(yield* timers.isActive("once"))
            yield* agree(1)
            stashing = false
            yield* unstashAll
            yield* settle
            assert.deepStrictEqual(log.slice(3), ["5000 2"])
            yield* TestClock.adjust("1 second")
            assert.deepStrictEqual(log.slice(4), ["6000 2"])
            yield* agree(0)
          }),
        (n, { stash, timers }) => {
          if (n !== 0) return stashing ? stash : Effect.succeed(n)
          return Effect.as(
            Effect.andThen(
              timers.single("once", "1 second", message(1)),
              timers.periodic("often", "1 second", message(2))
            ),
            n
          )
        }
      )
    }
  )

  it.effect("one that was put aside and is handled does not hide another that waits", () => {
    const gates = [Latch.makeUnsafe(), Latch.makeUnsafe()]
    let beats = 0
    return timed(
      (log, ask, lives) =>
        Effect.gen(function* () {
          yield* ask(0)
          yield* TestClock.adjust("1 second")
          // The second beat waits while the first is about to be put aside.
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(log, ["0 0", "1000 1"])
          yield* agree(2)
          gates[0]?.openUnsafe()
          yield* settle
          assert.deepStrictEqual(log, ["0 0", "1000 1", "2000 1"])
          const { timers } = lives[0] as LifeOf<Do>
          yield* timers.cancel("k")
          yield* agree(1)
          gates[1]?.openUnsafe()
          yield* settle
          yield* TestClock.adjust("1 minute")
          assert.strictEqual(log.length, 3)
          yield* agree(0)
        }),
      (n, life) => {
        if (n === 0) return Effect.as(life.timers.periodic("k", "1 second", message(1)), n)
        beats++
        if (beats === 1) return Effect.andThen((gates[0] as Latch.Latch).await, life.stash)
        return Effect.as(Effect.andThen((gates[1] as Latch.Latch).await, life.unstashAll), n)
      }
    )
  })

  it.effect(
    "are cancelled by a passivation and by a stop, which makes no dead letter of what they sent",
    () => {
      const gate = Latch.makeUnsafe()
      return timed(
        (log, ask) =>
          Effect.gen(function* () {
            const events = yield* inspected
            yield* ask(0)
            yield* TestClock.adjust("10 minutes")
            yield* settle
            assert.deepStrictEqual(log, ["0 0"])
            assert.strictEqual((yield* agree(0)).actors, 0)
            yield* ask(1)
            yield* (yield* Scripted.ref("a")).tell(message(2))
            yield* TestClock.adjust("10 seconds")
            yield* agree(2)
            gate.openUnsafe()
            yield* settle
            assert.deepStrictEqual(log.slice(1), ["600000 1", "600000 2"])
            assert.isTrue(events.every((event) => event._tag !== "DeadLettered"))
            assert.strictEqual((yield* agree(0)).actors, 0)
          }),
        (n, { stop, timers }) => {
          if (n === 0) return Effect.as(timers.single("k", "5 minutes", message(9)), n)
          if (n === 1) return Effect.as(timers.periodic("k", "1 second", message(9)), n)
          return Effect.as(Effect.andThen(gate.await, stop), n)
        },
        { passivateAfter: "1 minute" }
      )
    }
  )

  it.effect("of a life that has ended do nothing, and leave those of the next life alone", () =>
    timed(
      (log, ask, lives) =>
        Effect.gen(function* () {
          yield* ask(0)
          const kept = (lives[0] as LifeOf<Do>).timers
          yield* Effect.exit(ask(-1))
          yield* TestClock.adjust("1 second")
          yield* settle
          log.length = 0
          const old = lives[0] as LifeOf<Do>
          assert.strictEqual(lives.length, 2)
          // Before and after the new life has timers.
          for (const timers of [kept, old.timers]) {
            yield* timers.single("a", 0, message(8))
            yield* timers.single("b", "1 second", message(8))
            yield* timers.periodic("k", "1 second", message(8))
            assert.isFalse(yield* timers.isActive("b"))
          }
          yield* ask(0)
          for (const timers of [kept, old.timers]) {
            yield* timers.single("b", 0, message(8))
            yield* timers.cancel("k")
            yield* timers.cancelAll
          }
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual(log, ["1000 0", "2000 1", "3000 1"])
        }),
      (n, { timers }) =>
        n === -1
          ? Effect.die("crash")
          : Effect.as(n === 0 ? timers.periodic("k", "1 second", message(1)) : Effect.void, n),
      { supervision: restarts }
    )
  )

  it.effect("an interval of 0 is a defect, a delay of 0 is at once", () =>
    timed(
      (log, ask, lives) =>
        Effect.gen(function* () {
          yield* ask(2)
          const { timers } = lives[0] as LifeOf<Do>
          assert.isTrue(Exit.hasDies(yield* Effect.exit(timers.periodic("k", 0, message(1)))))
          yield* timers.single("k", 0, message(1))
          yield* settle
          assert.deepStrictEqual(log, ["0 2", "0 1"])
          assert.isFalse(yield* timers.isActive("k"))
        }),
      starting(() => Effect.void)
    )
  )

  it.effect("a sliding mailbox drops them like others, without losing the beat or the count", () => {
    const gate = Latch.makeUnsafe()
    return timed(
      (log, ask, lives) =>
        Effect.gen(function* () {
          const ref = yield* Scripted.ref("a")
          yield* ask(0)
          yield* ref.tell(message(5))
          yield* TestClock.adjust("1 second")
          yield* agree(2)
          // Its place is taken; the timer knows, and sends the next beat.
          yield* ref.tell(message(6))
          assert.strictEqual((yield* agree(2)).deadLettered, 1)
          yield* TestClock.adjust("1 second")
          yield* agree(3)
          // One that was cancelled is no dead letter.
          yield* (lives[0] as LifeOf<Do>).timers.cancelAll
          yield* agree(2)
          yield* ref.tell(message(7))
          yield* ref.tell(message(8))
          yield* agree(2)
          gate.openUnsafe()
          yield* settle
          assert.deepStrictEqual(log, ["0 0", "0 5", "2000 8"])
          yield* agree(0)
        }),
      (n, { timers }) =>
        Effect.as(
          n === 0 ? timers.periodic("k", "1 second", message(1)) : n === 5 ? gate.await : Effect.void,
          n
        ),
      { mailbox: Mailbox.sliding(1) }
    )
  })

  it.effect("cancelled by a stop, take no room from a sender that waits for the next life", () => {
    const gate = Latch.makeUnsafe()
    return timed(
      (log, ask) =>
        Effect.gen(function* () {
          const ref = yield* Scripted.ref("a")
          yield* ask(0)
          yield* ref.tell(message(5))
          yield* settle
          const stopping = yield* Effect.forkChild(Actor.stop(ref), { startImmediately: true })
          yield* TestClock.adjust("1 second")
          // The beat is the one message that has room, and nobody's.
          const asker = yield* Effect.forkChild(ask(7), { startImmediately: true })
          yield* settle
          gate.openUnsafe()
          yield* settle
          yield* Fiber.join(stopping)
          assert.strictEqual(yield* Fiber.join(asker), 7)
          assert.deepStrictEqual(log, ["0 0", "0 5", "1000 7"])
          yield* agree(0)
        }),
      (n, { timers }) =>
        Effect.as(
          n === 0 ? timers.periodic("k", "1 second", message(1)) : n === 5 ? gate.await : Effect.void,
          n
        ),
      { mailbox: Mailbox.bounded(1), drain: "1 minute" }
    )
  })
})
