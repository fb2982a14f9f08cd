import type { Contender } from "@troupe/bench"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import type { Sharding } from "effect/cluster/Sharding"
import * as TestRunner from "effect/cluster/TestRunner"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Rpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"

/** The actors of Effect itself: `effect/cluster` on one runner whose storage is memory. */

const Add = Rpc.make("Add", { payload: { n: Schema.Int }, success: Schema.Int })
const Deposit = Rpc.make("Deposit", {
  payload: { id: Schema.String, amount: Schema.Int },
  success: Schema.Int,
  primaryKey: ({ id }) => id
}).annotate(ClusterSchema.Persisted, true)
const Account = Entity.make("bench/Account", [Add, Deposit])

const accounts = Account.toLayer(
  Effect.sync(() => {
    let balance = 0
    return Account.of({
      Add: ({ payload }) => {
        balance += payload.n
        return Effect.succeed(balance)
      },
      Deposit: ({ payload }) => {
        balance += payload.amount
        return Effect.succeed(balance)
      }
    })
  }),
  { mailboxCapacity: "unbounded" }
).pipe(Layer.provideMerge(TestRunner.layer))

const contender = (
  program: (count: number) => Effect.Effect<unknown, unknown, Sharding>,
  counts = { quick: 2_000, long: 10_000 }
): Contender => {
  const runtime = ManagedRuntime.make(accounts)
  return {
    durability: "memory",
    run: async ({ quick }) => {
      const count = quick ? counts.quick : counts.long
      await runtime.runPromise(program(count))
      return count
    },
    teardown: () => runtime.dispose()
  }
}

const name = "effect/cluster Entity"

/** Sends that wait for no answer, and one that does at the end. */
export const tell = {
  name,
  ...contender((count) =>
    Effect.gen(function* () {
      const account = (yield* Account.client)("a")
      for (let n = 1; n < count; n++) yield* account.Add({ n: 1 }, { discard: true })
      yield* account.Add({ n: 1 })
    })
  )
}

export const ask = {
  name,
  ...contender((count) =>
    Effect.gen(function* () {
      const account = (yield* Account.client)("a")
      for (let n = 0; n < count; n++) yield* account.Add({ n: 1 })
    })
  )
}

let deposits = 0

/**
 * Requests that the message storage, in memory, keeps with their answers; each has a key of its own. Few of them, because
 * that storage gets slower with all that it ever kept.
 */
export const askPersisted = {
  name: `${name}, persisted`,
  ...contender(
    (count) =>
      Effect.gen(function* () {
        const account = (yield* Account.client)("a")
        for (let n = 0; n < count; n++) yield* account.Deposit({ id: `${deposits++}`, amount: 1 })
      }),
    { quick: 200, long: 500 }
  )
}
