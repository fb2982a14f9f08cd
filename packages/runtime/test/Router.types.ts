import { Actor, type ActorRef, type ActorSystem, type AskError, Message, Router } from "@troupe/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Account, type Deposit, Overdrawn, Withdraw } from "./bank.ts"

// No test runs this file, `pnpm check` does: every `@ts-expect-error` must be an error.

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equals<A, B>): void => {}

class Rates extends Context.Service<Rates, { readonly of: (amount: number) => number }>()(
  "@troupe/runtime/test/Router.types/Rates"
) {}
class Unrelated extends Message.Class<Unrelated>()("Unrelated", { success: Schema.String }) {}

type Accounts = Router.Routees<Deposit | Withdraw>
const byId = (accounts: Accounts) =>
  Router.consistentHash(accounts, { key: (message) => (message._tag === "Deposit" ? message.id : "") })

export const routers = (accounts: Accounts) => {
  const some = Router.roundRobin(accounts)
  const one: ActorRef<Deposit | Withdraw> = some
  const keyed: ActorRef<Withdraw> = byId(accounts)
  // @ts-expect-error a question to many has many answers
  const all: ActorRef<Withdraw> = Router.broadcast(accounts)
  // @ts-expect-error a foreign message
  const told = some.tell(new Unrelated())
  // @ts-expect-error a field that the message does not have
  Router.consistentHash(accounts, { key: (message) => message.name })
  const asked = Router.broadcast(accounts).ask(new Withdraw({ amount: 1 }))
  same<typeof asked, Effect.Effect<ReadonlyArray<number>, Overdrawn | AskError>>(true)
  return [one, keyed, all, told]
}

export const pools = () => {
  const build = Effect.map(Rates, (rates) =>
    Account.of({
      Deposit: ({ amount }) => Effect.succeed(rates.of(amount)),
      Withdraw: () => Effect.fail(new Overdrawn({ balance: 0 }))
    })
  )
  const pool = Router.pool(Account, { size: 2, build, route: byId })
  same<
    typeof pool,
    Effect.Effect<Router.KeyRouter<Deposit | Withdraw>, never, ActorSystem | Scope.Scope | Rates>
  >(true)
  const Foreign = Actor.make("test/Foreign", [Unrelated])
  return [
    // @ts-expect-error handlers of another protocol
    Router.pool(Foreign, { size: 2, build, route: Router.roundRobin }),
    // @ts-expect-error a handler is missing
    Router.pool(Foreign, { size: 2, build: Effect.succeed({}), route: Router.roundRobin })
  ]
}
