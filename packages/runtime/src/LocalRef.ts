import type * as Duration from "effect/Duration"
import { toMillis } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ActorRef } from "./ActorRef.ts"
import { Ask } from "./Ask.ts"
import * as AskError from "./AskError.ts"
import { type Cell, Phase } from "./Cell.ts"
import type { LocalSystem } from "./LocalSystem.ts"
import type * as Message from "./Message.ts"

/** How deep asks may nest on one stack before a handler gets a turn of its own. */
const depthMax = 16

/** A reference into this process; it keeps the cell that it found last. */
export class LocalRef implements ActorRef<Message.Any> {
  readonly actor: string
  readonly id: string
  private readonly system: LocalSystem
  private cell: Cell | undefined = undefined

  constructor(system: LocalSystem, actor: string, id: string) {
    this.system = system
    this.actor = actor
    this.id = id
  }

  readonly tell = (message: Message.Any): Effect.Effect<void> =>
    Effect.suspend(() => {
      const full = this.deliver(message)
      if (full === undefined) return Effect.void
      return Effect.callback<void>((resume) => {
        // The fiber may have yielded since.
        const cell = this.deliver(message)
        if (cell === undefined) return resume(Exit.void)
        const waiter = { item: message, admitted: () => resume(Exit.void) }
        cell.wait(waiter)
        return Effect.sync(() => {
          cell.withdraw(waiter)
        })
      })
    })

  /** The cell, when its mailbox is full; else the message is delivered. */
  private deliver(message: Message.Any): Cell | undefined {
    const cell = this.find()
    if (cell === undefined) this.bury(message)
    else if (cell.hasRoom) cell.push(message)
    else return cell
    return undefined
  }

  readonly ask = <A extends Message.Any>(
    message: A,
    options?: { readonly timeout?: Duration.Input }
  ): Effect.Effect<Message.Success<A>, Message.Error<A> | AskError.AskError> => {
    const answer = Effect.callback<Message.Success<A>, Message.Error<A> | AskError.AskError>((resume) => {
      const cell = this.find()
      if (cell === undefined) return resume(Exit.fail(this.bury(message)))
      const ask = new Ask(message, resume as (answer: Effect.Effect<unknown, unknown>) => void)
      if (cell.hasRoom) {
        if (cell.phase === Phase.idle && this.system.depth < depthMax) cell.runNow(ask)
        else cell.push(ask)
        return ask.answered ? undefined : Effect.sync(() => ask.abandon())
      }
      const waiter = { item: ask, admitted: undefined }
      cell.wait(waiter)
      return Effect.sync(() => {
        ask.abandon()
        cell.withdraw(waiter)
      })
    })
    if (options?.timeout === undefined) return answer
    const afterMillis = toMillis(options.timeout)
    return Effect.timeoutOrElse(answer, {
      duration: afterMillis,
      orElse: () => Effect.fail(this.error(message, new AskError.Timeout({ afterMillis })))
    })
  }

  private find(): Cell | undefined {
    const cell = this.cell
    if (cell !== undefined && cell.phase !== Phase.dead && cell.host.accepting) return cell
    const host = this.system.hostOf(this.actor, this.id)
    if (host === undefined) return undefined
    this.cell = host.cell(this.id)
    return this.cell
  }

  /** Nobody takes the message. */
  private bury(message: Message.Any): AskError.AskError {
    const stopped = this.cell !== undefined || this.system.closed
    this.system.sent++
    this.system.deadLetter({
      actor: this.actor,
      id: this.id,
      message,
      reason: stopped ? "stopped" : "unhosted"
    })
    return this.error(message, stopped ? new AskError.Stopped({}) : new AskError.Unhosted({}))
  }

  private error(message: Message.Any, reason: AskError.AskErrorReason): AskError.AskError {
    return new AskError.AskError({ reason, actor: this.actor, id: this.id, messageTag: message._tag })
  }
}
