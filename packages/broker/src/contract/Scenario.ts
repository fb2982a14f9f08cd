/** The vocabulary of the contract's tests: topics of their own, what a failure must be, waiting for a condition. */
import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Broker } from "../Broker.ts"
import type { BrokerError, BrokerErrorReason } from "../BrokerError.ts"
import type { Delivery, Reader } from "../Subscription.ts"
import type { AppendRequest, ReadOptions, Topic, TopicSpec } from "../Topic.ts"
import type { TopicRecord } from "../TopicRecord.ts"

const utf8 = new TextEncoder()
const decoder = new TextDecoder()

const run = crypto.randomUUID().slice(0, 8)
let names = 0

/** A name no other test and no other run on the same server has. */
export const uniqueName = Effect.sync(() => `contract-${run}-${++names}`)

/** UTF-8 bytes. */
export const bytes = (text: string): Uint8Array => utf8.encode(text)

/** The text of a record's data. */
export const textOf = (record: TopicRecord): string => decoder.decode(record.data)

/** A topic of this test alone, removed when the test ends. */
export const newTopic = Effect.fnUntraced(function* (spec: Omit<TopicSpec, "name"> = {}) {
  const broker = yield* Broker
  const name = yield* uniqueName
  const topic = yield* broker.topic({ name, ...spec })
  yield* Effect.addFinalizer(() => Effect.ignore(broker.deleteTopic(name)))
  return topic
})

/** `subject` with the subject's name as data. */
export const record = (
  subject: string,
  options: Omit<AppendRequest, "subject" | "data"> = {}
): AppendRequest => ({
  subject,
  data: bytes(subject),
  ...options
})

/** `prefix.1` … `prefix.<count>`, in one call. */
export const fill = (topic: Topic, count: number, prefix = "item") =>
  topic.appendAll(Array.from({ length: count }, (_, i) => record(`${prefix}.${i + 1}`)))

/** All records that a read answers. */
export const readAll = (topic: Topic, options: Partial<ReadOptions> = {}) =>
  Stream.runCollect(topic.read({ from: "first", ...options }))

/** The sequences that a read answers. */
export const sequences = (topic: Topic, options: Partial<ReadOptions> = {}) =>
  Effect.map(readAll(topic, options), (records) => records.map((r) => r.sequence))

/** From `first` to `last`, inclusive. */
export const range = (first: number, last: number): Array<number> =>
  Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i)

/** Repeats while the backend says that another write on the same check is in flight. */
export const whileBusy = <A, R>(effect: Effect.Effect<A, BrokerError, R>) =>
  Effect.retry(effect, {
    while: (error) => error.reason._tag === "Busy",
    schedule: Schedule.spaced("5 millis").pipe(Schedule.jittered),
    times: 1_000
  })

/** The reason of a failure that must come. */
export const failsWith = Effect.fnUntraced(function* <A, R, Tag extends BrokerErrorReason["_tag"]>(
  effect: Effect.Effect<A, BrokerError, R>,
  tag: Tag
) {
  const error = yield* Effect.flip(whileBusy(effect))
  assert.strictEqual(error._tag, "BrokerError")
  assert.strictEqual(error.reason._tag, tag, error.message)
  assert.isAbove(error.detail.length, 0, "the error says what to do")
  return error.reason as Extract<BrokerErrorReason, { readonly _tag: Tag }>
})

/** Repeats `effect` until `holds`; a condition that does not come about fails with what was seen last. */
export const eventually = Effect.fnUntraced(function* <A, E, R>(
  what: string,
  effect: Effect.Effect<A, E, R>,
  holds: (value: A) => boolean,
  withinMillis = 10_000
) {
  const started = yield* Clock.currentTimeMillis
  for (;;) {
    const value = yield* effect
    if (holds(value)) return value
    if ((yield* Clock.currentTimeMillis) - started > withinMillis) {
      return assert.fail(`${what}: not within ${withinMillis} ms; last seen ${JSON.stringify(value)}`)
    }
    yield* Effect.sleep("20 millis")
  }
})

/** Nothing may come in this time. */
export const nothingWithin = Effect.fnUntraced(function* (reader: Reader, millis: number) {
  const taken = yield* Effect.timeoutOption(reader.take(10), millis)
  if (Option.isSome(taken)) {
    assert.fail(
      `delivered: ${taken.value.map((d) => `${d.record.sequence} (attempt ${d.attempt})`).join(", ")}`
    )
  }
})

/** One delivery. */
export const takeOne = Effect.fnUntraced(function* (reader: Reader) {
  const [delivery] = yield* Effect.timeout(reader.take(1), "10 seconds")
  assert.isDefined(delivery)
  return delivery as Delivery
})

/** Exactly `count` deliveries, unsettled; the reader's prefetch must allow them. */
export const takeMany = Effect.fnUntraced(function* (reader: Reader, count: number) {
  const all: Array<Delivery> = []
  while (all.length < count) {
    all.push(...(yield* Effect.timeout(reader.take(count - all.length), "10 seconds")))
  }
  return all
})

/** Takes and settles `count` deliveries one after the other. */
export const ackMany = Effect.fnUntraced(function* (reader: Reader, count: number) {
  const all: Array<Delivery> = []
  while (all.length < count) {
    const taken = yield* Effect.timeout(reader.take(count - all.length), "10 seconds")
    for (const delivery of taken) {
      yield* delivery.ack
      all.push(delivery)
    }
  }
  return all
})

/** Sequences of deliveries. */
export const sequencesOf = (deliveries: ReadonlyArray<Delivery>): Array<number> =>
  deliveries.map((d) => d.record.sequence)

/** Sequences in ascending order. */
export const sorted = (numbers: ReadonlyArray<number>): Array<number> => numbers.toSorted((a, b) => a - b)
