import { assert, describe, it } from "@effect/vitest"
import { Actor, EventSourced, Message } from "@troupe/runtime"
import { DeciderTest } from "@troupe/runtime/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Account, Deposit, Overdrawn, Withdraw } from "./bank.ts"

class Balance extends Schema.Class<Balance>("Balance")({ balance: Schema.Int }) {}
class Deposited extends Schema.TaggedClass<Deposited>()("Deposited", { amount: Schema.Int }) {}
class Withdrawn extends Schema.TaggedClass<Withdrawn>()("Withdrawn", { amount: Schema.Int }) {}
class DepositedV1 extends Schema.TaggedClass<DepositedV1>()("Deposited", { dollars: Schema.Finite }) {}
class Fee extends Context.Service<Fee, { readonly amount: Effect.Effect<number> }>()(
  "@troupe/runtime/test/DeciderTest.test/Fee"
) {}

const common = {
  state: Balance,
  events: [Deposited, Withdrawn],
  initial: () => new Balance({ balance: 0 }),
  evolve: {
    Deposited: (state: Balance, { amount }: Deposited) => new Balance({ balance: state.balance + amount }),
    Withdrawn: (state: Balance, { amount }: Withdrawn) => new Balance({ balance: state.balance - amount })
  }
} as const

const account = DeciderTest.of(
  EventSourced.make(Account, {
    ...common,
    upcasters: [EventSourced.upcast(DepositedV1, ({ dollars }) => new Deposited({ amount: dollars * 100 }))],
    decide: {
      Deposit: (_, { amount }) =>
        amount === 0
          ? EventSourced.persistAll([], (next: Balance) => next.balance)
          : EventSourced.persist(new Deposited({ amount }), (next) => next.balance),
      Withdraw: (state, { amount }) =>
        amount > state.balance
          ? Effect.fail(new Overdrawn({ balance: state.balance }))
          : Effect.succeed(EventSourced.persist(new Withdrawn({ amount }), (next: Balance) => next.balance))
    }
  })
)

/** The mismatch that a test throws. */
const mismatch = (test: () => void): DeciderTest.DeciderMismatch => {
  try {
    test()
  } catch (thrown) {
    assert.instanceOf(thrown, DeciderTest.DeciderMismatch)
    return thrown
  }
  return assert.fail("nothing was thrown")
}

describe("DeciderTest", () => {
  it("given events, when a command, then events, answer and state", () => {
    account
      .given(new Deposited({ amount: 5 }))
      .when(new Withdraw({ amount: 3 }))
      .expect({ events: [new Withdrawn({ amount: 3 })], reply: 2, state: new Balance({ balance: 2 }) })
    account.when(new Deposit({ id: "1", amount: 4 })).expect({ reply: 4 })
    account.when(new Deposit({ id: "1", amount: 0 })).expect({ events: [], reply: 0 })
    assert.deepStrictEqual(
      account
        .given(new Deposited({ amount: 5 }), new Withdrawn({ amount: 1 }))
        .given(new Withdrawn({ amount: 1 })).state,
      new Balance({ balance: 3 })
    )
  })

  it("then a domain error", () => {
    account
      .given(new Deposited({ amount: 5 }))
      .when(new Withdraw({ amount: 9 }))
      .expect({ error: new Overdrawn({ balance: 5 }) })
  })

  it("given what a journal holds, of any version", () => {
    account
      .givenStored({ _tag: "Deposited", dollars: 5 }, { _tag: "Withdrawn", amount: 1 })
      .when(new Withdraw({ amount: 500 }))
      .expect({ error: new Overdrawn({ balance: 499 }) })
    assert.throws(() => account.givenStored({ _tag: "Burned" }), /event 1 \("Burned"\).*upcasters/)
  })

  it("shows what is different, line by line, as an assertion error of any runner", () => {
    const given = account.given(new Deposited({ amount: 5 }))
    const events = mismatch(() =>
      given.when(new Withdraw({ amount: 3 })).expect({ events: [new Withdrawn({ amount: 4 })], reply: 2 })
    )
    assert.strictEqual(
      events.message,
      `bank/Account: given Deposited { amount: 5 }, when Withdraw { amount: 3 }

- expected
+ what it does

- events: [Withdrawn { amount: 4 }]
+ events: [Withdrawn { amount: 3 }]
  reply: 2`
    )
    assert.deepInclude({ ...events }, { name: "AssertionError", code: "ERR_ASSERTION" })
    assert.deepStrictEqual(events.expected, { events: [new Withdrawn({ amount: 4 })], reply: 2 })
    assert.deepStrictEqual(events.actual, { events: [new Withdrawn({ amount: 3 })], reply: 2 })
  })

  it("does not take an error for a success, nor a success for an error, nor one kind of event for another", () => {
    const given = account.given(new Deposited({ amount: 5 }))
    const error = mismatch(() => given.when(new Withdraw({ amount: 9 })).expect({ events: [] }))
    assert.match(error.message, /^- events: \[\]\n\+ error: Overdrawn \{ balance: 5 \}$/m)
    const success = mismatch(() =>
      given.when(new Withdraw({ amount: 1 })).expect({ error: new Overdrawn({ balance: 5 }) })
    )
    assert.match(success.message, /^\+ reply: 4$/m)
    mismatch(() => given.when(new Withdraw({ amount: 9 })).expect({ error: new Overdrawn({ balance: 4 }) }))
    mismatch(() => given.when(new Withdraw({ amount: 1 })).expect({ events: [new Deposited({ amount: 1 })] }))
    mismatch(() => given.when(new Withdraw({ amount: 1 })).expect({ reply: 3 }))
    mismatch(() => given.when(new Withdraw({ amount: 1 })).expect({ state: new Balance({ balance: 5 }) }))
    assert.deepStrictEqual(given.when(new Withdraw({ amount: 9 })).outcome, {
      error: new Overdrawn({ balance: 5 })
    })
  })

  it("runs with the services that the decider uses", () => {
    const withFee = DeciderTest.of(
      EventSourced.make(Account, {
        ...common,
        decide: {
          Deposit: () => EventSourced.reply(0),
          Withdraw: (_, { amount }) =>
            Effect.gen(function* () {
              const fee = yield* (yield* Fee).amount
              yield* Effect.yieldNow
              return EventSourced.persistAll(
                [new Withdrawn({ amount }), new Withdrawn({ amount: fee })],
                (next: Balance) => next.balance
              )
            })
        }
      })
    )
    const services = Context.make(Fee, { amount: Effect.succeed(1) })
    withFee
      .given(new Deposited({ amount: 9 }))
      .when(new Withdraw({ amount: 2 }), services)
      .expect({ events: [new Withdrawn({ amount: 2 }), new Withdrawn({ amount: 1 })], reply: 6 })
    // @ts-expect-error the service is missing
    const missing = () => withFee.when(new Withdraw({ amount: 2 }))
    assert.include(String(missing().outcome.defect), "Fee")
    const never = Context.make(Fee, { amount: Effect.never })
    assert.include(
      mismatch(() => withFee.when(new Withdraw({ amount: 2 }), never).expect({ events: [] })).message,
      `+ defect: "AsyncFiberError`
    )
  })

  it("does not compile with another's events, commands, answers and errors", () => {
    class Other extends Schema.TaggedClass<Other>()("Other", {}) {}
    class Foreign extends Message.Class<Foreign>()("Foreign", {}) {}
    const wrong = [
      // @ts-expect-error not an event of this actor
      () => account.given(new Other()),
      // @ts-expect-error not a command of this actor
      () => account.when(new Foreign()),
      // @ts-expect-error not its answer
      () => account.when(new Withdraw({ amount: 1 })).expect({ reply: "much" }),
      // @ts-expect-error it has no domain error
      () => account.when(new Deposit({ id: "1", amount: 1 })).expect({ error: new Overdrawn({ balance: 1 }) })
    ]
    assert.strictEqual(wrong.length, 4)
  })

  it("takes for a defect an answer that could not be remembered for a repeat of its command", () => {
    const odd = DeciderTest.of(
      EventSourced.make(Account, {
        ...common,
        decide: {
          Deposit: (_, { amount }) => EventSourced.persist(new Deposited({ amount }), () => 0.5),
          Withdraw: (_, { amount }) => EventSourced.persist(new Withdrawn({ amount }), () => 0.5)
        }
      })
    )
    assert.hasAllKeys(odd.when(new Deposit({ id: "1", amount: 1 })).outcome, ["defect"])
    // Without a key the answer is not stored, so nothing holds it to its schema; neither does the runtime.
    odd.when(new Withdraw({ amount: 1 })).expect({ reply: 0.5 })
  })

  it("takes for a defect what would crash the actor: a throw, a state or an event that no schema takes", () => {
    class Put extends Message.Class<Put>()("Put", { payload: { to: Schema.Number } }) {}
    class PutAt extends Schema.TaggedClass<PutAt>()("PutAt", { to: Schema.Number }) {}
    const Cell = Actor.make("test/Cell", [Put])
    const cell = DeciderTest.of(
      EventSourced.make(Cell, {
        state: Schema.Struct({ at: Schema.Int }),
        events: [PutAt],
        initial: () => ({ at: 0 }),
        evolve: { PutAt: (_, { to }) => ({ at: to }) },
        decide: {
          Put: (_, { to }) => {
            if (to < 0) throw new RangeError("below zero")
            return EventSourced.persist(to === 9 ? ({ _tag: "PutAt", to } as PutAt) : new PutAt({ to }))
          }
        }
      })
    )
    cell.when(new Put({ to: 1 })).expect({ state: { at: 1 }, reply: undefined })
    for (const [to, why] of [
      [-1, /below zero/],
      [0.5, /integer|Int/i],
      [9, /PutAt/]
    ] as const) {
      const { outcome } = cell.when(new Put({ to }))
      assert.deepStrictEqual(Object.keys(outcome), ["defect"], `${to}`)
      assert.match(String(outcome.defect), why)
    }
  })
})
