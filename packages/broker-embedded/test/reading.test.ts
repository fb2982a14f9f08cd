import { assert, describe, it } from "@effect/vitest"
import { Broker, type Topic } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { temporaryDirectory } from "./TemporaryDirectory.ts"

/** More records and bytes than any cache holds, so that most of them come from the files. */
const total = 12_000

const contentOf = (sequence: number) =>
  new TextEncoder().encode(`${sequence}:`.padEnd(300 + (sequence % 97), "x"))
const subjectOf = (sequence: number) => `s.${sequence % 5}`
const isThere = (sequence: number) => sequence % 11 !== 0
const all = Array.from({ length: total }, (_, i) => i + 1).filter(isThere)

const check = Effect.fnUntraced(function* (
  topic: Topic,
  options: Parameters<Topic["read"]>[0],
  expected: Array<number>
) {
  const records = yield* Stream.runCollect(topic.read(options))
  assert.deepStrictEqual(
    records.map((record) => record.sequence),
    expected
  )
  for (const record of records) {
    assert.strictEqual(record.subject, subjectOf(record.sequence))
    assert.deepStrictEqual(record.data, contentOf(record.sequence))
    assert.strictEqual(record.messageId, record.sequence % 2 === 0 ? `m${record.sequence}` : undefined)
  }
})

const readEverything = (topic: Topic) =>
  Effect.gen(function* () {
    yield* check(topic, { from: "first" }, all)
    yield* check(
      topic,
      { from: 5_000, filters: ["s.3"] },
      all.filter((s) => s >= 5_000 && s % 5 === 3)
    )
    yield* check(
      topic,
      { from: 1, filters: ["s.1", "s.4"], to: 9_000 },
      all.filter((s) => s <= 9_000 && (s % 5 === 1 || s % 5 === 4))
    )
    yield* check(
      topic,
      { from: 777, filters: ["s.*"], limit: 1_500 },
      all.filter((s) => s >= 777).slice(0, 1_500)
    )
    // Two followers at different places, a little at a time, in turn.
    const names = ["one", "two"]
    const seen: Array<Array<number>> = [[], []]
    const readers = yield* Effect.forEach(names, (name, i) =>
      Effect.flatMap(
        topic.subscription({ name: `${name}-${crypto.randomUUID()}`, start: 1 + i * 6_000 }),
        (subscription) => subscription.reader({ prefetch: 7 })
      )
    )
    for (let round = 0; round < 700; round++) {
      for (const [i, reader] of readers.entries()) {
        for (const delivery of yield* reader.take(1 + ((round + i) % 7))) {
          assert.deepStrictEqual(delivery.record.data, contentOf(delivery.record.sequence))
          seen[i]?.push(delivery.record.sequence)
          yield* delivery.ack
        }
      }
    }
    for (const [i, sequences] of seen.entries()) {
      assert.deepStrictEqual(sequences, all.filter((s) => s >= 1 + i * 6_000).slice(0, sequences.length))
      assert.isAbove(sequences.length, 2_000)
    }
  }).pipe(Effect.scoped)

describe("reading more than any cache holds", () => {
  it.live(
    "gives every record its own bytes, before and after a restart",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const layer = Embedded.layer({ directory, durability: "os" })
        yield* Effect.gen(function* () {
          const topic = yield* (yield* Broker).topic({ name: "t" })
          // Batches of many sizes: one call, groups, and many fibers at once.
          for (let next = 1; next <= total; ) {
            const count = Math.min(total - next + 1, 1 + ((next * 7) % 400))
            const requests = Array.from({ length: count }, (_, i) => ({
              subject: subjectOf(next + i),
              data: contentOf(next + i),
              ...((next + i) % 2 === 0 ? { messageId: `m${next + i}` } : {})
            }))
            if (next % 3 === 0) yield* topic.appendAll(requests)
            else yield* Effect.forEach(requests, topic.append, { concurrency: "unbounded", discard: true })
            next += count
          }
          yield* Effect.forEach(
            Array.from({ length: Math.floor(total / 11) }, (_, i) => 11 * (i + 1)),
            topic.delete,
            { concurrency: "unbounded", discard: true }
          )
          yield* readEverything(topic)
        }).pipe(Effect.provide(layer, { local: true }))
        yield* Effect.gen(function* () {
          yield* readEverything(yield* (yield* Broker).topic({ name: "t" }))
        }).pipe(Effect.provide(layer, { local: true }))
      }),
    60_000
  )
})
