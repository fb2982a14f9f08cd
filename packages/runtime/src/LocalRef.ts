import type * as Context from "effect/Context"
import { toMillis } from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { ActorRef } from "./ActorRef.ts"
import { Ask } from "./Ask.ts"
import { AskError, Stopped, Timeout, Unhosted } from "./AskError.ts"
import type { Cell } from "./Cell.ts"
import { depthMax } from "./Depth.ts"
import { Envelope, type Item } from "./Envelope.ts"
import type { LocalSystem } from "./LocalSystem.ts"
import type * as Message from "./Message.ts"
import { operation } from "./Operation.ts"
import { overflow } from "./Overflow.ts"
import { Phase } from "./Phase.ts"
import { noteSelfWait } from "./SelfWait.ts"
import { type Waiter, waitForRoom, withdraw } from "./Waiting.ts"

/** A reference into this process; it keeps the cell that it found last. */
export class LocalRef implements ActorRef<Message.Any> {
  readonly actor: string
  readonly id: string
  private readonly system: LocalSystem
  private cell: Cell | undefined = undefined
  private boundTell: ActorRef<Message.Any>["tell"] | undefined = undefined
  private boundAsk: ActorRef<Message.Any>["ask"] | undefined = undefined

  constructor(system: LocalSystem, actor: string, id: string) {
    this.system = system
    this.actor = actor
    this.id = id
  }

  // Bound, so that they may be passed on by themselves, and made when first used: many references only ever do one of them.

  get tell(): (message: Message.Any) => Effect.Effect<void> {
    this.boundTell ??= (message) => new Tell(this, message)
    return this.boundTell
  }

  get ask(): ActorRef<Message.Any>["ask"] {
    this.boundAsk ??= (message, options) => {
      const answer: Effect.Effect<never, never> = new Asking(this, message)
      return options?.timeout === undefined ? answer : this.inTime(answer, message, toMillis(options.timeout))
    }
    return this.boundAsk
  }

  private inTime(answer: Effect.Effect<never>, message: Message.Any, afterMillis: number) {
    return Effect.timeoutOrElse(answer, {
      duration: afterMillis,
      orElse: () => {
        const { actor, id } = this
        const reason = new Timeout({ afterMillis })
        return Effect.fail(new AskError({ reason, actor, id, messageTag: message._tag }))
      }
    })
  }

  /** A told message, in an envelope where more is known of it. */
  wrap(message: Message.Any, context: Context.Context<never>): Item {
    const { system } = this
    const sender = system.senders.senderOf(context)
    const span = system.senders.spanOf(context)
    return sender === undefined && span === undefined ? message : new Envelope(message, sender, span)
  }

  /** An asked message. */
  enquire(message: Message.Any, context: Context.Context<never>): Ask {
    const { system } = this
    return new Ask(message, system.senders.senderOf(context), system.senders.spanOf(context))
  }

  /** The cell, when its mailbox is full; else the message is delivered, handled already, or a dead letter. */
  deliver(item: Item): Cell | undefined {
    const cell = this.find()
    if (cell === undefined) this.bury(item)
    else if (!cell.hasRoom) return overflow(cell, item)
    // An asker waits anyway: its own stack is the shortest way.
    else if (item instanceof Ask && cell.phase === Phase.idle && this.system.depth < depthMax)
      cell.runNow(item)
    else cell.push(item)
    return undefined
  }

  /** The sender is about to wait, for an answer or for room. */
  waits(waiter: Waiter, fiber: AnyFiber): void {
    if (this.cell !== undefined) noteSelfWait(this.cell, waiter, fiber)
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
    const { actor, cell, id, system } = this
    // Also where its host is there still, and stops.
    const stopped = cell !== undefined || system.closed || system.hosts.find(actor, id) !== undefined
    const why = stopped ? new Stopped({}) : new Unhosted({})
    system.sent++
    system.bury(actor, id, item, stopped ? "stopped" : "unhosted", why, undefined)
  }
}

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** The effect of a tell. */
const Tell = operation<LocalRef, Message.Any, Effect.Effect<void>>("Tell", function (fiber) {
  const { first: ref, second: message } = this
  const item = ref.wrap(message, fiber.context)
  return ref.deliver(item) === undefined ? Effect.void : tellLater(ref, item, fiber)
})

const tellLater = (ref: LocalRef, item: Item, fiber: AnyFiber): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    // The fiber may have yielded since.
    const full = ref.deliver(item)
    if (full === undefined) return resume(Exit.void)
    const waiter = { item, admitted: () => resume(Exit.void) }
    ref.waits(waiter, fiber)
    return waitIn(full, waiter)
  })

/** The effect of an ask: answered on the asker's stack where that is possible, else the asker waits. */
const Asking = operation<LocalRef, Message.Any, Effect.Effect<never>>("Ask", function (fiber) {
  const { first: ref, second: message } = this
  const ask = ref.enquire(message, fiber.context)
  const full = ref.deliver(ask)
  return ask.answered ?? answerOf(ref, ask, full !== undefined, fiber)
})

const answerOf = (
  ref: LocalRef,
  ask: Ask,
  undelivered: boolean,
  fiber: AnyFiber
): Effect.Effect<unknown, unknown> =>
  Effect.callback<unknown, unknown>((resume) => {
    // The fiber may have yielded since.
    const full = undelivered ? ref.deliver(ask) : undefined
    ask.wait(resume)
    if (ask.answered !== undefined) return undefined
    const waiter = { item: ask, admitted: () => undefined }
    if (ask.sender !== undefined) ref.waits(waiter, fiber)
    return full === undefined ? Effect.sync(() => ask.abandon()) : waitIn(full, waiter)
  })

/** Waits for room; interrupted, the message was not sent. */
const waitIn = (cell: Cell, waiter: Waiter): Effect.Effect<void> => {
  waitForRoom(cell, waiter)
  return Effect.sync(() => {
    if (waiter.item instanceof Ask) waiter.item.abandon()
    withdraw(cell, waiter)
  })
}
