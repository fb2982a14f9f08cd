import { Broker } from "@troupe/broker"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Feeding from "../Feeding.ts"
import * as RawTopic from "./RawTopic.ts"
import type * as SocialSource from "./SocialSource.ts"

/**
 * Appends the source's lines to the raw topic as `Feeding.run` does, and then the end; `end: false` leaves the topic open for what is to come.
 *
 * Nothing is refused here: a line that is no event is in the topic too, as it came in.
 */
export const run = Effect.fn("SocialIngest.run")(function* (
  source: SocialSource.Source,
  options: {
    readonly onProgress: (progress: Feeding.Progress) => Effect.Effect<void>
    readonly end?: boolean
  }
) {
  return yield* Feeding.run(
    { name: RawTopic.name, rowHeader: RawTopic.rowHeader, ends: RawTopic.ends },
    source,
    options
  )
})

/** True when the raw topic holds a whole feed, to its end. */
export const isWhole = Effect.gen(function* () {
  const broker = yield* Broker
  const topic = yield* broker.topic({ name: RawTopic.name })
  const last = yield* Stream.runHead(topic.read({ from: "last", filters: ["p.*"] }))
  return Option.isSome(last) && RawTopic.isEnd(last.value)
})
