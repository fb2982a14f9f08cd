import type { BrokerError, ReadOptions, Topic, TopicRecord } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** The topic, read once: reads of it from a sequence are answered from memory, so that many readers cost the broker one read. */
export const of = (topic: Topic): Effect.Effect<Topic, BrokerError> =>
  Effect.map(Stream.runCollect(topic.read({ from: "first" })), (records) => {
    const firstAt = (sequence: number): number => {
      let [low, high] = [0, records.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if ((records[middle] as TopicRecord).sequence < sequence) low = middle + 1
        else high = middle
      }
      return low
    }
    const read = (options: ReadOptions) =>
      typeof options.from === "number" && options.filters === undefined && options.limit === undefined
        ? Stream.fromArray(
            records.slice(firstAt(options.from), firstAt((options.to ?? Number.POSITIVE_INFINITY) + 1))
          )
        : topic.read(options)
    return Object.create(topic, { read: { value: read } })
  })
