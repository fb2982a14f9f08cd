import { assert, describe, it } from "@effect/vitest"
import {
  Actor,
  ActorSystem,
  EventSourced,
  type History,
  Journal,
  JournalError,
  JournalUnavailable,
  JournalUnknown,
  Message,
  Supervision
} from "@troupe/runtime"
import { Interleavings } from "@troupe/runtime/testing"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"

class Broke extends Schema.TaggedError<Broke>()("Broke", {}) {}
/** Pays in; effectively once, because it has a key. */
class In extends Message.Class<In>()("In", {
  payload: { id: Schema.String, amount: Schema.Int },
  success: Schema.Int,
  primaryKey: ({ id }) => id
}) {}
/** Pays out; at most once, because it has none. */
class Out extends Message.Class<Out>()("Out", {
  payload: { id: Schema.String, amount: Schema.Int },
  success: Schema.Int,
  error: Broke
}) {}
const Purse = Actor.make("test/Purse", [In, Out])
class Moved extends Schema.TaggedClass<Moved>()("Moved", { id: Schema.String, by: Schema.Int }) {}

const history: History = { actor: "test/Purse", id: "p" }

const purses = (snapshot: number) =>
  Purse.toLayer(
    EventSourced.make(Purse, {
      state: Schema.Struct({ balance: Schema.Int }),
      events: [Moved],
      initial: () => ({ balance: 0 }),
      evolve: { Moved: (state, { by }) => ({ balance: state.balance + by }) },
      decide: {
        In: (_, { id, amount }) =>
          EventSourced.persist(new Moved({ id, by: amount }), (next) => next.balance),
        Out: (state, { id, amount }) =>
          amount > state.balance
            ? Effect.fail(new Broke())
            : Effect.as(
                Effect.yieldNow,
                EventSourced.persist(
                  new Moved({ id, by: -amount }),
                  (next: { readonly balance: number }) => next.balance
                )
              )
      },
      snapshot: EventSourced.every(snapshot)
    }),
    {
      supervision: Supervision.restart({ schedule: Schedule.spaced("1 millis") }),
      drain: 0,
      passivateAfter: 3
    }
  )

/** The journal around it, which now and then is away, or stores without saying so. */
const unreliable = Layer.effect(
  Journal,
  Effect.map(Journal, (journal) =>
    Journal.of({
      ...journal,
      append: (of, entry) =>
        Effect.gen(function* () {
          const fail = (reason: JournalUnavailable | JournalUnknown) =>
            new JournalError({ reason, history: of.id, detail: "injected" })
          const fate = yield* Random.nextIntBetween(0, 9)
          if (fate === 0) return yield* fail(new JournalUnavailable({}))
          if (fate === 1) return yield* fail(new JournalUnknown({}))
          const sequence = yield* journal.append(of, entry)
          if (fate === 2) return yield* fail(new JournalUnknown({}))
          return sequence
        })
    })
  )
)

interface Answered {
  readonly id: string
  readonly amount: number
  readonly exit: Exit.Exit<number, unknown> | undefined
}

const scenario = Effect.gen(function* () {
  const journal = yield* Journal
  const answers: Array<Answered> = []
  /** A process that hosts the purse for a while, and is stopped in the middle. Two run side by side: both believe that they own it. */
  const process = (name: string) =>
    Effect.gen(function* () {
      for (let life = 0; life < 2; life++) {
        const scope = yield* Scope.make()
        const system = yield* Layer.build(
          Layer.fresh(
            purses(yield* Random.nextIntBetween(1, 4)).pipe(
              Layer.provide(unreliable),
              Layer.provideMerge(ActorSystem.layer)
            )
          )
        ).pipe(Scope.provide(scope))
        const client = (number: number) =>
          Effect.gen(function* () {
            const purse = yield* Purse.ref("p")
            for (let n = 0; n < 4; n++) {
              const id = `${name}${life}.${number}.${n}`
              const amount = yield* Random.nextIntBetween(1, 5)
              const pays = yield* Random.nextBoolean
              const ask = pays ? purse.ask(new In({ id, amount })) : purse.ask(new Out({ id, amount }))
              const fiber = yield* Effect.forkChild(Effect.exit(ask))
              if ((yield* Random.nextIntBetween(0, 4)) === 0) yield* Fiber.interrupt(fiber)
              const ended = yield* Fiber.await(fiber)
              const exit = Exit.isSuccess(ended) ? ended.value : undefined
              answers.push({ id, amount: pays ? amount : -amount, exit })
              // Who got no answer to a payment with a key sends it again.
              if (pays && (exit === undefined || Exit.isFailure(exit))) {
                const again = yield* Effect.exit(ask)
                answers.push({ id, amount, exit: again })
              }
              if (yield* Random.nextBoolean) yield* Effect.sleep(yield* Random.nextIntBetween(1, 6))
            }
          }).pipe(Effect.provideContext(system))
        const clients = Effect.forEach([0, 1, 2], client, { concurrency: "unbounded" })
        const wait = Effect.sleep(yield* Random.nextIntBetween(5, 60))
        yield* Effect.raceFirst(clients, life === 0 ? wait : Effect.never)
        yield* Scope.close(scope, Exit.void)
      }
    })
  const processes = yield* Effect.forkChild(
    Effect.all([process("a"), process("b")], { concurrency: "unbounded" })
  )
  for (let turn = 0; turn < 2000 && processes.pollUnsafe() === undefined; turn++) yield* TestClock.adjust(1)
  yield* Fiber.join(processes)

  const entries = yield* Stream.runCollect(journal.read(history, 0))
  const moves = entries.flatMap((entry) => entry.events as ReadonlyArray<{ id: string; by: number }>)
  const balances = new Map<string, number>()
  let balance = 0
  for (const { id, by } of moves) {
    balance += by
    assert.isAtLeast(balance, 0, `overdrawn by ${id}`)
    assert.isFalse(balances.has(id), `${id} took effect twice`)
    balances.set(id, balance)
  }
  for (const { id, amount, exit } of answers) {
    if (exit === undefined) continue
    if (Exit.isSuccess(exit)) {
      assert.strictEqual(balances.get(id), exit.value, `the answer of ${id}`)
    } else if (amount < 0 && Exit.findErrorOption(exit)._tag === "Some") {
      const error = Exit.findErrorOption(exit) as { readonly value?: unknown }
      if (error.value instanceof Broke) assert.isFalse(balances.has(id), `${id} was refused`)
    }
  }
  // Whoever opens the history now, with or without a snapshot, finds it as it is.
  const found = yield* Effect.gen(function* () {
    const purse = yield* Purse.ref("p")
    return yield* purse.ask(new In({ id: "last", amount: 1 }))
  }).pipe(Effect.provide(purses(1).pipe(Layer.provideMerge(ActorSystem.layer)), { local: true }))
  assert.strictEqual(found, balance + 1)
  return moves.length
}).pipe(Effect.provide(Journal.layerMemory))

describe("interleavings of two processes with one history", () => {
  it.effect(
    "lose nothing, double nothing, overdraw nothing, and every answer is true, over all seeds",
    () =>
      Effect.gen(function* () {
        const seeds = count({ quick: 100, long: 5_000 })
        const { values } = yield* Interleavings.explore({ seeds, from: firstSeed(), scenario })
        assert.isAbove(
          values.reduce((sum, moves) => sum + moves, 0),
          seeds * 4
        )
      }),
    { timeout: patience(120_000) }
  )
})
