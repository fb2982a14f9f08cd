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

/** Twice the heartbeat and some more: silence that long means that the pull is lost. */
const silenceMillisMax = 2_500
const expiresMillis = 5_000
const heartbeatMillis = 1_000

/**
 * Pull requests to one consumer, over one reply subscription. Knows at every moment how many messages are asked for
 * and not come, and notices when the server no longer answers.
 */
export class Pulls {
  private readonly nats: NatsConnection
  private readonly handler: PullHandler
  private readonly inbox = createInbox()
  private readonly subscription: Subscription
  private readonly open = new Map<
    number,
    { remaining: number; heardMillis: number; readonly silentMillis: number }
  >()
  private lastId = 0
  private watch: NodeJS.Timeout | undefined

  constructor(nats: NatsConnection, handler: PullHandler) {
    this.nats = nats
    this.handler = handler
    const prefixLength = this.inbox.length + 1
    this.subscription = nats.subscribe(`${this.inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.receive(Number(message.subject.slice(prefixLength)), message)
      }
    })
  }

  /** Messages asked for that have not come. */
  get outstanding(): number {
    let sum = 0
    for (const { remaining } of this.open.values()) sum += remaining
    return sum
  }

  /** Asks for up to `batch` messages: those there now when `once`, else for 5 s with a sign of life each second. */
  request(
    consumer: { readonly stream: string; readonly name: string },
    options: { readonly batch: number; readonly bytesMax?: number; readonly once?: boolean }
  ): void {
    const id = ++this.lastId
    const waits = options.once !== true
    this.open.set(id, {
      remaining: options.batch,
      heardMillis: performance.now(),
      silentMillis: waits ? silenceMillisMax : expiresMillis
    })
    const body = {
      batch: options.batch,
      ...(options.bytesMax === undefined ? {} : { max_bytes: options.bytesMax }),
      ...(waits
        ? { expires: nanos(expiresMillis), idle_heartbeat: nanos(heartbeatMillis) }
        : { no_wait: true })
    }
    this.nats.publish(`$JS.API.CONSUMER.MSG.NEXT.${consumer.stream}.${consumer.name}`, JSON.stringify(body), {
      reply: `${this.inbox}.${id}`
    })
    this.watch ??= setInterval(() => this.findSilent(), 500)
  }

  /** Forgets what was asked for; what comes of it nevertheless is still handed on. */
  forget(): void {
    this.open.clear()
    clearInterval(this.watch)
    this.watch = undefined
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

  private receive(id: number, message: Msg): void {
    const pull = this.open.get(id)
    if (pull !== undefined) pull.heardMillis = performance.now()
    if (message.reply !== undefined && message.reply !== "") {
      if (pull !== undefined && --pull.remaining === 0) this.finish(id)
      this.handler.message(message)
      return
    }
    const { headers } = message
    if (headers === undefined) return
    if (headers.code === 100) {
      this.handler.heartbeat(Number(headers.get("Nats-Last-Consumer")))
      return
    }
    this.finish(id)
    this.handler.end({ code: headers.code, description: headers.description })
  }

  private finish(id: number): void {
    this.open.delete(id)
    if (this.open.size > 0) return
    clearInterval(this.watch)
    this.watch = undefined
  }

  private findSilent(): void {
    const now = performance.now()
    for (const [id, pull] of this.open) {
      if (now - pull.heardMillis < pull.silentMillis) continue
      this.finish(id)
      this.handler.end({ code: 503, description: "the server fell silent" })
    }
  }
}
