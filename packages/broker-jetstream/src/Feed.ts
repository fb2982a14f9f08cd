import { type Msg, nuid } from "@nats-io/transport-node"
import type { BrokerError, TopicRecord } from "@troupe/broker"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { thrown, unread } from "./ApiFailure.ts"
import type { Connection } from "./Connection.ts"
import { type ConsumerStart, passingConfig } from "./ConsumerLayout.ts"
import { type PullEnd, Pulls } from "./Pulls.ts"
import type { Place } from "./StreamLayout.ts"
import { fromDelivery, toMark } from "./WireRecord.ts"

/** What to read of a topic. */
export interface FeedOptions {
  readonly filters: ReadonlyArray<string> | undefined
  /** The first sequence, or the last record of each subject. */
  readonly start: number | "lastPerSubject"
  /** The last sequence that is wanted; the feed ends there, or where nothing more is. Absent: it never ends. */
  readonly until?: number
}

/** Records asked for ahead of the reader, and their bytes in one pull. */
const aheadMax = 512
const pullBytesMax = 8_000_000
const retryMillis = 200
const boundedRetriesMax = 5

/**
 * Reads a topic through a passing consumer of its own, in order, without gap or repeat: each delivery is numbered, and
 * when one is missing, the server falls silent, or the connection was lost, a new consumer goes on behind the last record.
 * A feed that ends goes on so a few times (a cluster that is busy loses a consumer that it has just made), and fails then,
 * or when the connection is lost, so that its reader learns soon.
 */
export class Feed {
  private readonly connection: Connection
  private readonly place: Place
  private readonly options: FeedOptions
  private readonly pulls: Pulls
  private readonly unlisten: () => void
  private next: number
  private consumer: string | undefined
  private consumerSequence = 0
  private generation = 0
  private buffer: Array<TopicRecord> = []
  /** True once no more will come. */
  ended = false
  private closed = false
  failure: BrokerError | undefined
  private retry: NodeJS.Timeout | undefined
  private retries = 0
  private wake: (() => void) | undefined
  private notifying = false

  constructor(connection: Connection, place: Place, options: FeedOptions) {
    this.connection = connection
    this.place = place
    this.options = options
    this.next = typeof options.start === "number" ? Math.max(1, options.start) : 0
    this.pulls = new Pulls(connection.nats, {
      message: (message) => this.receive(message),
      end: (end) => this.pullEnded(end),
      heartbeat: (sent) => {
        if (sent > this.consumerSequence) this.begin()
      }
    })
    this.unlisten = connection.link.listen({
      up: () => this.begin(),
      down: () => (this.isBounded ? this.fail(unread(this.operation)) : this.leave()),
      closed: () => this.fail(unread(this.operation))
    })
    this.begin()
  }

  /** The records that are here now; asks for more. */
  take(): Array<TopicRecord> {
    const taken = this.buffer
    if (taken.length === 0) return taken
    this.buffer = []
    this.request()
    return taken
  }

  /** Calls once when there is something to take. */
  onReady(wake: () => void): void {
    if (this.buffer.length > 0 || this.ended || this.failure !== undefined) wake()
    else this.wake = wake
  }

  /** Removes the consumer. */
  async close(): Promise<void> {
    this.closed = true
    this.unlisten()
    clearTimeout(this.retry)
    this.pulls.close()
    await this.leave()
  }

  private get isBounded(): boolean {
    return this.options.until !== undefined || this.options.start === "lastPerSubject"
  }

  private get operation(): string {
    return `read ${this.place.topic}`
  }

  /** After all messages of one read from the socket: a chunk is what came together. */
  private notify(): void {
    if (this.notifying) return
    this.notifying = true
    queueMicrotask(() => {
      this.notifying = false
      const { wake } = this
      this.wake = undefined
      wake?.()
    })
  }

  private fail(failure: BrokerError): void {
    this.failure ??= failure
    this.notify()
  }

  private end(): void {
    this.ended = true
    this.notify()
  }

  /** Gives up the consumer there is; its messages no longer count. */
  private async leave(): Promise<void> {
    const { consumer } = this
    this.generation++
    this.consumer = undefined
    this.pulls.forget()
    if (consumer === undefined || this.connection.nats.isClosed() || !this.connection.link.isUp) return
    // A consumer that cannot be removed now is forgotten by the server after 30 idle seconds.
    await this.connection.manager.consumers.delete(this.place.stream, consumer).catch(() => {})
  }

  private begin(): void {
    if (this.closed || this.ended || this.failure !== undefined) return
    clearTimeout(this.retry)
    void this.leave()
    void this.create(this.generation)
  }

  private async create(generation: number): Promise<void> {
    const { connection, options, place } = this
    const start: ConsumerStart =
      options.start === "lastPerSubject" ? "lastPerSubject" : { sequence: this.next }
    try {
      const name = nuid.next()
      const config = passingConfig(place, name, options.filters, start)
      const info = await connection.manager.consumers.add(place.stream, config)
      if (generation !== this.generation || this.closed) {
        await connection.manager.consumers.delete(place.stream, name)
        return
      }
      this.consumer = name
      this.consumerSequence = 0
      if (this.isBounded && info.num_pending === 0) this.end()
      else this.request()
    } catch (cause) {
      if (generation !== this.generation || this.closed) return
      const failure = thrown(this.operation, false, cause)
      if (failure.reason._tag === "NotFound") this.fail(failure)
      else this.beginLater(failure)
    }
  }

  private beginLater(failure = unread(this.operation)): void {
    if (this.isBounded && ++this.retries > boundedRetriesMax) {
      this.fail(failure)
      return
    }
    clearTimeout(this.retry)
    this.retry = setTimeout(() => this.begin(), retryMillis)
  }

  private request(): void {
    const { consumer, isBounded, pulls } = this
    if (consumer === undefined || this.ended || this.closed || !this.connection.link.isUp) return
    const room = aheadMax - this.buffer.length - pulls.outstanding
    if (room < aheadMax / 2) return
    pulls.request(
      { stream: this.place.stream, name: consumer },
      { batch: room, bytesMax: pullBytesMax, once: isBounded }
    )
  }

  private receive(message: Msg): void {
    const { consumer } = this
    if (consumer === undefined || this.ended) return
    const { reply = "" } = message
    const mark = toMark(reply)
    // Messages of a consumer that was given up may still arrive.
    if (!reply.includes(`.${consumer}.`)) return
    if (mark.consumerSequence !== this.consumerSequence + 1) {
      if (this.isBounded) this.beginLater()
      else this.begin()
      return
    }
    this.consumerSequence = mark.consumerSequence
    const { start, until = Number.POSITIVE_INFINITY } = this.options
    // A consumer that is to begin beyond the end begins at the end.
    if (mark.sequence <= until && (start === "lastPerSubject" || mark.sequence >= this.next)) {
      this.buffer.push(fromDelivery(message, mark, this.place.subjectPrefix.length))
      this.next = mark.sequence + 1
    }
    if (this.isBounded && (mark.sequence >= until || mark.pending === 0)) this.end()
    else {
      this.request()
      this.notify()
    }
  }

  private pullEnded({ code, description }: PullEnd): void {
    if (this.ended || this.closed) return
    const nothingThere = code === 404 || code === 408
    const full = code === 409 && /maxbytes|batch completed/i.test(description)
    if (full || (nothingThere && !this.isBounded)) this.request()
    else if (nothingThere) this.end()
    else this.beginLater()
  }
}

/** A feed as a stream, in the chunks in which it comes. */
export const feed = (
  connection: Connection,
  place: Place,
  options: FeedOptions
): Stream.Stream<TopicRecord, BrokerError> =>
  Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.suspend(() =>
          connection.nats.isClosed()
            ? Effect.fail(unread(`read ${place.topic}`))
            : Effect.succeed(new Feed(connection, place, options))
        ),
        (opened) => Effect.promise(() => opened.close())
      ),
      (opened) => Stream.fromPull(Effect.succeed(pull(opened)))
    )
  )

const pull = (opened: Feed): Pull.Pull<Arr.NonEmptyReadonlyArray<TopicRecord>, BrokerError> =>
  Effect.suspend(() => {
    const taken = opened.take()
    if (Arr.isArrayNonEmpty(taken)) return Effect.succeed(taken)
    if (opened.failure !== undefined) return Effect.fail(opened.failure)
    if (opened.ended) return Cause.done()
    return Effect.andThen(
      Effect.callback<void>((resume) => opened.onReady(() => resume(Effect.void))),
      pull(opened)
    )
  })
