import type { BrokerError, Subscription, SubscriptionInfo, Topic, TopicRecord } from "@troupe/broker"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** What a lane's upkeep works on. */
export interface UpkeepOptions {
  readonly topic: Topic
  readonly filter: string
  readonly subscription: Subscription
  /** Settled jobs stay this long, so that a second offer of one finds it. */
  readonly keepMillis: number
  /** Makes the dead letter of a job whose worker died on the last attempt; may be asked twice for one. */
  readonly bury: (record: TopicRecord) => Effect.Effect<void, BrokerError>
}

/**
 * One round of upkeep of a lane, to be repeated: dead letters for jobs that were abandoned on their last attempt, then
 * removal of settled jobs.
 *
 * A job is removed only if it was settled `keepMillis` ago, so its id was forgotten before it. Several processes may do this
 * at the same time.
 */
export const makeUpkeep = (options: UpkeepOptions): Effect.Effect<void, BrokerError> => {
  const { subscription, topic } = options
  const buried = new Set<number>()
  let floors: ReadonlyArray<{ readonly atMillis: number; readonly floor: number }> = []
  let trimmed = 0

  const sweep = (info: SubscriptionInfo) =>
    Effect.forEach(
      info.exhausted.filter((sequence) => !buried.has(sequence)),
      Effect.fnUntraced(function* (sequence) {
        const record = yield* Stream.runHead(topic.read({ from: sequence, to: sequence }))
        if (Option.isSome(record)) {
          yield* options.bury(record.value)
          yield* Effect.catchReason(topic.delete(sequence), "BrokerError", "NotFound", () => Effect.void)
        }
        buried.add(sequence)
      }),
      { discard: true }
    )

  const trim = Effect.fnUntraced(function* (info: SubscriptionInfo) {
    const now = yield* Clock.currentTimeMillis
    const old = floors.filter(({ atMillis }) => atMillis <= now - options.keepMillis)
    const floor = old.at(-1)?.floor ?? 0
    if (floor > trimmed) {
      yield* topic.purge({ filter: options.filter, below: floor + 1 })
      trimmed = floor
    }
    floors = [...floors.slice(old.length), { atMillis: now, floor: info.ackFloor }]
  })

  return Effect.gen(function* () {
    const info = yield* subscription.info
    yield* sweep(info)
    yield* trim(info)
  })
}
