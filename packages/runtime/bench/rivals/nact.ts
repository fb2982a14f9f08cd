import type { Contender } from "@troupe/bench"
import { dispatch, query, type Ref, spawn, start, stop } from "nact"
import type { Settle } from "../cases/population.ts"

/** The actors of nact, a library of plain promises: one turn of the event loop a message, no bound on mailboxes. */

interface Message {
  readonly type: "deposit" | "withdraw"
  readonly amount: number
  /** Whom to answer. */
  readonly sender?: Ref<number>
}

const name = "nact"
const deposit: Message = { type: "deposit", amount: 1 }

/** Starts a system, and handlers with a balance in their closure that also count what all of them have handled. */
const bank = () => {
  const system = start()
  let handled = 0
  const account = () => {
    let balance = 0
    return (_state: unknown, { amount, sender, type }: Message) => {
      balance += type === "deposit" ? amount : -amount
      handled++
      if (sender !== undefined) dispatch(sender, balance)
    }
  }
  return {
    spawn: (id: string) => spawn(system, account(), id),
    /** nact does not say when a message that nobody waits for was handled. */
    untilHandled: async (count: number) => {
      while (handled < count) await new Promise((resolve) => setImmediate(resolve))
    },
    stop: () => stop(system)
  }
}

const contender = (
  program: (count: number, account: Ref<Message>, bank_: ReturnType<typeof bank>) => Promise<void>
): Contender & { readonly name: string } => ({
  name,
  durability: "memory",
  run: async ({ quick }) => {
    const count = quick ? 20_000 : 100_000
    const one = bank()
    await program(count, one.spawn("a"), one)
    one.stop()
    return count
  }
})

export const tell = contender(async (count, account, { untilHandled }) => {
  for (let n = 0; n < count; n++) dispatch(account, deposit)
  await untilHandled(count)
})

export const ask = contender(async (count, account) => {
  for (let n = 0; n < count; n++) {
    await query(account, (sender: Ref<number>): Message => ({ type: "deposit", amount: 1, sender }), 10_000)
  }
})

/** There once `spawn` has returned; nothing is handled. */
export const settle: Settle = async () => {
  const { spawn, stop } = bank()
  return {
    grow: async (count) => {
      for (let n = 0; n < count; n++) spawn(`account-${n}`)
    },
    end: async () => stop()
  }
}

/** There once each has handled its first message. */
export const settleAndTell: Settle = async () => {
  const { spawn, stop, untilHandled } = bank()
  return {
    grow: async (count) => {
      for (let n = 0; n < count; n++) dispatch(spawn(`account-${n}`), deposit)
      await untilHandled(count)
    },
    end: async () => stop()
  }
}
