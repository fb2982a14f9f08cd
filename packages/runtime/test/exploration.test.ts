import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, Message } from "@troupe/runtime"
import { Interleavings, SeededScheduler } from "@troupe/runtime/testing"
import { count } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"

class Lost extends Schema.TaggedError<Lost>()("Lost", { after: Schema.Int }) {
  override get message() {
    return `${this.after} is left of two updates`
  }
}

/** Two fibers that read a number, and write it back plus one. */
const lostUpdate = (between: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const number = yield* Ref.make(0)
    const add = Effect.gen(function* () {
      const before = yield* Ref.get(number)
      yield* between
      yield* Ref.set(number, before + 1)
    })
    yield* Effect.all([add, add], { concurrency: "unbounded" })
    const after = yield* Ref.get(number)
    if (after !== 2) return yield* new Lost({ after })
  })

/** What each of three fibers does, in the order in which it happens. */
const traced = Effect.gen(function* () {
  const trace: Array<string> = []
  const fiber = (name: string) =>
    Effect.gen(function* () {
      for (let n = 0; n < 6; n++) {
        trace.push(`${name}${n}`)
        yield* Effect.yieldNow
        if (n === 3) yield* Effect.sleep(yield* Random.nextIntBetween(1, 3))
      }
    })
  const fibers = yield* Effect.forEach(["a", "b", "c"], (name) => Effect.forkChild(fiber(name)))
  yield* TestClock.adjust(5)
  for (const each of fibers) yield* Fiber.join(each)
  return trace.join(" ")
})

class Put extends Message.Class<Put>()("Put", { payload: { n: Schema.Int } }) {}
class All extends Message.Class<All>()("All", { success: Schema.Array(Schema.Int) }) {}
const Sink = Actor.make("test/Sink", [Put, All])
const Relay = Actor.make("test/Relay", [Put])
const sinks = Sink.toLayer(
  Effect.sync(() => {
    const all: Array<number> = []
    return Sink.of({
      Put: ({ n }) => Effect.sync(() => void all.push(n)),
      All: () => Effect.sync(() => [...all])
    })
  })
)

/** Says 1 to the sink by way of a relay, and 2 itself a turn later; believes that 1 comes first. */
const overtaken = Effect.gen(function* () {
  const sink = yield* Sink.ref("s")
  const relay = yield* Relay.ref("r")
  yield* relay.tell(new Put({ n: 1 }))
  yield* Effect.yieldNow
  yield* sink.tell(new Put({ n: 2 }))
  yield* TestClock.adjust(1)
  assert.deepStrictEqual(yield* sink.ask(new All()), [1, 2])
}).pipe(
  Effect.provide(
    Layer.mergeAll(
      sinks,
      Relay.toLayer({ Put: (put) => Effect.flatMap(Sink.ref("s"), (sink) => sink.tell(put)) })
    ).pipe(Layer.provideMerge(ActorSystem.layer))
  )
)

/** An actor that begins its work in a fiber of its own: so the next message does not wait for it. */
const Forking = Actor.make("test/Forking", [Put, All])
const forking = Effect.gen(function* () {
  const actor = yield* Forking.ref("f")
  for (let n = 1; n <= 3; n++) yield* actor.tell(new Put({ n }))
  yield* TestClock.adjust(1)
  assert.deepStrictEqual(yield* actor.ask(new All()), [6])
}).pipe(
  Effect.provide(
    Forking.toLayer(
      Effect.sync(() => {
        let sum = 0
        const work = (n: number) =>
          Effect.gen(function* () {
            const before = sum
            yield* Effect.yieldNow
            sum = before + n
          })
        return Forking.of({
          Put: ({ n }) => Effect.asVoid(Effect.forkScoped(work(n))),
          All: () => Effect.sync(() => [sum])
        })
      })
    ).pipe(Layer.provideMerge(ActorSystem.layer))
  )
)

/** Fails of the wrong interleaving within `within` seeds, and every time under that seed. */
const isFound = <E>(scenario: Effect.Effect<unknown, E>, within: number) =>
  Effect.gen(function* () {
    const failed = yield* Effect.flip(Interleavings.explore({ seeds: within, scenario }))
    assert.strictEqual(failed.kind, "failed")
    assert.isTrue(failed.repeats)
    assert.include(failed.message, `yield* Interleavings.replay(${failed.seed}, scenario)`)
    for (let time = 0; time < 100; time++) {
      const again = yield* Effect.flip(Interleavings.replay(failed.seed, scenario))
      assert.deepStrictEqual([again.message, again.steps], [failed.message, failed.steps])
    }
  })

describe("Interleavings", () => {
  it.effect(
    "finds a lost update between two fibers within 10 seeds, and its replay fails 100 times of 100",
    () => isFound(lostUpdate(Effect.yieldNow), 10)
  )

  it.effect("finds it between fibers that never wait within 100 seeds: they are interrupted anywhere", () =>
    isFound(lostUpdate(Effect.void), 100)
  )

  it.effect("finds a message that another one overtakes by way of a third actor within 50 seeds", () =>
    isFound(overtaken, 50)
  )

  it.effect("finds an actor whose handlers interleave, because they fork their work, within 10 seeds", () =>
    isFound(forking, 10)
  )

  it.effect("finds within 100 seeds what needs one fiber to wait for 12 steps of another", () =>
    isFound(
      Effect.gen(function* () {
        let steps = 0
        const fast = Effect.repeat(
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => steps++)
          ),
          { times: 20 }
        )
        const slow = Effect.gen(function* () {
          const before = steps
          yield* Effect.yieldNow
          if (steps - before > 12) return yield* new Lost({ after: steps })
        })
        yield* Effect.all([fast, slow], { concurrency: "unbounded" })
      }),
      100
    )
  )

  it.effect("finds none of it under Effect's own order, which is one of many", () =>
    Effect.gen(function* () {
      yield* lostUpdate(Effect.void)
      yield* overtaken
    })
  )

  it.effect("lets a right scenario pass under every seed, and says what it covered", () =>
    Effect.gen(function* () {
      const seeds = count({ quick: 200, long: 5000 })
      const explored = yield* Interleavings.explore({
        seeds,
        from: 7,
        scenario: (seed) => Effect.as(Effect.all([traced, traced], { concurrency: 2 }), seed)
      })
      assert.strictEqual(explored.seeds, seeds)
      assert.isAbove(explored.orders, seeds * 0.99)
      assert.isAbove(explored.steps, seeds * 40)
      assert.strictEqual(explored.values[0], 7)
    })
  )

  it.effect("repeats a seed step by step, and another seed takes another order", () =>
    Effect.gen(function* () {
      const { values } = yield* Interleavings.explore({ seeds: 50, scenario: traced })
      for (let seed = 1; seed <= 50; seed++) {
        assert.strictEqual(yield* Interleavings.replay(seed, traced), values[seed - 1], `seed ${seed}`)
      }
      assert.isAbove(new Set(values).size, 45)
    })
  )

  it.effect("gives each run what no other has: clock, random numbers, layers, scope", () =>
    Effect.gen(function* () {
      let closed = 0
      const scenario = Effect.gen(function* () {
        yield* Effect.addFinalizer(() => Effect.sync(() => closed++))
        yield* TestClock.adjust("1 hour")
        const now = yield* TestClock.testClockWith((clock) =>
          Effect.sync(() => clock.currentTimeMillisUnsafe())
        )
        yield* Sink.ref("s")
        const system = yield* ActorSystem
        return { now, system, random: yield* Random.next }
      }).pipe(Effect.provide(ActorSystem.layer))
      const { values } = yield* Interleavings.explore({ seeds: 5, scenario })
      assert.deepStrictEqual(new Set(values.map(({ now }) => now)), new Set([3_600_000]))
      assert.strictEqual(new Set(values.map(({ system }) => system)).size, 5)
      assert.strictEqual(new Set(values.map(({ random }) => random)).size, 5)
      assert.strictEqual(closed, 5)
    })
  )

  it.effect("moves the clock only when nothing is ready: who sleeps, sleeps before its time passes", () =>
    Interleavings.explore({
      seeds: 200,
      scenario: Effect.gen(function* () {
        const order: Array<number> = []
        for (const n of [3, 1, 2]) {
          yield* Effect.forkChild(
            Effect.delay(
              Effect.sync(() => order.push(n)),
              n * 10
            )
          )
        }
        yield* TestClock.adjust(25)
        assert.deepStrictEqual(order, [1, 2])
        yield* TestClock.adjust(5)
        assert.deepStrictEqual(order, [1, 2, 3])
      })
    })
  )

  it.effect(
    "takes no order that Effect never takes: a child interrupted before it began does not begin",
    () =>
      Interleavings.explore({
        seeds: 3000,
        scenario: Effect.raceFirst(
          Effect.yieldNow,
          Effect.andThen(Effect.forkChild(Effect.never), Effect.never)
        )
      })
  )

  it.effect("starves nobody for ever: who looks again and again does not keep others from their turn", () =>
    Interleavings.explore({
      seeds: 300,
      stepsMax: 5000,
      scenario: Effect.gen(function* () {
        let done = false
        const other = Effect.sync(() => {
          done = true
        })
        yield* Effect.forkChild(Effect.andThen(Effect.yieldNow, other))
        while (!done) yield* Effect.yieldNow
      })
    })
  )

  it.effect("calls actors that wait for each other stuck, and runs finalizers all the same", () =>
    Effect.gen(function* () {
      class Call extends Message.Class<Call>()("Call", {
        payload: { other: Schema.String },
        error: Schema.Unknown
      }) {}
      const Caller = Actor.make("test/Caller", [Call])
      let closed = 0
      const scenario = Effect.gen(function* () {
        yield* Effect.addFinalizer(() => Effect.sync(() => closed++))
        const [a, b] = [yield* Caller.ref("a"), yield* Caller.ref("b")]
        yield* Effect.all([a.ask(new Call({ other: "b" })), b.ask(new Call({ other: "a" }))], {
          concurrency: 2
        })
      }).pipe(
        Effect.provide(
          Caller.toLayer(
            {
              Call: ({ other }) =>
                Effect.gen(function* () {
                  yield* Effect.yieldNow
                  yield* (yield* Caller.ref(other)).ask(new Call({ other }))
                })
            },
            { drain: 0 }
          ).pipe(Layer.provideMerge(ActorSystem.layer))
        )
      )
      const failed = yield* Effect.flip(Interleavings.explore({ seeds: 10, scenario }))
      assert.strictEqual(failed.kind, "stuck")
      assert.isTrue(failed.repeats)
      // Once in the run that found it, once in the one that repeated it.
      assert.strictEqual(closed, 2)
    })
  )

  it.effect(
    "says the failure of a scenario whose finalizers wait for time, and calls one that only waits stuck",
    () =>
      Effect.gen(function* () {
        const failing = Effect.gen(function* () {
          yield* Effect.addFinalizer(() => Effect.sleep("5 seconds"))
          return yield* new Lost({ after: 1 })
        })
        const failed = yield* Effect.flip(Interleavings.replay(1, failing))
        assert.strictEqual(failed.kind, "failed")
        assert.include(failed.message, "1 is left of two updates")
        const waiting = yield* Effect.flip(Interleavings.replay(1, Effect.sleep("5 seconds")))
        assert.strictEqual(waiting.kind, "stuck")
        assert.include(waiting.message, "move the TestClock")
      })
  )

  it.effect("calls what never ends endless", () =>
    Effect.gen(function* () {
      const scenario = Effect.forever(Effect.yieldNow)
      const failed = yield* Effect.flip(Interleavings.replay(1, scenario, { stepsMax: 1000 }))
      assert.strictEqual(failed.kind, "endless")
      assert.strictEqual(failed.steps, 1000)
    })
  )

  it.effect("says when a scenario depends on more than the seed", () =>
    Effect.gen(function* () {
      let runs = 0
      const scenario = Effect.suspend(() =>
        Effect.andThen(Effect.repeat(Effect.yieldNow, { times: runs++ }), Effect.die(new Error("boom")))
      )
      const failed = yield* Effect.flip(Interleavings.replay(1, scenario))
      assert.isFalse(failed.repeats)
      assert.match(failed.message, /boom.*took another course/s)
    })
  )
})

describe("SeededScheduler", () => {
  it("runs what has a higher priority number when nothing else is left", () => {
    const scheduler = new SeededScheduler(1)
    const ran: Array<string> = []
    const [a, b] = [scheduler.makeDispatcher(), scheduler.makeDispatcher()]
    a.scheduleTask(() => ran.push("last"), 5)
    a.scheduleTask(() => b.scheduleTask(() => ran.push("first"), -1), 0)
    b.scheduleTask(() => ran.push("second"), 1)
    a.flush()
    assert.deepStrictEqual(ran, ["first", "second", "last"])
    assert.strictEqual(scheduler.steps, 4)
  })

  it("chooses every order of four tasks about as often as any other", () => {
    const seen = new Map<string, number>()
    for (let seed = 0; seed < 24_000; seed++) {
      const scheduler = new SeededScheduler(seed)
      const ran: Array<number> = []
      for (let n = 0; n < 4; n++) scheduler.makeDispatcher().scheduleTask(() => ran.push(n), 0)
      scheduler.run(() => false, 10)
      const order = ran.join("")
      seen.set(order, (seen.get(order) ?? 0) + 1)
    }
    assert.strictEqual(seen.size, 24)
    for (const [order, times] of seen) assert.closeTo(times, 1000, 150, order)
  })
})
