/**
 * Work queues on a topic: jobs of one schema, offered once, worked on at least once, never lost silently.
 *
 * The jobs stay in the topic until they are settled and the de-duplication window is over; then a worker's upkeep trims them.
 */
import {
  Broker,
  BrokerError,
  type Headers,
  type JsonCodec,
  jsonCodec,
  NotFound,
  type Subscription,
  type Topic
} from "@troupe/broker"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type DeadLetter, readDeadLetter, redriveRequest } from "./DeadLetter.ts"
import { type Lane, lanesOf, subjectOf } from "./Lane.ts"

/** What a queue is. All of it but the functions is stored with the broker: a change needs a new name. */
export interface QueueOptions<A, I> {
  /** Stored as JSON. */
  readonly payload: Schema.Codec<A, I>
  /** Two offers with the same key inside `dedupeWindow` are one job, and the key is the job's id. Default: every offer is a job. */
  readonly idempotencyKey?: (payload: A) => string
  /** Jobs with the same key are worked on one after the other, in the order of their offers, across retries. */
  readonly orderingKey?: (payload: A) => string
  /** With `orderingKey`: how many jobs may run at the same time; keys share lanes by hash. Default 8. */
  readonly lanes?: number
  /** A job whose worker says nothing this long goes to another one; workers report at a third of it. Default 30 s. */
  readonly ackWait?: Duration.Input
  /** Attempts until a job is a dead letter, deaths of a worker included. Default 5. */
  readonly maxAttempts?: number
  /** How long an idempotency key is remembered, from the first offer; settled jobs stay as long. Default 2 minutes. */
  readonly dedupeWindow?: Duration.Input
  /** When one is reached an offer is `Rejected{limit}`: a queue never drops what it took. */
  readonly limits?: {
    readonly maxRecords?: number
    readonly maxBytes?: number
    readonly maxRecordBytes?: number
  }
}

/** The definition of a queue; it says nothing of a broker. */
export interface Queue<A> {
  readonly name: string
  readonly codec: JsonCodec<A>
  readonly maxAttempts: number
  readonly lanes: ReadonlyArray<Lane>
  readonly ordered: boolean
  readonly dedupeWindow: Duration.Input
  /** Opens the queue on the broker, making its topics and subscriptions when they are not there. */
  readonly open: Effect.Effect<OpenQueue<A>, BrokerError, Broker>
}

/** What became of an offer. */
export interface Offered {
  readonly jobId: string
  readonly sequence: number
  /** True when the job was there already. */
  readonly duplicate: boolean
}

/** Where a queue stands. */
export interface QueueInfo {
  /** Jobs that no worker has begun. */
  readonly pending: number
  /** Begun and not settled, those that wait for another attempt among them. */
  readonly inFlight: number
  /** Of those in flight, begun more than once. */
  readonly redelivered: number
  /** Given up on the last attempt without a dead letter yet: a worker's upkeep makes one. */
  readonly abandoned: number
  /** Dead letters. */
  readonly dead: number
}

/** A queue on a broker. */
export interface OpenQueue<A> {
  readonly name: string
  readonly topic: Topic
  /** A topic like any other: subscribe to it to compensate or to alert. */
  readonly deadLetterTopic: Topic
  readonly subscriptions: ReadonlyArray<Subscription>

  /**
   * Puts a job in the queue; answered after the broker's durability point.
   *
   * While the broker is busy or gone it tries again for 10 s under the same id, so that no job is there twice. Fails with
   * `SchemaError` for a payload that does not fit its own schema.
   */
  readonly offer: (
    payload: A,
    options?: { readonly headers?: Headers }
  ) => Effect.Effect<Offered, BrokerError | Schema.SchemaError>

  /** Offers many, pipelined, in this order. Each stands for itself: after a failure the ones before it are in the queue. */
  readonly offerAll: (
    payloads: Iterable<A>
  ) => Effect.Effect<ReadonlyArray<Offered>, BrokerError | Schema.SchemaError>

  readonly info: Effect.Effect<QueueInfo, BrokerError>

  /** The dead letters there are, oldest first. */
  readonly deadLetters: Stream.Stream<DeadLetter<A>, BrokerError>

  /** The dead letters there are, and then each new one. */
  readonly followDeadLetters: Stream.Stream<DeadLetter<A>, BrokerError>

  /** Puts the job of a dead letter back at the end of its queue, with its id and all attempts; `NotFound` when there is none. */
  readonly redrive: (deadLetterSequence: number) => Effect.Effect<Offered, BrokerError>

  /** Redrives all dead letters that are there now and answers how many. */
  readonly redriveAll: Effect.Effect<number, BrokerError>
}

const offersInFlightMax = 256

const untilAnswered = Schedule.min([Schedule.exponential("20 millis"), Schedule.spaced("1 second")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ duration: "10 seconds" })
)

const retrying = <A, E>(effect: Effect.Effect<A, BrokerError | E>) =>
  Effect.retry(effect, {
    while: (error) => error instanceof BrokerError && error.isTransient,
    schedule: untilAnswered
  })

/**
 * Declares a queue. Its topics are `<name>` and `<name>_dead`.
 *
 * ```ts
 * const Emails = Queue.make("emails", { payload: Email, idempotencyKey: (email) => email.id })
 * ```
 */
export const make = <A, I>(name: string, options: QueueOptions<A, I>): Queue<A> => {
  const codec = jsonCodec(options.payload)
  const laneCount = options.orderingKey === undefined ? undefined : (options.lanes ?? 8)
  if (laneCount !== undefined && (!Number.isSafeInteger(laneCount) || laneCount < 1)) {
    throw new RangeError(`Queue.make("${name}"): lanes is ${laneCount}, must be a whole number of at least 1`)
  }
  const maxAttempts = options.maxAttempts ?? 5
  const lanes = lanesOf({ count: laneCount, ackWait: options.ackWait ?? "30 seconds", maxAttempts })
  const dedupeWindow = options.dedupeWindow ?? "2 minutes"

  const open = Effect.gen(function* () {
    const broker = yield* Broker
    const topic = yield* broker.topic({
      name,
      dedupeWindow,
      limits: { ...options.limits, discard: "reject" }
    })
    const deadLetterTopic = yield* broker.topic({ name: `${name}_dead` })
    const subscriptions = yield* Effect.forEach(lanes, (lane) => topic.subscription(lane.subscription))

    const offer: OpenQueue<A>["offer"] = Effect.fnUntraced(function* (payload, given) {
      const data = yield* codec.encode(payload)
      const jobId = options.idempotencyKey?.(payload) ?? (yield* newJobId)
      const { duplicate, sequence } = yield* retrying(
        topic.append({
          subject: subjectOf(options.orderingKey?.(payload), laneCount ?? 1),
          data,
          messageId: jobId,
          ...(given?.headers === undefined ? {} : { headers: given.headers })
        })
      )
      return { jobId, sequence, duplicate }
    })

    const redrive = Effect.fnUntraced(function* (sequence: number) {
      const found = yield* Stream.runHead(deadLetterTopic.read({ from: sequence, to: sequence }))
      if (Option.isNone(found)) {
        return yield* new BrokerError({
          operation: `redrive ${sequence} of ${name}`,
          reason: new NotFound({ what: "record" }),
          detail: "There is no such dead letter: it was redriven or removed. List deadLetters again."
        })
      }
      const request = redriveRequest(deadLetterTopic.name, found.value)
      const appended = yield* retrying(topic.append(request))
      yield* Effect.catchReason(
        deadLetterTopic.delete(sequence),
        "BrokerError",
        "NotFound",
        () => Effect.void
      )
      return { jobId: readDeadLetter(found.value, codec).jobId, ...appended }
    })

    const deadRecords = (follow: boolean) =>
      (follow ? deadLetterTopic.follow({ from: "first" }) : deadLetterTopic.read({ from: "first" })).pipe(
        Stream.map((record) => readDeadLetter(record, codec))
      )

    const info = Effect.gen(function* () {
      const all = yield* Effect.forEach(subscriptions, (subscription) => subscription.info, {
        concurrency: 8
      })
      const sum = (of: (info: (typeof all)[number]) => number) => all.reduce((n, one) => n + of(one), 0)
      return {
        pending: sum((one) => one.pending),
        inFlight: sum((one) => one.ackPending),
        redelivered: sum((one) => one.redelivered),
        abandoned: sum((one) => one.exhausted.length),
        dead: (yield* deadLetterTopic.info).records
      }
    })

    const opened: OpenQueue<A> = {
      name,
      topic,
      deadLetterTopic,
      subscriptions,
      offer,
      offerAll: (payloads) =>
        Effect.forEach(payloads, (payload) => offer(payload), { concurrency: offersInFlightMax }),
      info,
      deadLetters: deadRecords(false),
      followDeadLetters: deadRecords(true),
      redrive,
      redriveAll: Effect.flatMap(Stream.runCollect(deadRecords(false)), (letters) =>
        Effect.as(
          Effect.forEach(letters, (letter) => redrive(letter.sequence), { discard: true }),
          letters.length
        )
      )
    }
    return opened
  })

  return {
    name,
    codec,
    maxAttempts,
    lanes,
    ordered: laneCount !== undefined,
    dedupeWindow,
    open
  }
}

/** Random, and not from the seeded `Random`: two runs with one seed must not make the same job. */
const newJobId = Effect.sync(() => globalThis.crypto.randomUUID())
