import { Actor, Message } from "@troupe/runtime"
import * as Schema from "effect/Schema"

/** The account that tests and examples talk to. */
export class Overdrawn extends Schema.TaggedError<Overdrawn>()("Overdrawn", { balance: Schema.Int }) {}

export class Deposit extends Message.Class<Deposit>()("Deposit", {
  payload: { id: Schema.String, amount: Schema.Int },
  success: Schema.Int,
  primaryKey: (p) => p.id
}) {}

export class Withdraw extends Message.Class<Withdraw>()("Withdraw", {
  payload: { amount: Schema.Int },
  success: Schema.Int,
  error: Overdrawn
}) {}

export const Account = Actor.make("bank/Account", [Deposit, Withdraw])
