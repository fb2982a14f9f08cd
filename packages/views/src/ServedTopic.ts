import { Broker, type Topic } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ServedRecord from "./ServedRecord.ts"
import { brokerFailed, retrying } from "./Transient.ts"
import { Foreign, ViewError } from "./ViewError.ts"

/** What a view's served table must be told of it. */
export interface Served {
  readonly id: string
  readonly name: string
  readonly version: number
  readonly digest: string
}

/** Opens the topic that a view's table is served from, making it when it is not there: it keeps the last record of each subject. */
export const open = (
  view: Served,
  options: ServedRecord.ServedOptions | undefined
): Effect.Effect<Topic, ViewError, Broker> =>
  Effect.flatMap(Broker, (broker) =>
    Effect.mapError(
      retrying(
        broker.topic({
          name: ServedRecord.topicName(view, options),
          limits: { maxRecordsPerSubject: 1 }
        })
      ),
      brokerFailed(view.id, -1)
    )
  )

/** The fence and its sequence, 0 when nothing was ever served. Fails with `Foreign` for another view's. */
export const fenceOf = Effect.fnUntraced(function* (view: Served, topic: Topic) {
  const last = yield* Effect.mapError(
    retrying(topic.last(ServedRecord.fenceSubject)),
    brokerFailed(view.id, -1)
  )
  if (Option.isNone(last)) return { sequence: 0, fence: undefined }
  const fence = ServedRecord.toFence(last.value)
  if (fence?.digest !== view.digest) {
    const reason = new Foreign({
      where: "served table",
      expected: view.digest,
      found: fence?.digest ?? "none that can be read"
    })
    return yield* new ViewError({ view: view.id, partition: -1, reason })
  }
  return { sequence: last.value.sequence, fence }
})
