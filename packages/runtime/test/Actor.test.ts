import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorContext, ActorSystem, Message } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Account, Deposit, Overdrawn, Withdraw } from "./bank.ts"

const accounts = Account.toLayer(
  Effect.sync(() => {
    let balance = 0
    return Account.of({
      Deposit: ({ amount }) => {
        balance += amount
        return Effect.succeed(balance)
      },
      Withdraw: ({ amount }) =>
        Effect.gen(function* () {
          yield* Effect.yieldNow
          if (amount > balance) return yield* new Overdrawn({ balance })
          balance -= amount
          return balance
        })
    })
  })
)
const bank = accounts.pipe(Layer.provideMerge(ActorSystem.layer))

describe("Actor", () => {
  it.effect("answers asks, keeps its state between messages, and one state an id", () =>
    Effect.gen(function* () {
      const ada = yield* Account.ref("ada")
      const bob = yield* Account.ref("bob")
      yield* ada.tell(new Deposit({ id: "1", amount: 5 }))
      assert.strictEqual(yield* ada.ask(new Deposit({ id: "2", amount: 3 })), 8)
      assert.strictEqual(yield* ada.ask(new Withdraw({ amount: 2 })), 6)
      assert.strictEqual(yield* bob.ask(new Deposit({ id: "1", amount: 1 })), 1)
    }).pipe(Effect.provide(bank))
  )

  it.effect("gives the asker the handler's domain error, typed, and goes on with its state", () =>
    Effect.gen(function* () {
      const ada = yield* Account.ref("ada")
      yield* ada.tell(new Deposit({ id: "1", amount: 5 }))
      const error = yield* Effect.flip(ada.ask(new Withdraw({ amount: 9 })))
      assert.deepStrictEqual(error, new Overdrawn({ balance: 5 }))
      assert.strictEqual(yield* ada.ask(new Withdraw({ amount: 5 })), 0)
    }).pipe(Effect.provide(bank))
  )

  it.effect("tells handlers who they are, and lets an actor send itself messages", () =>
    Effect.gen(function* () {
      class Name extends Message.Class<Name>()("Name", { success: Schema.String }) {}
      class Later extends Message.Class<Later>()("Later", {}) {}
      const Self = Actor.make("test/Self", [Name, Later])
      let later = ""
      const layer = Self.toLayer(
        Effect.gen(function* () {
          const self = yield* Self.self
          return Self.of({
            Name: () =>
              Effect.gen(function* () {
                const { actor, id } = yield* ActorContext
                yield* self.tell(new Later())
                return `${actor}/${id}`
              }),
            Later: () =>
              Effect.map(ActorContext, ({ id }) => {
                later = id
              })
          })
        })
      )
      yield* Effect.gen(function* () {
        const ref = yield* Self.ref("x")
        assert.strictEqual(yield* ref.ask(new Name()), "test/Self/x")
      }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(ActorSystem.layer))))
      assert.strictEqual(later, "x")
    })
  )

  it("refuses two messages with one tag", () => {
    assert.throws(() => Actor.make("x", [Deposit, Deposit]), TypeError)
  })

  it.effect("a second host of one name is a defect", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(Layer.fresh(accounts))))
      assert.isTrue(Exit.hasDies(exit))
    }).pipe(Effect.provide(bank))
  )
})
