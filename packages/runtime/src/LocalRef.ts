import type * as Duration from "effect/Duration"
import { toMillis } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
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

  readonly tell = (message: Message.Any): Effect.Effect<void> => new Tell(this, message)

  readonly ask = <A extends Message.Any>(
    message: A,
    options?: { readonly timeout?: Duration.Input }
  ): Effect.Effect<Message.Success<A>, Message.Error<A> | AskError> => {
    const answer: Effect.Effect<Message.Success<A>, Message.Error<A> | AskError> = new Asking(this, message)
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
  deliver(item: Item): Cell | undefined {
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

/** The effect of a tell: an object of its own, because two closures a message would cost more than the delivery. */
class Tell extends Effectable.Class<void> {
  private readonly ref: LocalRef
  private readonly message: Message.Any

  constructor(ref: LocalRef, message: Message.Any) {
    super()
    this.ref = ref
    this.message = message
  }

  override asEffect(): Effect.Effect<void> {
    return this.ref.deliver(this.message) === undefined ? Effect.void : this.whenThereIsRoom()
  }

  private whenThereIsRoom(): Effect.Effect<void> {
    const { message, ref } = this
    return Effect.callback<void>((resume) => {
      // The fiber may have yielded since.
      const full = ref.deliver(message)
      if (full === undefined) return resume(Exit.void)
      return waitIn(full, { item: message, admitted: () => resume(Exit.void) })
    })
  }
}

/** The effect of an ask: answered on the asker's stack where that is possible, else the asker waits. */
class Asking<A, E> extends Effectable.Class<A, E> {
  private readonly ref: LocalRef
  private readonly message: Message.Any

  constructor(ref: LocalRef, message: Message.Any) {
    super()
    this.ref = ref
    this.message = message
  }

  override asEffect(): Effect.Effect<A, E> {
    const ask = new Ask(this.message)
    const full = this.ref.deliver(ask)
    return (ask.answered as Exit.Exit<A, E> | undefined) ?? this.answerOf(ask, full !== undefined)
  }

  private answerOf(ask: Ask, undelivered: boolean): Effect.Effect<A, E> {
    const { ref } = this
    return Effect.callback<A, E>((resume) => {
      // The fiber may have yielded since.
      const full = undelivered ? ref.deliver(ask) : undefined
      ask.wait(resume as (answer: Effect.Effect<unknown, unknown>) => void)
      if (full !== undefined) return waitIn(full, { item: ask, admitted: () => undefined })
      return ask.answered === undefined ? Effect.sync(() => ask.abandon()) : undefined
    })
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
