import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Consumer from "../Consumer.ts"
import * as Ownership from "../Ownership.ts"
import * as PartitionedConsumer from "../PartitionedConsumer.ts"
import * as Subject from "../Subject.ts"
import type { Topic } from "../Topic.ts"
import { type ContractTest, test } from "./ContractTest.ts"
import { bytes, eventually, newTopic, range, readAll, textOf } from "./Scenario.ts"

const partitions = 4

/** Appends `<key>:<n>` for n of each key, in the partition of the key. */
const produce = (topic: Topic, keys: ReadonlyArray<string>, numbers: ReadonlyArray<number>) =>
  topic.appendAll(
    numbers.flatMap((n) =>
      keys.map((key) => ({
        subject: `${Subject.partitionSubject(Subject.partitionOf(key, partitions))}.${key}`,
        data: bytes(`${key}:${n}`)
      }))
    )
  )

/** A process of its own, as far as the broker can see: it writes what it handled through the fence, under the input's id. */
const process = Effect.fnUntraced(function* (
  input: Topic,
  output: Topic,
  name: string,
  handle: (text: string, attempt: number) => Effect.Effect<Consumer.Settlement> = () =>
    Effect.succeed(Consumer.ack)
) {
  const ownership = yield* Ownership.make({ topic: output, name: "work" })
  const fiber = yield* Effect.forkChild(
    PartitionedConsumer.run({
      ownership,
      partitions,
      topic: input,
      subscription: { name: "work", ackWait: "2 seconds" },
      handle: Effect.fnUntraced(function* ({ attempt, record }, owned) {
        const text = textOf(record)
        const settlement = yield* handle(text, attempt)
        if (settlement._tag !== "Ack") return settlement
        yield* owned.append([
          {
            subject: `done.${Subject.partitionSubject(owned.partition)}`,
            data: bytes(text),
            headers: { by: name },
            messageId: `in-${record.sequence}`
          }
        ])
        return settlement
      })
    })
  )
  return { stop: Fiber.interrupt(fiber) }
})

const done = (output: Topic) => readAll(output, { filters: ["done.>"] })

/** Every key's numbers, in the order in which they were handled. */
const isOrdered = Effect.fnUntraced(function* (
  output: Topic,
  keys: ReadonlyArray<string>,
  numbers: ReadonlyArray<number>
) {
  const records = yield* eventually(
    "everything is handled",
    done(output),
    (all) => all.length >= keys.length * numbers.length,
    20_000
  )
  const byKey = new Map<string, Array<number>>()
  for (const one of records) {
    const [key = "", n = ""] = textOf(one).split(":")
    byKey.set(key, [...(byKey.get(key) ?? []), Number(n)])
  }
  for (const key of keys) assert.deepStrictEqual(byKey.get(key), numbers, `order of ${key}`)
  return records
})

const keys = ["a", "b", "c", "d", "e", "f", "g", "h"]

/** Partitioned consumption. */
export const partitioned: ReadonlyArray<ContractTest> = [
  test(
    "part-1",
    "every record is handled, in order per key, across retries, with the partitions in parallel",
    () =>
      Effect.gen(function* () {
        const input = yield* newTopic()
        const output = yield* newTopic()
        yield* produce(input, keys, range(1, 6))
        let inside = 0
        let most = 0
        yield* process(input, output, "one", (text, attempt) =>
          Effect.gen(function* () {
            inside++
            most = Math.max(most, inside)
            yield* Effect.sleep("5 millis")
            inside--
            return attempt === 1 && text.endsWith(":2") ? Consumer.retry("30 millis") : Consumer.ack
          })
        )
        yield* isOrdered(output, keys, range(1, 6))
        assert.isAtLeast(most, 2)
        assert.isAtMost(most, partitions)
      })
  ),

  test(
    "part-2",
    "a process that joins gets its share, one that leaves gives it back; order and once stay",
    () =>
      Effect.gen(function* () {
        const input = yield* newTopic()
        const output = yield* newTopic()
        const slowly = () => Effect.as(Effect.sleep("2 millis"), Consumer.ack)
        const one = yield* process(input, output, "one", slowly)
        yield* produce(input, keys, range(1, 10))
        yield* eventually("one begins", done(output), (all) => all.length > 0)
        yield* process(input, output, "two", slowly)
        const partitionsBy = (name: string, from: number) =>
          Effect.map(
            readAll(output, { from, filters: ["done.>"] }),
            (all) =>
              new Set(all.filter(({ headers }) => headers.by === name).map(({ subject }) => subject)).size
          )
        let next = 11
        const busy = Effect.gen(function* () {
          // Before they are produced: what is handled at once counts too.
          const from = (yield* output.info).lastSequence + 1
          yield* produce(input, keys, [next++])
          return from
        })
        // Both have half of them in the end, and go on having it.
        yield* eventually(
          "the partitions are shared",
          Effect.gen(function* () {
            const from = yield* busy
            yield* eventually(
              "it is handled",
              readAll(output, { from, filters: ["done.>"] }),
              (all) => all.length >= keys.length
            )
            return [yield* partitionsBy("one", from), yield* partitionsBy("two", from)]
          }),
          ([first, second]) => first === 2 && second === 2,
          15_000
        )
        yield* one.stop
        const last = yield* busy
        yield* isOrdered(output, keys, range(1, next - 1))
        yield* eventually(
          "two has them all",
          Effect.gen(function* () {
            const from = yield* busy
            yield* eventually(
              "it is handled",
              readAll(output, { from, filters: ["done.>"] }),
              (all) => all.length >= keys.length
            )
            return yield* partitionsBy("two", from)
          }),
          (count) => count === partitions
        )
        assert.isAbove(last, 0)
        const records = yield* isOrdered(output, keys, range(1, next - 1))
        assert.lengthOf(records, keys.length * (next - 1))
      })
  )
]
