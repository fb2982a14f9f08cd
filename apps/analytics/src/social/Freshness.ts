import type { BrokerError, Topic, TopicRecord } from "@troupe/broker"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/** Records under way at a time; more come in only as those are seen. */
const watchedMax = 64

/**
 * Watches how long it takes from a record's append, by the broker's time, until `visible` says that a reader sees it; for one record of each
 * chunk that arrives from now on. Never ends.
 */
export const watch = <E>(
  topic: Topic,
  visible: (record: TopicRecord) => Effect.Effect<void, E>,
  onSample: (sample: { readonly nowMillis: number; readonly latencyMillis: number }) => void
): Effect.Effect<never, E | BrokerError> =>
  Effect.gen(function* () {
    const { lastSequence } = yield* topic.info
    yield* topic.follow({ from: lastSequence + 1 }).pipe(
      Stream.chunks,
      Stream.mapEffect(
        (records) =>
          Effect.gen(function* () {
            const last = records.at(-1)
            if (last === undefined) return
            yield* visible(last)
            const nowMillis = yield* Clock.currentTimeMillis
            onSample({ nowMillis, latencyMillis: Math.max(0, nowMillis - last.timeMillis) })
          }),
        { concurrency: watchedMax, unordered: true }
      ),
      Stream.runDrain
    )
    return yield* Effect.die(new Error("the broker ended a follow"))
  })

/** The middle and the tail of some latencies, in whole milliseconds; null of none. */
export interface Latencies {
  readonly samples: number
  readonly p50: number | null
  readonly p99: number | null
}

/** Summary by the nearest rank. */
export const summarize = (millis: ReadonlyArray<number>): Latencies => {
  const sorted = [...millis].sort((a, b) => a - b)
  const quantile = (q: number): number | null =>
    sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? null
  return { samples: sorted.length, p50: quantile(0.5), p99: quantile(0.99) }
}
