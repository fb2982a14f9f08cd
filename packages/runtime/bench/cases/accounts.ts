import { Actor, ActorSystem, Message } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import type { Settle } from "./population.ts"

class Deposit extends Message.Class<Deposit>()("Deposit", {
  payload: { amount: Schema.Int },
  success: Schema.Int
}) {}
class Withdraw extends Message.Class<Withdraw>()("Withdraw", {
  payload: { amount: Schema.Int },
  success: Schema.Int
}) {}
const Account = Actor.make("bench/Account", [Deposit, Withdraw])

const accounts = Account.toLayer(() => {
  let balance = 0
  return Account.of({
    Deposit: ({ amount }) => {
      balance += amount
      return Effect.succeed(balance)
    },
    Withdraw: ({ amount }) => {
      balance -= amount
      return Effect.succeed(balance)
    }
  })
}).pipe(Layer.provideMerge(ActorSystem.layer))

const deposit = new Deposit({ amount: 1 })

/** Virtual actors with two handlers and a balance in their closure; there once each has handled its first message. */
export const settle: Settle = async () => {
  const runtime = ManagedRuntime.make(accounts)
  const system = await runtime.runPromise(ActorSystem)
  return {
    grow: (count) =>
      runtime.runPromise(
        Effect.gen(function* () {
          for (let n = 1; n < count; n++) yield* (yield* Account.ref(`account-${n}`)).tell(deposit)
          // The last of them gets its turn after all the others.
          yield* (yield* Account.ref(`account-0`)).tell(deposit)
          yield* (yield* Account.ref(`account-0`)).ask(deposit)
          const { actors, handled } = yield* system.counters
          if (actors !== count || handled !== count + 1) {
            return yield* Effect.die(new Error(`${actors} of ${count} actors, ${handled} messages handled`))
          }
        })
      ),
    end: () => runtime.dispose()
  }
}
