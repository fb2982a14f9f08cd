import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, EventSourced, EventStream, Mailbox, Message, Supervision } from "@troupe/runtime"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { counted, letters } from "./letters.ts"
import { settle } from "./probe.ts"

class Add extends Message.Class<Add>()("Add", { payload: { n: Schema.Int }, success: Schema.Int }) {}
class Twice extends Message.Class<Twice>()("Twice", { payload: { n: Schema.Int }, success: Schema.Int }) {}
const Sum = Actor.make("test/Sum", [Add, Twice])

const sums = () => {
  let sum = 0
  return Sum.of({
    Add: ({ n }) => (n < 0 ? Effect.die(new Error("negative")) : Effect.sync(() => (sum += n))),
    Twice: ({ n }) => Effect.succeed(2 * n)
  })
}

const defectOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "no defect"

const inSystem = Effect.provide(ActorSystem.layer)

describe("a `decide` that throws", () => {
  const supervision = Supervision.byCause(() => {
    throw new Error("undecided")
  })

  it.effect("stops the actor, whose end says both defects", () =>
    Effect.gen(function* () {
      const sum = yield* Sum.spawn("a", sums, { supervision })
      const end = yield* Effect.forkChild(Actor.awaitStop(sum), { startImmediately: true })
      const error = yield* Effect.flip(sum.ask(new Add({ n: -1 })))
      assert.strictEqual(error.reason._tag, "Parked")
      const exit = yield* Fiber.join(end)
      const said = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : ""
      assert.include(said, "negative")
      assert.include(said, "undecided")
      yield* settle
      assert.strictEqual((yield* Effect.flip(sum.ask(new Add({ n: 1 })))).reason._tag, "Stopped")
      yield* counted
    }).pipe(inSystem)
  )

  it.effect("stops an actor that cannot be built", () =>
    Effect.gen(function* () {
      const build: Effect.Effect<ReturnType<typeof sums>, string> = Effect.fail("unbuilt")
      const sum = yield* Sum.spawn("a", build, { supervision })
      assert.strictEqual((yield* Effect.flip(sum.ask(new Add({ n: 1 })))).reason._tag, "Stopped")
      yield* counted
    }).pipe(inSystem)
  )
})

describe("a `rank` that throws, or is no number", () => {
  const rank = (message: Add | Twice) => {
    if (message.n === 13) throw new Error("unlucky")
    return message.n === 14 ? Number.NaN : message.n
  }
  const gated = (gate: Latch.Latch, log: Array<number>) => () =>
    Sum.of({
      Add: ({ n }) => Effect.as(gate.await, n),
      Twice: ({ n }) => Effect.sync(() => log.push(n))
    })

  it.effect("makes a dead letter of its message and tells the asker; all others go their way", () =>
    Effect.gen(function* () {
      const buried = yield* letters
      const gate = Latch.makeUnsafe()
      const log: Array<number> = []
      const sum = yield* Sum.spawn("a", gated(gate, log), { mailbox: Mailbox.priority(10, rank) })
      yield* sum.tell(new Add({ n: 1 }))
      yield* settle
      for (const n of [20, 14, 13, 5, 9]) yield* sum.tell(new Twice({ n }))
      const error = yield* Effect.flip(sum.ask(new Twice({ n: 13 })))
      assert.include(error.message, "unlucky")
      assert.include((yield* Effect.flip(sum.ask(new Twice({ n: 14 })))).message, "NaN")
      gate.openUnsafe()
      yield* settle
      assert.deepStrictEqual(log, [5, 9, 20])
      assert.strictEqual(buried.length, 4)
      yield* counted
    }).pipe(inSystem)
  )

  it.effect("holds up nobody who waits for room behind it", () =>
    Effect.gen(function* () {
      const gate = Latch.makeUnsafe()
      const log: Array<number> = []
      const sum = yield* Sum.spawn("a", gated(gate, log), { mailbox: Mailbox.priority(1, rank) })
      yield* sum.tell(new Add({ n: 1 }))
      yield* settle
      yield* sum.tell(new Twice({ n: 2 }))
      const senders = yield* Effect.forEach([13, 3, 14, 4], (n) =>
        Effect.forkChild(sum.tell(new Twice({ n })), { startImmediately: true })
      )
      const asker = yield* Effect.forkChild(Effect.flip(sum.ask(new Twice({ n: 13 }))), {
        startImmediately: true
      })
      gate.openUnsafe()
      yield* Effect.forEach(senders, Fiber.join)
      assert.include((yield* Fiber.join(asker)).message, "unlucky")
      yield* settle
      assert.deepStrictEqual(log, [2, 3, 4])
      yield* counted
    }).pipe(inSystem)
  )

  it.effect("does not stop a periodic timer", () =>
    Effect.gen(function* () {
      const log: Array<number> = []
      let unlucky = true
      const mailbox = Mailbox.priority(10, (message: Add | Twice) =>
        rank(unlucky ? new Add({ n: 13 }) : message)
      )
      const build = Effect.map(Sum.context, (me) =>
        Sum.of({
          Add: ({ n }) => Effect.as(me.timers.periodic("beat", "1 second", new Twice({ n })), n),
          Twice: ({ n }) => Effect.sync(() => log.push(n))
        })
      )
      unlucky = false
      const sum = yield* Sum.spawn("a", build, { mailbox })
      yield* sum.ask(new Add({ n: 1 }))
      unlucky = true
      yield* TestClock.adjust("2 seconds")
      unlucky = false
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(log, [1, 1])
      assert.strictEqual((yield* counted).deadLettered, 2)
    }).pipe(inSystem)
  )
})

describe("a tracing that throws", () => {
  it.effect("crashes the actor whose message it traces, and holds up no other", () =>
    Effect.gen(function* () {
      const system = yield* ActorSystem
      const sum = yield* Sum.spawn("a", sums, { supervision: Supervision.resume })
      yield* system.trace(({ message }, handler) => {
        if (message._tag === "Add") throw new Error("untraced")
        return handler
      })
      assert.include((yield* Effect.flip(sum.ask(new Add({ n: 1 })))).message, "untraced")
      assert.strictEqual(yield* sum.ask(new Twice({ n: 2 })), 4)
      yield* sum.tell(new Add({ n: 1 }))
      yield* settle
      assert.strictEqual((yield* counted).deadLettered, 2)
    }).pipe(inSystem)
  )
})

describe("a function that makes a message and throws", () => {
  it.effect("crashes the actor that pipes a result to itself", () =>
    Effect.gen(function* () {
      const lives: Array<string> = []
      const build = Effect.gen(function* () {
        const me = yield* Sum.context
        lives.push("built")
        return Sum.of({
          Add: ({ n }) =>
            Effect.as(
              me.pipeToSelf(Effect.sleep("1 second"), () => {
                throw new Error("no message")
              }),
              n
            ),
          Twice: ({ n }) => Effect.succeed(2 * n)
        })
      })
      const sum = yield* Sum.spawn("a", build, { supervision: Supervision.stop })
      const end = yield* Effect.forkChild(Actor.awaitStop(sum), { startImmediately: true })
      assert.strictEqual(yield* sum.ask(new Add({ n: 1 })), 1)
      yield* TestClock.adjust("1 second")
      assert.include(defectOf(yield* Fiber.join(end)), "no message")
      assert.deepStrictEqual(lives, ["built"])
    }).pipe(inSystem)
  )

  it.effect("costs a subscriber to the event stream that event, and no other", () =>
    Effect.gen(function* () {
      class Counted extends Schema.Class<Counted>("Counted")({ n: Schema.Finite }) {}
      const sum = yield* Sum.spawn("a", sums)
      yield* EventStream.subscribe(Counted, sum, ({ n }) => new Add({ n }))
      // The second is no whole number: its message does not fit its schema.
      for (const n of [1, 1.5, 2]) yield* EventStream.publish(new Counted({ n }))
      yield* settle
      assert.strictEqual(yield* sum.ask(new Add({ n: 0 })), 3)
    }).pipe(inSystem)
  )
})

describe("an actor that asks itself", () => {
  const asking = Effect.map(Sum.context, (me) =>
    Sum.of({
      Add: ({ n }) => Effect.orDie(me.self.ask(new Twice({ n }))),
      Twice: ({ n }) => Effect.succeed(2 * n)
    })
  )

  it.effect("dies of it and says what to do, instead of waiting for itself", () =>
    Effect.gen(function* () {
      const sum = yield* Sum.spawn("a", asking, { supervision: Supervision.resume })
      const error = yield* Effect.flip(sum.ask(new Add({ n: 1 })))
      assert.include(error.message, "asks itself")
      assert.strictEqual(yield* sum.ask(new Twice({ n: 4 })), 8)
      yield* counted
    }).pipe(inSystem)
  )

  it.effect("also after the handler has suspended, and with a full mailbox", () =>
    Effect.gen(function* () {
      const build = Effect.map(Sum.context, (me) =>
        Sum.of({
          Add: ({ n }) =>
            Effect.andThen(Effect.sleep("1 second"), Effect.orDie(me.self.ask(new Twice({ n })))),
          Twice: ({ n }) => Effect.succeed(2 * n)
        })
      )
      const options = { supervision: Supervision.resume, mailbox: Mailbox.bounded(1) }
      const sum = yield* Sum.spawn("a", build, options)
      const asker = yield* Effect.forkChild(Effect.flip(sum.ask(new Add({ n: 1 }))), {
        startImmediately: true
      })
      yield* settle
      yield* sum.tell(new Twice({ n: 1 }))
      yield* TestClock.adjust("1 second")
      assert.include((yield* Fiber.join(asker)).message, "asks itself")
      assert.strictEqual(yield* sum.ask(new Twice({ n: 4 })), 8)
      yield* counted
    }).pipe(inSystem)
  )

  it.effect("also where its build does", () =>
    Effect.gen(function* () {
      const build = Effect.gen(function* () {
        const me = yield* Sum.context
        const answer = yield* Effect.orDie(me.self.ask(new Twice({ n: 1 })))
        return Sum.of({ Add: ({ n }) => Effect.succeed(n + answer), Twice: ({ n }) => Effect.succeed(2 * n) })
      })
      for (const concurrency of [1, 2]) {
        const sum = yield* Sum.spawn(`${concurrency}`, build, { supervision: Supervision.stop, concurrency })
        const exit = yield* Actor.awaitStop(sum)
        assert.include(defectOf(exit), "asks itself")
      }
      yield* counted
    }).pipe(inSystem)
  )

  it.effect("also where a finalizer does: its life is over, and the next one waits for it", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const build = Effect.gen(function* () {
        const me = yield* Sum.context
        yield* Effect.addFinalizer(() =>
          Effect.map(Effect.exit(me.self.ask(new Twice({ n: 1 }))), (exit) => said.push(defectOf(exit)))
        )
        return Sum.of({ Add: ({ n }) => Effect.succeed(n), Twice: ({ n }) => Effect.succeed(2 * n) })
      })
      yield* Effect.gen(function* () {
        const sum = yield* Sum.ref("a")
        yield* sum.ask(new Add({ n: 1 }))
        // Idle, and in the middle of its drain.
        yield* Actor.stop(sum)
        yield* sum.tell(new Add({ n: 1 }))
        yield* Actor.stop(sum)
        yield* counted
      }).pipe(Effect.provide(Sum.toLayer(build)))
      assert.deepStrictEqual(
        said.map((defect) => (defect.includes("asks itself") ? "itself" : defect.includes("Stopped"))),
        // The last one as its layer closes.
        ["itself", "itself", true]
      )
    }).pipe(inSystem)
  )

  it.effect("may do so where the answer can come: re-entrant, or from beside the handler", () =>
    Effect.gen(function* () {
      const reentrant = yield* Sum.spawn("a", asking, { concurrency: 2 })
      assert.strictEqual(yield* reentrant.ask(new Add({ n: 3 })), 6)
      const answers: Array<number> = []
      const beside = Effect.gen(function* () {
        const me = yield* Sum.context
        let wake = () => {}
        const woken = Effect.callback<void>((resume) => {
          wake = () => resume(Effect.void)
        })
        const loop = Effect.andThen(woken, me.self.ask(new Twice({ n: 3 })))
        yield* Effect.forkScoped(
          Effect.map(loop, (answer) => answers.push(answer)),
          { startImmediately: true }
        )
        return Sum.of({
          // The loop asks on the stack of this handler, which then suspends.
          Add: ({ n }) => Effect.as(Effect.andThen(Effect.sync(wake), Effect.sleep("1 second")), n),
          Twice: ({ n }) => Effect.succeed(2 * n)
        })
      })
      const sum = yield* Sum.spawn("b", beside)
      const asker = yield* Effect.forkChild(sum.ask(new Add({ n: 1 })), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(asker), 1)
      yield* settle
      assert.deepStrictEqual(answers, [6])
    }).pipe(inSystem)
  )
})

describe("a second host", () => {
  it.effect("is a defect that names the actor, or the kind of actor", () =>
    Effect.gen(function* () {
      yield* Sum.spawn("a", sums)
      assert.include(defectOf(yield* Effect.exit(Sum.spawn("a", sums))), "test/Sum/a runs already")
      yield* Layer.build(Sum.toLayer(sums))
      const again = yield* Effect.exit(Layer.build(Layer.fresh(Sum.toLayer(sums))))
      assert.include(defectOf(again), "test/Sum is hosted already")
    }).pipe(inSystem)
  )
})

describe("an event-sourced actor", () => {
  class Added extends Schema.TaggedClass<Added>()("Added", { n: Schema.Int }) {}
  const Ledger = Actor.make("test/Ledger", [Add])
  const ledger = EventSourced.make(Ledger, {
    state: Schema.Int,
    events: [Added],
    initial: () => 0,
    evolve: { Added: (sum, { n }) => sum + n },
    decide: { Add: (_, { n }) => EventSourced.persist(new Added({ n }), (sum: number) => sum) }
  })

  it("is not re-entrant: a decision must not be made on a state that another one changes", () => {
    assert.throws(() => Ledger.toLayer(ledger, { concurrency: 2 }), RangeError, "one command at a time")
    assert.throws(() => Ledger.spawn("a", ledger, { concurrency: 2 }), RangeError, "one command at a time")
    Ledger.toLayer(ledger, { concurrency: 1 })
  })
})
