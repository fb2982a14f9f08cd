import type { ConsumerInfo } from "@nats-io/jetstream"
import {
  type BrokerError,
  Subject,
  type Subscription,
  type SubscriptionSpec,
  type Topic,
  type TopicInfo
} from "@troupe/broker"
import {
  badFilters,
  differingSubscription,
  mismatchError,
  readSubscriptionSpec,
  rejectedError,
  type SubscriptionSettings,
  type TopicSettings
} from "@troupe/broker/backend"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as AdvisoryFeed from "./AdvisoryFeed.ts"
import { asking, changing, isAbsent } from "./ApiFailure.ts"
import type { Connection } from "./Connection.ts"
import { type ConsumerStart, consumerConfig, settingsOf } from "./ConsumerLayout.ts"
import * as Exhausted from "./Exhausted.ts"
import {
  JetStreamSubscription,
  noSubscription,
  type SubscriptionContext,
  toInfo
} from "./JetStreamSubscription.ts"
import { Readings } from "./Readings.ts"
import type { Place } from "./StreamLayout.ts"
import { Writer } from "./Writer.ts"

/** What to remove: those that match, below a sequence, but not the last ones. */
type PurgeOptions = Parameters<Topic["purge"]>[0]

/** A topic whose stream is there. */
export class JetStreamTopic implements Topic {
  readonly name: string
  private readonly connection: Connection
  private readonly place: Place
  private readonly writer: Writer
  private readonly readings: Readings
  private readonly context: SubscriptionContext

  constructor(connection: Connection, place: Place, settings: TopicSettings, replicas: 1 | 3) {
    this.name = place.topic
    this.connection = connection
    this.place = place
    this.writer = new Writer(connection, place, settings, replicas)
    this.readings = new Readings(connection, place, replicas)
    this.context = { connection, place, replicas, readings: this.readings }
  }

  /** Succeeds once the servers take appends. */
  get reachable(): Effect.Effect<void, BrokerError> {
    return this.writer.reachable
  }

  readonly append: Topic["append"] = (request) => this.writer.append(request)
  readonly appendAll: Topic["appendAll"] = (requests) => this.writer.appendAll(requests)
  readonly appendAt: Topic["appendAt"] = (request) => this.writer.appendAt(request)
  readonly read: Topic["read"] = (options) => this.readings.read(options)
  readonly follow: Topic["follow"] = (options) => this.readings.follow(options)
  readonly last: Topic["last"] = (subject) => this.readings.last(subject)
  readonly lastPerSubject: Topic["lastPerSubject"] = (filter) => this.readings.lastPerSubject(filter)

  readonly info: Effect.Effect<TopicInfo, BrokerError> = Effect.gen({ self: this }, function* () {
    const { context, place } = this
    const { manager } = this.connection
    const operation = `information on ${this.name}`
    const { state } = yield* asking(operation, () => manager.streams.info(place.stream))
    const consumers = yield* asking(operation, async () => {
      const all: Array<ConsumerInfo> = []
      for await (const info of manager.consumers.list(place.stream)) {
        if (settingsOf(info) !== undefined) all.push(info)
      }
      return all.sort((a, b) => (a.name < b.name ? -1 : 1))
    })
    return {
      name: place.topic,
      firstSequence: state.last_seq === 0 ? 0 : state.first_seq,
      lastSequence: state.last_seq,
      records: state.messages,
      bytes: state.bytes,
      subjects: state.num_subjects ?? 0,
      subscriptions: yield* Effect.forEach(consumers, (info) => toInfo(context, info), { concurrency: 8 })
    }
  })

  readonly purge: Topic["purge"] = Effect.fn("JetStream.purge")(
    { self: this },
    function* (this: JetStreamTopic, options: PurgeOptions) {
      const operation = `purge ${this.name}`
      const bad = options.filter === undefined ? undefined : badFilters([options.filter], operation)
      if (bad !== undefined) return yield* bad
      for (const value of [options.below, options.keep]) {
        if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
          return yield* rejectedError(
            "argument",
            operation,
            `"below" and "keep" are 0 or more, not ${value}.`
          )
        }
      }
      const which = yield* this.purged(options)
      if (which === undefined) return 0
      const filter =
        options.filter === undefined || options.filter === ">"
          ? {}
          : { filter: `${this.place.subjectPrefix}${options.filter}` }
      const { manager } = this.connection
      const answer = yield* changing(operation, () =>
        manager.streams.purge(this.place.stream, { ...filter, ...which })
      )
      return answer.purged
    }
  )

  readonly cancelAt: Topic["cancelAt"] = Effect.fn("JetStream.cancelAt")(
    { self: this },
    function* (this: JetStreamTopic, schedule: string) {
      const waiting = yield* this.readings.last(schedule)
      if (Option.isNone(waiting) || waiting.value.schedule === undefined) return false
      // The sequence, not the subject: what replaced it meanwhile stays.
      return yield* this.delete(waiting.value.sequence).pipe(
        Effect.as(true),
        Effect.catchReason("BrokerError", "NotFound", () => Effect.succeed(false))
      )
    }
  )

  readonly delete: Topic["delete"] = Effect.fn("JetStream.delete")(
    { self: this },
    function* (this: JetStreamTopic, sequence: number) {
      const { manager } = this.connection
      // Not overwritten on disk: that is for secrets, and slow.
      yield* changing(`delete ${sequence} of ${this.name}`, () =>
        manager.streams.deleteMessage(this.place.stream, sequence, false)
      )
    }
  )

  readonly subscription: Topic["subscription"] = Effect.fn("JetStream.subscription")(
    { self: this },
    function* (this: JetStreamTopic, spec: SubscriptionSpec) {
      const settings = yield* readSubscriptionSpec(spec, this.name)
      const opened = new JetStreamSubscription(this.context, settings)
      const found = yield* this.consumer(settings.name)
      if (found === undefined) {
        yield* this.make(settings, opened)
        return opened satisfies Subscription
      }
      const had = settingsOf(found)
      const fields = had === undefined ? ["metadata"] : differingSubscription(settings, had)
      if (fields.length > 0) {
        return yield* mismatchError(
          "subscription",
          `open subscription ${settings.name} of ${this.name}`,
          fields
        )
      }
      return opened satisfies Subscription
    }
  )

  readonly updateSubscription: Topic["updateSubscription"] = Effect.fn("JetStream.updateSubscriptionByName")(
    { self: this },
    function* (this: JetStreamTopic, name: string, change) {
      const found = Subject.isName(name) ? yield* this.consumer(name) : undefined
      const settings = found === undefined ? undefined : settingsOf(found)
      if (settings === undefined) return yield* noSubscription(this.place, name)
      yield* new JetStreamSubscription(this.context, settings).update(change)
    }
  )

  readonly deleteSubscription: Topic["deleteSubscription"] = Effect.fn("JetStream.deleteSubscription")(
    { self: this },
    function* (this: JetStreamTopic, name: string) {
      const { connection, place } = this
      if (!Subject.isName(name)) return yield* noSubscription(place, name)
      const operation = `delete subscription ${name} of ${this.name}`
      yield* changing(operation, () => connection.manager.consumers.delete(place.stream, name))
      yield* Exhausted.forget(connection, place, name, 0)
    }
  )

  readonly advisories: Topic["advisories"] = (options) =>
    AdvisoryFeed.open(this.connection, this.place, options)

  /** The consumer of that name, if there is one. */
  private consumer(name: string): Effect.Effect<ConsumerInfo | undefined, BrokerError> {
    const { connection, place } = this
    return asking(`open subscription ${name} of ${this.name}`, async () => {
      try {
        return await connection.manager.consumers.info(place.stream, name)
      } catch (cause) {
        if (isAbsent(cause)) return undefined
        throw cause
      }
    })
  }

  private make(
    settings: SubscriptionSettings,
    opened: JetStreamSubscription
  ): Effect.Effect<void, BrokerError> {
    const { connection, context, place } = this
    const operation = `open subscription ${settings.name} of ${this.name}`
    return Effect.gen({ self: this }, function* () {
      if (settings.maxDeliver !== Number.MAX_SAFE_INTEGER) {
        yield* Exhausted.listen(connection, place, context.replicas)
      }
      const start = yield* this.startOf(settings.start)
      const config = consumerConfig(place, settings, start)
      yield* changing(operation, () => connection.manager.consumers.add(place.stream, config))
      // A consumer that is to begin beyond the end begins at the end, unless it is moved.
      if (typeof settings.start === "number" && settings.start > 1) {
        const last = yield* this.readings.lastSequence
        if (settings.start > last + 1) yield* opened.move(settings.start)
      }
    })
  }

  /** `new` becomes a sequence, because a consumer that begins with what is new cannot be moved later. */
  private startOf(start: SubscriptionSettings["start"]): Effect.Effect<ConsumerStart, BrokerError> {
    if (start === "first" || start === "lastPerSubject") return Effect.succeed(start)
    if (start === "new") return Effect.map(this.readings.lastSequence, (last) => ({ sequence: last + 1 }))
    return Effect.map(this.readings.position({ from: start }), (sequence) => ({ sequence }))
  }

  /**
   * What NATS is to remove, which takes either a number to keep or a sequence to stay below; `undefined` for nothing. The
   * sequence is never beyond the end, because a purge beyond it would skip sequences.
   */
  private purged(options: PurgeOptions) {
    return Effect.gen({ self: this }, function* () {
      const { below, filter, keep = 0 } = options
      if (keep > 0 && below === undefined) return { keep }
      const end = (yield* this.readings.lastSequence) + 1
      const bound = Math.min(below ?? end, end)
      if (bound <= 1) return undefined
      if (keep === 0) return { seq: bound }
      const last: Array<number> = []
      const read = this.readings.read({
        from: "first",
        to: bound - 1,
        ...(filter === undefined ? {} : { filters: [filter] })
      })
      yield* Stream.runForEachArray(read, (records) =>
        Effect.sync(() => {
          for (const { sequence } of records) last.push(sequence)
          if (last.length > 2 * keep) last.splice(0, last.length - keep)
        })
      )
      const seq = last.at(-keep)
      return seq === undefined ? undefined : { seq }
    })
  }
}
