import { assert, it } from "@effect/vitest"
import {
  Actor,
  type ActorContext,
  type ActorRef,
  ActorSystem,
  type AnyRef,
  type AskError,
  EventSourced,
  type Journal,
  type LifeOf,
  Mailbox,
  Message
} from "@troupe/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Account, Deposit, Overdrawn, Withdraw } from "./bank.ts"

// `pnpm check` runs this file: every `@ts-expect-error` must be an error.

type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equals<A, B>): void => {}

class Rates extends Context.Service<Rates, { readonly of: (amount: number) => number }>()(
  "@troupe/runtime/test/Actor.types.test/Rates"
) {}
class Store extends Context.Service<Store, { readonly load: Effect.Effect<number> }>()(
  "@troupe/runtime/test/Actor.types.test/Store"
) {}
class Ping extends Message.Class<Ping>()("Ping", {}) {}
class Unrelated extends Message.Class<Unrelated>()("Unrelated", { success: Schema.String }) {}

const ok = (n: number) => Effect.succeed(n)

export const handlers = () => {
  Account.of({ Deposit: ({ amount }) => ok(amount), Withdraw: ({ amount }) => ok(amount) })
  // @ts-expect-error a handler is missing
  Account.of({ Deposit: ({ amount }) => ok(amount) })
  Account.of({
    Deposit: ({ amount }) => ok(amount),
    Withdraw: ({ amount }) => ok(amount),
    // @ts-expect-error one too many
    Close: () => ok(1)
  })
  // @ts-expect-error a wrong answer
  Account.of({ Deposit: () => Effect.succeed("much"), Withdraw: ({ amount }) => ok(amount) })
  // A domain error that the message does not declare.
  interface Undeclared {
    readonly Deposit: (message: Deposit) => Effect.Effect<number, Overdrawn>
    readonly Withdraw: (message: Withdraw) => Effect.Effect<number, Overdrawn>
  }
  same<Undeclared extends Actor.Handlers<Deposit | Withdraw, unknown> ? true : false, false>(true)
  same<Pick<Undeclared, "Withdraw"> extends Actor.Handlers<Withdraw, unknown> ? true : false, true>(true)
  // @ts-expect-error a field that the message does not have
  Account.of({ Deposit: ({ amounts }) => ok(amounts), Withdraw: ({ amount }) => ok(amount) })
}

export const references = (account: ActorRef<Deposit | Withdraw>) => {
  const deposited = account.ask(new Deposit({ id: "d", amount: 1 }))
  same<typeof deposited, Effect.Effect<number, AskError>>(true)
  const withdrawn = account.ask(new Withdraw({ amount: 1 }), { timeout: "1 second" })
  same<typeof withdrawn, Effect.Effect<number, Overdrawn | AskError>>(true)
  const told = account.tell(new Withdraw({ amount: 1 }))
  same<typeof told, Effect.Effect<void>>(true)
  const pinged = (ref: ActorRef<Ping>) => ref.ask(new Ping())
  same<ReturnType<typeof pinged>, Effect.Effect<void, AskError>>(true)
  const wrong = [
    // @ts-expect-error a foreign message
    account.tell(new Unrelated()),
    // @ts-expect-error a foreign message
    account.ask(new Unrelated()),
    // @ts-expect-error an object that only looks like the message
    account.tell({ _tag: "Withdraw", amount: 1 }),
    // @ts-expect-error a wrong payload
    account.tell(new Withdraw({ amount: "1" }))
  ]
  // @ts-expect-error an account does not understand what a ping's receiver does
  const ping: ActorRef<Ping> = account
  return [ping, wrong]
}

export const requirements = () => {
  const closed = Account.of({ Deposit: () => ok(1), Withdraw: () => ok(1) })
  const plain = Account.toLayer(closed)
  same<typeof plain, Layer.Layer<never, never, ActorSystem>>(true)

  const served = Account.toLayer(
    Effect.gen(function* () {
      const start = yield* (yield* Store).load
      yield* Effect.addFinalizer(() => Effect.void)
      return Account.of({
        Deposit: ({ amount }) => Effect.map(Rates, (rates) => rates.of(amount) + start),
        Withdraw: () => ok(1)
      })
    })
  )
  same<typeof served, Layer.Layer<never, never, ActorSystem | Store | Rates>>(true)

  const spawned = Account.spawn("a", closed)
  same<typeof spawned, Effect.Effect<ActorRef<Deposit | Withdraw>, never, ActorSystem | Scope.Scope>>(true)

  const ref = Account.ref("a")
  same<typeof ref, Effect.Effect<ActorRef<Deposit | Withdraw>, never, ActorSystem>>(true)
}

const closed = {
  Deposit: ({ amount }: Deposit) => ok(amount),
  Withdraw: ({ amount }: Withdraw) => ok(amount)
}

export const contexts = (other: AnyRef) =>
  Effect.gen(function* () {
    const context = yield* Account.context
    same<typeof context, LifeOf<Deposit | Withdraw>>(true)
    const withdraw = new Withdraw({ amount: 1 })
    yield* context.self.tell(withdraw)
    yield* context.timers.single("key", "1 second", withdraw)
    yield* context.watch(other, () => withdraw)
    yield* context.pipeToSelf(Effect.succeed(1), (exit) => (exit._tag === "Success" ? withdraw : withdraw))
    // @ts-expect-error a foreign message
    yield* context.self.tell(new Ping())
    // @ts-expect-error a foreign message
    yield* context.timers.single("key", "1 second", new Ping())
    // @ts-expect-error a foreign message
    yield* context.timers.periodic("key", "1 second", new Ping())
    // @ts-expect-error a foreign message
    yield* context.watch(other, () => new Ping())
    // @ts-expect-error a foreign message
    yield* context.pipeToSelf(Effect.succeed(1), () => new Ping())
    yield* context.become(closed)
    // @ts-expect-error a handler is missing
    yield* context.become({ Deposit: closed.Deposit })
    // @ts-expect-error a wrong answer
    yield* context.become({ ...closed, Deposit: () => Effect.succeed("much") })
    // @ts-expect-error the context of another protocol
    const life: LifeOf<Ping> = context
    return life
  })

export const becoming = () => {
  const becomes = Account.toLayer(
    Effect.map(Account.context, (context) =>
      Account.of({
        Deposit: ({ amount }) =>
          Effect.as(
            context.become({
              Deposit: (message) => Effect.map(Rates, (rates) => rates.of(message.amount)),
              Withdraw: closed.Withdraw
            }),
            amount
          ),
        Withdraw: closed.Withdraw
      })
    )
  )
  same<typeof becomes, Layer.Layer<never, never, ActorSystem | Rates>>(true)
}

export const mailboxes = () => {
  // The rank's message is of the actor's protocol, without a word.
  Account.toLayer(closed, {
    mailbox: Mailbox.priority(8, (message) => (message._tag === "Deposit" ? message.amount : 0))
  })
  // One that ranks any message ranks these too.
  Account.toLayer(closed, { mailbox: Mailbox.priority(8, (message: Message.Any) => message._tag.length) })
  // @ts-expect-error a rank of another protocol
  Account.toLayer(closed, { mailbox: Mailbox.priority(8, (message: Ping) => message._tag.length) })
  // @ts-expect-error a rank that leaves messages out
  return Account.spawn("a", closed, { mailbox: Mailbox.priority(8, (message: Deposit) => message.amount) })
}

export const builds = () => {
  const plain = Account.toLayer(() => closed)
  same<typeof plain, Layer.Layer<never, never, ActorSystem>>(true)
  const served = Account.toLayer(() => ({
    ...closed,
    Deposit: ({ amount }: Deposit) => Effect.map(Rates, (rates) => rates.of(amount))
  }))
  same<typeof served, Layer.Layer<never, never, ActorSystem | Rates>>(true)
  // @ts-expect-error a handler is missing
  Account.toLayer(() => ({ Deposit: closed.Deposit }))
  // @ts-expect-error a wrong answer
  const wrong = Account.spawn("a", () => ({ ...closed, Deposit: () => Effect.succeed("much") }))
  const child = Account.spawnChild("kid", () => closed)
  same<
    typeof child,
    Effect.Effect<ActorRef<Deposit | Withdraw>, never, ActorSystem | ActorContext | Scope.Scope>
  >(true)
  return wrong
}

export const narrowed = (ref: AnyRef | undefined) => {
  const withdraw = new Withdraw({ amount: 1 })
  // @ts-expect-error what it understands is not known
  const blind = ref?.tell(withdraw)
  if (!Account.is(ref)) return blind
  same<typeof ref, ActorRef<Deposit | Withdraw>>(true)
  // @ts-expect-error a foreign message
  return [ref.tell(withdraw), ref.tell(new Ping())]
}

export const names = () => {
  same<typeof Account, Actor.Actor<"bank/Account", Deposit | Withdraw>>(true)
  // @ts-expect-error not a message class
  Actor.make("x", [Schema.String])
}

class Balance extends Schema.Class<Balance>("Balance")({ balance: Schema.Int }) {}
class Deposited extends Schema.TaggedClass<Deposited>()("Deposited", { amount: Schema.Int }) {}
class Withdrawn extends Schema.TaggedClass<Withdrawn>()("Withdrawn", { amount: Schema.Int }) {}

export const eventSourced = () => {
  const common = {
    state: Balance,
    events: [Deposited, Withdrawn],
    initial: () => new Balance({ balance: 0 })
  } as const
  const evolve = { Deposited: (state: Balance) => state, Withdrawn: (state: Balance) => state }
  const account = EventSourced.make(Account, {
    ...common,
    evolve,
    decide: {
      Deposit: (_, { amount }) => EventSourced.persist(new Deposited({ amount }), (next) => next.balance),
      Withdraw: (state, { amount }) =>
        Effect.map(Rates, (rates) =>
          EventSourced.persist(new Withdrawn({ amount: rates.of(amount) }), () => state.balance)
        )
    }
  })
  const durable = Account.toLayer(account)
  same<typeof durable, Layer.Layer<never, never, ActorSystem | Journal | Rates>>(true)

  const noCase = EventSourced.make(Account, {
    ...common,
    // @ts-expect-error an event has no case
    evolve: { Deposited: (state: Balance) => state },
    decide: { Deposit: () => EventSourced.reply(1), Withdraw: () => EventSourced.reply(1) }
  })
  const noCommand = EventSourced.make(Account, {
    ...common,
    evolve,
    // @ts-expect-error a command has no case
    decide: { Deposit: () => EventSourced.reply(1) }
  })
  const wrong = EventSourced.make(Account, {
    ...common,
    evolve,
    decide: {
      // @ts-expect-error an event that is not of this actor
      Deposit: () => EventSourced.persist(new Unrelated(), () => 1),
      // @ts-expect-error a wrong answer
      Withdraw: () => EventSourced.reply("much")
    }
  })
  return [noCase, noCommand, wrong]
}

class DepositedV1 extends Schema.TaggedClass<DepositedV1>()("Deposited", { dollars: Schema.Finite }) {}
class DepositedV2 extends Schema.TaggedClass<DepositedV2>()("Deposited", {
  dollars: Schema.Finite,
  currency: Schema.String
}) {}
class Moved extends Schema.TaggedClass<Moved>()("Moved", { amount: Schema.Int }) {}

export const upcasters = () => {
  const common = {
    state: Balance,
    events: [Deposited, Withdrawn],
    initial: () => new Balance({ balance: 0 }),
    evolve: { Deposited: (state: Balance) => state, Withdrawn: (state: Balance) => state },
    decide: { Deposit: () => EventSourced.reply(1), Withdraw: () => EventSourced.reply(1) }
  } as const
  const first = EventSourced.upcast(
    DepositedV1,
    ({ dollars }) => new DepositedV2({ dollars, currency: "USD" })
  )
  const second = EventSourced.upcast(DepositedV2, ({ dollars }) => new Deposited({ amount: dollars * 100 }))
  const chained = EventSourced.make(Account, { ...common, upcasters: [first, second] })
  const durable = Account.toLayer(chained)
  same<typeof durable, Layer.Layer<never, never, ActorSystem | Journal>>(true)
  const inline = EventSourced.make(Account, {
    ...common,
    upcasters: [
      EventSourced.upcast(Moved, ({ amount }) =>
        amount < 0 ? new Withdrawn({ amount: -amount }) : [new Deposited({ amount })]
      ),
      EventSourced.upcast(DepositedV2, () => [])
    ]
  })
  // @ts-expect-error a newer version that no later upcaster takes
  const unfinished = EventSourced.make(Account, { ...common, upcasters: [first] })
  // @ts-expect-error the upcaster of the newer version stands before the one of the older
  const reversed = EventSourced.make(Account, { ...common, upcasters: [second, first] })
  const wrong = EventSourced.make(Account, {
    ...common,
    // @ts-expect-error an event that is not of this actor
    upcasters: [EventSourced.upcast(DepositedV1, () => new Unrelated())]
  })
  const partly = EventSourced.make(Account, {
    ...common,
    upcasters: [
      // @ts-expect-error one of several events is not of this actor
      EventSourced.upcast(DepositedV1, () => [new Deposited({ amount: 1 }), new Moved({ amount: 1 })])
    ]
  })
  // @ts-expect-error a field that the old event does not have
  const field = EventSourced.upcast(DepositedV1, ({ amount }) => new Deposited({ amount }))
  // @ts-expect-error the same list is as wrong for readers beside the actor
  const reader = EventSourced.decodeEvents({ events: [Deposited], upcasters: [first] })
  return [inline, unfinished, reversed, wrong, partly, field, reader]
}
it.effect("an address is of its own kind of actor only", () =>
  Effect.gen(function* () {
    const account = yield* Account.ref("a")
    assert.isTrue(Account.is(account))
    assert.isFalse(Actor.make("bank/Other", [Deposit]).is(account))
    assert.isFalse(Account.is(undefined))
  }).pipe(Effect.provide(ActorSystem.layer))
)

it("a message carries its tag, and its class the schemas of the answer", () => {
  const deposit = new Deposit({ id: "d", amount: 2 })
  assert.deepStrictEqual({ ...deposit }, { _tag: "Deposit", id: "d", amount: 2 } as typeof deposit)
  assert.strictEqual(Deposit.primaryKey?.(deposit), "d")
  assert.isUndefined(Withdraw.primaryKey)
  assert.strictEqual(Withdraw.error, Overdrawn)
  assert.strictEqual(Unrelated.success, Schema.String)
  assert.throws(() => new Withdraw({ amount: 1.5 }))
})
