import { createInbox, type Msg, type NatsConnection, nanos, type Subscription } from "@nats-io/transport-node"

/** How a pull ended before it was filled. */
export interface PullEnd {
  readonly code: number
  readonly description: string
}

/** What comes of pulls. */
export interface PullHandler {
  readonly message: (message: Msg) => void
  /** A pull ended without being filled: nothing there (404, 408), consumer gone or moved (409), nobody serves it (503). */
  readonly end: (end: PullEnd) => void
  /** The server is there and says up to which delivery of this consumer everything was sent. */
  readonly heartbeat: (consumerSequence: number) => void
}

/** Twice the heartbeat and some more: silence that long means that the pulls are lost. */
const silenceMillisMax = 2_500
const expiresMillis = 5_000
const heartbeatMillis = 1_000

/**
 * Pull requests to one consumer, over one reply subscription. Knows at every moment how many messages are asked for
 * and not come, and notices when the server no longer answers.
 *
 * A message does not say which request it answers (it bears the subject it was published on), and the server serves
 * several requests in turn; so they are counted together. What ends a request says how much of it was left.
 */
export class Pulls {
  private readonly nats: NatsConnection
  private readonly handler: PullHandler
  private readonly inbox = createInbox()
  private readonly subscription: Subscription
  private asked = 0
  private heardMillis = 0
  private generation = 1
  private watch: NodeJS.Timeout | undefined

  constructor(nats: NatsConnection, handler: PullHandler) {
    this.nats = nats
    this.handler = handler
    this.subscription = nats.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.receive(message)
      }
    })
  }

  /** Messages asked for that have not come. */
  get outstanding(): number {
    return this.asked
  }

  /** Asks for up to `batch` messages: those there now when `once`, else for 5 s with a sign of life each second. */
  request(
    consumer: { readonly stream: string; readonly name: string },
    options: { readonly batch: number; readonly bytesMax?: number; readonly once?: boolean }
  ): void {
    const waits = { expires: nanos(expiresMillis), idle_heartbeat: nanos(heartbeatMillis) }
    const body = {
      batch: options.batch,
      ...(options.bytesMax === undefined ? {} : { max_bytes: options.bytesMax }),
      ...(options.once === true ? { no_wait: true } : waits)
    }
    this.nats.publish(`$JS.API.CONSUMER.MSG.NEXT.${consumer.stream}.${consumer.name}`, JSON.stringify(body), {
      reply: `${this.inbox}.${this.generation}`
    })
    this.asked += options.batch
    this.heardMillis = performance.now()
    this.watch ??= setInterval(() => this.findSilent(), 500)
  }

  /** Forgets what was asked for; what comes of it nevertheless is still handed on. */
  forget(): void {
    this.generation++
    this.settle(this.asked)
  }

  /** Ends at once: what is still on its way is dropped. */
  close(): void {
    this.forget()
    if (!this.nats.isClosed()) this.subscription.unsubscribe()
  }

  /** Withdraws what was asked for and hands on all that the server had sent before it knew. */
  async drain(): Promise<void> {
    this.forget()
    if (!this.nats.isClosed()) await this.subscription.drain()
  }

  private receive(message: Msg): void {
    this.heardMillis = performance.now()
    if (message.reply !== undefined && message.reply !== "") {
      this.settle(1)
      this.handler.message(message)
      return
    }
    const { headers } = message
    // Only what answers a request itself bears the subject that the request gave.
    if (headers === undefined || Number(message.subject.slice(this.inbox.length + 1)) !== this.generation)
      return
    if (headers.code === 100) {
      this.handler.heartbeat(Number(headers.get("Nats-Last-Consumer")))
      return
    }
    const left = headers.get("Nats-Pending-Messages")
    this.settle(left === "" ? this.asked : Number(left))
    this.handler.end({ code: headers.code, description: headers.description })
  }

  private settle(count: number): void {
    this.asked = Math.max(0, this.asked - count)
    if (this.asked > 0) return
    clearInterval(this.watch)
    this.watch = undefined
  }

  private findSilent(): void {
    if (performance.now() - this.heardMillis < silenceMillisMax) return
    this.forget()
    this.handler.end({ code: 503, description: "the server fell silent" })
  }
}
