import * as Effect from "effect/Effect"
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
  return yield* Feeding.run(RawTopic, source, options)
})

/** What can stop an ingest. */
export type IngestError = Effect.Error<ReturnType<typeof run>>
