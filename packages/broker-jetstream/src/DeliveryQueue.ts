import type { Msg } from "@nats-io/transport-node"
import type { BrokerError } from "@troupe/broker"
import { unread } from "./ApiFailure.ts"
import type { Connection } from "./Connection.ts"
import { type PullEnd, Pulls } from "./Pulls.ts"
import type { Place } from "./StreamLayout.ts"
import { type DeliveryMark, toMark } from "./WireRecord.ts"

/** A message that a consumer handed to this process. */
export interface Held {
  readonly message: Msg
  /** Where its settlement goes. */
  readonly reply: string
  readonly mark: DeliveryMark
  /** `lapsed`: its ackWait is over and it may be anywhere; a late ack still counts. */
  state: "buffered" | "out" | "lapsed" | "settled"
  /** When its ackWait began. */
  sinceMillis: number
}

/** What a queue needs to know of its subscription. */
export interface QueueOptions {
  readonly connection: Connection
  readonly place: Place
  readonly subscription: string
  readonly prefetch: number
  readonly ackWaitMillis: () => number
  /** Finds out why the consumer does not answer: undefined when it is still there. */
  readonly diagnose: () => Promise<BrokerError | undefined>
}

const retryMillis = 100

/**
 * The deliveries that one reader holds, at most `prefetch`: what is buffered here and what was handed out and not settled.
 * It asks the server for no more than the free places.
 *
 * It asks only once somebody takes, then keeps itself full as places come free. What waits in the buffer is kept
 * alive with `working` at a third of ackWait; what was handed out has its ackWait, and gives up its place afterwards.
 */
export class DeliveryQueue {
  private readonly options: QueueOptions
  private readonly pulls: Pulls
  private readonly unlisten: () => void
  private readonly held = new Set<Held>()
  private buffer: Array<Held> = []
  private readonly wakers = new Set<() => void>()
  private timer: NodeJS.Timeout | undefined
  private retry: NodeJS.Timeout | undefined
  private wanted = false
  private waking = false
  private closed = false
  failure: BrokerError | undefined

  constructor(options: QueueOptions) {
    this.options = options
    this.pulls = new Pulls(options.connection.nats, {
      message: (message) => this.receive(message),
      end: (end) => this.pullEnded(end),
      heartbeat: () => {}
    })
    this.unlisten = options.connection.link.listen({
      up: () => this.refill(),
      down: () => this.pulls.forget(),
      closed: () => {
        this.failure ??= unread(`take from ${options.subscription}`)
        this.wakeAll()
      }
    })
  }

  /** Up to `max` deliveries that are here now. */
  take(max: number): Array<Held> {
    const taken = this.buffer.splice(0, max)
    const now = performance.now()
    for (const one of taken) {
      // Who takes it has the whole ackWait, however long it lay here.
      if (now - one.sinceMillis > this.options.ackWaitMillis() / 10) this.working(one)
      one.state = "out"
    }
    if (taken.length > 0) this.schedule()
    return taken
  }

  /** Asks the server for as many as there are places, and calls `wake` once when something is here. Answers how to stop waiting. */
  wait(wake: () => void): () => void {
    if (this.buffer.length > 0 || this.failure !== undefined) {
      wake()
      return () => {}
    }
    this.wakers.add(wake)
    this.wanted = true
    this.refill()
    return () => {
      this.wakers.delete(wake)
    }
  }

  /** Its place is free again; the server is told by whoever settles. */
  settle(one: Held): void {
    one.state = "settled"
    if (!this.held.delete(one)) return
    this.schedule()
    this.refill()
  }

  /** Starts the ackWait of a delivery anew. */
  working(one: Held): void {
    one.sinceMillis = performance.now()
    this.answer(one, "+WPI")
    if (one.state === "lapsed") return
    // The set is in the order in which waits began.
    this.held.delete(one)
    this.held.add(one)
    this.schedule()
  }

  /** Sends an answer to the delivery of a message. */
  answer(one: Held, text: string): void {
    const { nats } = this.options.connection
    if (!nats.isClosed()) nats.publish(one.reply, text)
  }

  /** Drops what is buffered: the subscription was moved. */
  drop(): void {
    for (const one of this.buffer) this.held.delete(one)
    this.buffer = []
    this.schedule()
    this.refill()
  }

  /** Gives back what is buffered and what is still on its way here. */
  async close(): Promise<void> {
    this.closed = true
    this.unlisten()
    clearTimeout(this.timer)
    clearTimeout(this.retry)
    for (const one of this.buffer) this.answer(one, "-NAK")
    this.buffer = []
    this.held.clear()
    const { link } = this.options.connection
    if (link.isUp) await this.pulls.drain().catch(() => {})
    else this.pulls.close()
  }

  private refill(): void {
    const { connection, place, prefetch, subscription } = this.options
    if (!this.wanted || this.closed || this.failure !== undefined || !connection.link.isUp) return
    if (connection.nats.isClosed()) return
    const asked = this.pulls.outstanding
    const free = prefetch - this.held.size - asked
    // One request for many places: not one for each that comes free while others are still asked for.
    if (free <= 0 || (asked > 0 && free < prefetch / 2)) return
    this.pulls.request({ stream: place.stream, name: subscription }, { batch: free })
  }

  private receive(message: Msg): void {
    const one: Held = {
      message,
      reply: message.reply ?? "",
      mark: toMark(message.reply ?? ""),
      state: "buffered",
      sinceMillis: performance.now()
    }
    if (this.closed) {
      this.answer(one, "-NAK")
      return
    }
    this.held.add(one)
    // Redeliveries go before first deliveries that were buffered earlier.
    const at = one.mark.deliveries > 1 ? this.buffer.findIndex(({ mark }) => mark.deliveries === 1) : -1
    if (at === -1) this.buffer.push(one)
    else this.buffer.splice(at, 0, one)
    this.schedule()
    this.wakeAll()
  }

  private pullEnded({ code, description }: PullEnd): void {
    if (this.closed) return
    if (code === 404 || code === 408) {
      this.refill()
      return
    }
    this.recover(/deleted/i.test(description) || code === 503)
  }

  /** After a change of leader, a restart, or the end of the consumer: goes on, or fails for good. */
  private recover(mayBeGone: boolean): void {
    clearTimeout(this.retry)
    // A consumer that is moved far back is made again: for a moment there is none.
    this.retry = setTimeout(() => (mayBeGone ? void this.examine() : this.refill()), retryMillis)
  }

  private async examine(): Promise<void> {
    const failure = await this.options.diagnose()
    if (this.closed) return
    if (failure === undefined) this.refill()
    else {
      this.failure = failure
      this.wakeAll()
    }
  }

  /**
   * All of them, because whoever is woken may be interrupted before it takes; after all messages of one read from the
   * socket, so that they are taken together.
   */
  private wakeAll(): void {
    if (this.waking) return
    this.waking = true
    queueMicrotask(() => {
      this.waking = false
      const waiting = [...this.wakers]
      this.wakers.clear()
      for (const wake of waiting) wake()
    })
  }

  private dueMillis(one: Held): number {
    const ackWaitMillis = this.options.ackWaitMillis()
    return one.sinceMillis + (one.state === "buffered" ? ackWaitMillis / 3 : ackWaitMillis)
  }

  private schedule(): void {
    if (this.timer !== undefined || this.held.size === 0 || this.closed) return
    let due = Number.POSITIVE_INFINITY
    for (const one of this.held) due = Math.min(due, this.dueMillis(one))
    this.timer = setTimeout(() => this.tick(), Math.max(1, Math.ceil(due - performance.now())))
  }

  private tick(): void {
    this.timer = undefined
    const now = performance.now()
    for (const one of [...this.held]) {
      if (this.dueMillis(one) > now) continue
      if (one.state === "buffered") this.working(one)
      else {
        one.state = "lapsed"
        this.held.delete(one)
      }
    }
    this.schedule()
    if (this.wakers.size > 0) this.refill()
  }
}
