import type * as Duration from "effect/Duration"
import { toMillis } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ActorRef } from "./ActorRef.ts"
import { Ask, type Item } from "./Ask.ts"
import { AskError, Stopped, Timeout, Unhosted } from "./AskError.ts"
import { type Cell, depthMax, Phase } from "./Cell.ts"
import type { Waiter } from "./Inbox.ts"
import type { LocalSystem } from "./LocalSystem.ts"
import type * as Message from "./Message.ts"

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
      if (this.deliver(message) === undefined) return Effect.void
      return Effect.callback<void>((resume) => {
        // The fiber may have yielded since.
        const full = this.deliver(message)
        if (full === undefined) return resume(Exit.void)
        return waitIn(full, { item: message, admitted: () => resume(Exit.void) })
      })
    })

  readonly ask = <A extends Message.Any>(
    message: A,
    options?: { readonly timeout?: Duration.Input }
  ): Effect.Effect<Message.Success<A>, Message.Error<A> | AskError> => {
    const answer = Effect.callback<Message.Success<A>, Message.Error<A> | AskError>((resume) => {
      const ask = new Ask(message, resume as (answer: Effect.Effect<unknown, unknown>) => void)
      const full = this.deliver(ask)
      if (full !== undefined) return waitIn(full, { item: ask, admitted: () => undefined })
      return ask.answered ? undefined : Effect.sync(() => ask.abandon())
    })
    if (options?.timeout === undefined) return answer
    const afterMillis = toMillis(options.timeout)
    return Effect.timeoutOrElse(answer, {
      duration: afterMillis,
      orElse: () => {
        const { actor, id } = this
        const reason = new Timeout({ afterMillis })
        return Effect.fail(new AskError({ reason, actor, id, messageTag: message._tag }))
      }
    })
  }

  /** The cell, when its mailbox is full; else the message is delivered, handled already, or a dead letter. */
  private deliver(item: Item): Cell | undefined {
    const cell = this.find()
    if (cell === undefined) this.bury(item)
    else if (!cell.hasRoom) return cell
    // An asker waits anyway: its own stack is the shortest way.
    else if (item instanceof Ask && cell.phase === Phase.idle && this.system.depth < depthMax)
      cell.runNow(item)
    else cell.push(item)
    return undefined
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
  private bury(item: Item): void {
    const stopped = this.cell !== undefined || this.system.closed
    const why = stopped ? new Stopped({}) : new Unhosted({})
    this.system.sent++
    this.system.bury(this.actor, this.id, item, stopped ? "stopped" : "unhosted", why, undefined)
  }
}

/** Waits for room; interrupted, the message was not sent. */
const waitIn = (cell: Cell, waiter: Waiter): Effect.Effect<void> => {
  cell.wait(waiter)
  return Effect.sync(() => {
    if (waiter.item instanceof Ask) waiter.item.abandon()
    cell.withdraw(waiter)
  })
}
